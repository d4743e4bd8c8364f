/** The keys of the watch page (arrow keys turn the view: steer.js), and the list of them. */

import { el, iconButton } from './dom.js';
import { shortcuts, words } from './words.js';

/**
 * @param {Record<string, () => void>} acts  by key, letters in lower case
 */
export function listenToKeys(acts) {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    const on = event.target instanceof Element ? event.target : document.body;
    if (on.closest('input[type=text], dialog')) return;
    // Space presses the button that has the focus; Enter always does.
    if (event.key === ' ' && on.closest('button, a, select')) return;
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || (event.repeat && !'+-='.includes(event.key))) return;
    event.preventDefault();
    act();
  });
}

/** A window over the page. @param {string} title @param {(Node | string)[]} content */
export function dialog(title, ...content) {
  const box = el('dialog', { 'aria-label': title });
  const close = iconButton('close', words.close, () => box.close());
  box.append(el('header', {}, el('h2', {}, title), close), ...content);
  box.addEventListener('click', ({ target }) => target === box && box.close());
  return box;
}

export function helpDialog() {
  const rows = shortcuts.map(([keys, does]) => [
    el('dt', {}, ...keys.split(' ').map((key) => el('kbd', {}, key))),
    el('dd', {}, does),
  ]);
  return dialog(words.keyboard, el('dl', { class: 'shortcuts' }, ...rows.flat()));
}
