/** Finding a title by what somebody types: every word of it, in any order, whatever the case and the accents. */

/** @param {string} text */
const plain = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/**
 * @param {string} title
 * @param {string} wanted
 */
export function matches(title, wanted) {
  const name = plain(title);
  return plain(wanted)
    .split(/\s+/)
    .every((word) => name.includes(word));
}
