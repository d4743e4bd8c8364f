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
export const icons = {
  play: 'M8 5.5v13l10.5-6.5z',
  pause: 'M8 5.5v13M16 5.5v13',
  replay: 'M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4',
  sound: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11',
  muted: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  fullscreen: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  shrink: 'M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5',
  vr: 'M3 8.5A1.5 1.5 0 0 1 4.5 7h15A1.5 1.5 0 0 1 21 8.5v7a1.5 1.5 0 0 1-1.5 1.5H16l-2.2-3h-3.600L8 17H4.5A1.5 1.5 0 0 1 3 15.5zM7.5 11.5h1M15.5 11.5h1',
  back: 'M15 5l-7 7 7 7',
  gear: 'M12 9a3 3 0 1 0 0 6a3 3 0 1 0 0-6M10.300 3.500h3.400l.5 2.400 1.700 1 2.300-.8 1.700 2.900-1.800 1.600v2l1.800 1.600-1.700 2.900-2.300-.8-1.700 1-.5 2.400h-3.400l-.5-2.400-1.700-1-2.300.8-1.700-2.900 1.800-1.600v-2L4.100 9l1.700-2.900 2.300.8 1.700-1z',
  next: 'M9 5l7 7-7 7',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  close: 'M6 6l12 12M18 6L6 18',
  search: 'M10.500 4a6.500 6.500 0 1 0 0 13a6.500 6.500 0 1 0 0-13M15.500 15.500L20.500 20.500',
  captions: 'M5.500 5h13A1.500 1.500 0 0 1 20 6.500v11a1.500 1.500 0 0 1-1.500 1.500h-13A1.500 1.500 0 0 1 4 17.500v-11A1.500 1.500 0 0 1 5.500 5zM10.500 10.500a2 2 0 1 0 0 3M16.500 10.500a2 2 0 1 0 0 3',
  share: 'M12 15V4M8 7.500L12 3.500l4 4M6 11.500v7A1.500 1.500 0 0 0 7.500 20h9a1.500 1.500 0 0 0 1.500-1.500v-7',
  keys: 'M4.500 6h15A1.500 1.500 0 0 1 21 7.500v9a1.500 1.500 0 0 1-1.500 1.500h-15A1.500 1.500 0 0 1 3 16.500v-9A1.500 1.500 0 0 1 4.500 6zM7 10h.010M10.500 10h.010M14 10h.010M17 10h.010M8 14.500h8',
  sphere: 'M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M3 12c0 3.500 18 3.500 18 0',
  eyes: 'M4.500 7.500h15v9h-5l-2.500-2.500-2.500 2.500h-5z',
  phone: 'M8 3.500h8a1 1 0 0 1 1 1v15a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1zM11 17.500h2',
  broken: 'M12 4L21 19.500H3zM12 10v4.500M12 17v.010',
  globe: 'M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M3 12c0 4.2 18 4.2 18 0s-18-4.2-18 0M12 3c-4.8 0-4.8 18 0 18s4.8-18 0-18',
};

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {keyof typeof icons} IconName */

/** @param {IconName} name */
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
 * @param {IconName} picture
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
 * @param {IconName} picture
 * @param {string} label
 */
export function dress(button, picture, label) {
  if (button.dataset.icon === picture) return;
  button.dataset.icon = picture;
  button.setAttribute('aria-label', label);
  button.title = label;
  button.replaceChildren(icon(picture));
}
