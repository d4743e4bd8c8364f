/** Building elements. Text always goes in as text, never as markup: names come from strangers. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | boolean | undefined>} [attributes]  true sets an empty one; false and undefined none
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Outlines on a 24 × 24 grid. */
const icons = {
  play: 'M8 5.5v13l10.5-6.5z',
  pause: 'M8 5.5v13M16 5.5v13',
  replay: 'M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4',
  sound: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11',
  muted: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  fullscreen: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  shrink: 'M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5',
  vr: 'M3 8.5A1.5 1.5 0 0 1 4.5 7h15A1.5 1.5 0 0 1 21 8.5v7a1.5 1.5 0 0 1-1.5 1.5H16l-2.2-3h-3.600L8 17H4.5A1.5 1.5 0 0 1 3 15.5zM7.5 11.5h1M15.5 11.5h1',
  back: 'M15 5l-7 7 7 7',
  globe: 'M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M3 12c0 4.2 18 4.2 18 0s-18-4.2-18 0M12 3c-4.8 0-4.8 18 0 18s4.8-18 0-18',
};

const SVG = 'http://www.w3.org/2000/svg';

/** @param {keyof typeof icons} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', icons[name]);
  svg.append(path);
  return svg;
}

/**
 * @param {keyof typeof icons} picture
 * @param {string} label  what a screen reader says, and the tooltip
 * @param {() => void} action
 */
export function iconButton(picture, label, action) {
  const button = el('button', { type: 'button', class: 'icon-button' });
  dress(button, picture, label);
  button.addEventListener('click', action);
  return button;
}

/**
 * @param {HTMLElement} button
 * @param {keyof typeof icons} picture
 * @param {string} label
 */
export function dress(button, picture, label) {
  if (button.dataset.icon === picture) return;
  button.dataset.icon = picture;
  button.setAttribute('aria-label', label);
  button.title = label;
  button.replaceChildren(icon(picture));
}
