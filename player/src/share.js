/** Handing on a link: to the phone's own sheet, to the clipboard, or, where neither may be used, to look at and copy. */

import { el } from './dom.js';
import { dialog } from './shortcuts.js';
import { words } from './words.js';

/**
 * @param {string} link
 * @param {HTMLElement} stage  where a window may open
 * @param {(message: string) => void} say
 */
export async function share(link, stage, say) {
  const touch = matchMedia('(pointer: coarse)').matches;
  if (touch && navigator.share) {
    const answer = await navigator.share({ title: document.title, url: link }).catch((error) => error.name);
    if (answer === undefined || answer === 'AbortError') return;
  }
  try {
    await navigator.clipboard.writeText(link);
    say(words.copied);
  } catch {
    // No clipboard without HTTPS, or it is forbidden.
    const field = el('input', { type: 'text', readonly: true, value: link, 'aria-label': words.copyYourself });
    const box = dialog(words.copyYourself, field);
    box.addEventListener('close', () => box.remove());
    stage.append(box);
    box.showModal();
    field.select();
  }
}
