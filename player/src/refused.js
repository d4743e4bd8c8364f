/** The page for a link that is not opened. */

import { el, icon } from './dom.js';
import { words } from './words.js';

/**
 * @param {HTMLElement} root
 * @param {import('./address.js').Refused} why
 */
export function showRefused(root, why) {
  document.title = `${words.refusedTitle} – ${words.brand}`;
  document.documentElement.classList.add('watching');
  root.replaceChildren(
    el(
      'main',
      { class: 'refused', role: 'main' },
      icon('broken'),
      el('h1', {}, words.refusedTitle),
      el('p', { role: 'alert' }, words.refused[why]),
      el('a', { class: 'pill', href: '/' }, words.back),
    ),
  );
}
