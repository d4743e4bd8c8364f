/** Shows where the viewer looks, from above; a press looks ahead again. */

import { el } from './dom.js';
import { words } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

/** @param {string} tag @param {Record<string, string>} attributes */
function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** @param {number} half_deg  a slice of a pie, open upwards, to both sides of the middle */
function slice(half_deg) {
  const [x, y] = [Math.sin((half_deg * Math.PI) / 180) * 9, Math.cos((half_deg * Math.PI) / 180) * 9];
  return `M12 12L${(12 - x).toFixed(2)} ${(12 - y).toFixed(2)}A9 9 0 0 1 ${(12 + x).toFixed(2)} ${(12 - y).toFixed(2)}Z`;
}

export class Compass {
  #slice = shape('path', { class: 'looks' });
  #button;

  /**
   * @param {import('./view.js').View} view
   * @param {HTMLElement} surface
   * @param {() => void} recentre
   */
  constructor(view, surface, recentre) {
    const svg = shape('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' });
    svg.append(shape('circle', { cx: '12', cy: '12', r: '9.5' }), shape('path', { d: 'M12 2.500v2.500' }), this.#slice);
    this.#button = el('button', { type: 'button', class: 'icon-button compass' });
    this.#button.append(svg);
    this.#button.addEventListener('click', recentre);
    this.element = this.#button;
    const draw = () => this.#draw(view, surface.clientWidth / Math.max(1, surface.clientHeight));
    view.addEventListener('change', draw);
    draw();
  }

  /** @param {import('./view.js').View} view @param {number} aspect */
  #draw(view, aspect) {
    const { yaw_deg, pitch_deg } = view.heading;
    const half_deg = (Math.atan(Math.tan((view.fov_deg * Math.PI) / 360) * aspect) * 180) / Math.PI;
    this.#slice.setAttribute('d', slice(half_deg));
    this.#slice.setAttribute('transform', `rotate(${yaw_deg.toFixed(1)} 12 12)`);
    const label = words.heading(Math.round(yaw_deg), Math.round(pitch_deg));
    this.#button.setAttribute('aria-label', label);
    this.#button.title = label;
  }
}
