/** Which stream a link asks for, and whether this page may open it. */

/**
 * @typedef {{url: URL, kind: import('./types.js').Kind, name: string}} Address
 * @typedef {'missing' | 'malformed' | 'scheme' | 'elsewhere'} Refused
 */

/**
 * Reads the `url` of a link. Only http(s) addresses of the page's own origin pass.
 *
 * @param {string} text
 * @param {string} origin  of the page, such as `https://example.org`
 * @returns {{address: Address} | {refused: Refused}}
 */
export function readAddress(text, origin) {
  if (!text.trim()) return { refused: 'missing' };
  /** @type {URL} */
  let url;
  try {
    url = new URL(text, `${origin}/`);
  } catch {
    return { refused: 'malformed' };
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { refused: 'scheme' };
  if (url.origin !== origin || url.username || url.password) return { refused: 'elsewhere' };
  return { address: { url, kind: url.pathname.startsWith('/vod/') ? 'vod' : 'live', name: nameOf(url) } };
}

/** @param {URL} url */
function nameOf(url) {
  const parts = url.pathname.split('/').filter(Boolean);
  const part = (parts[0] === 'vod' ? parts[1] : parts.at(-1)) ?? '';
  try {
    return decodeURIComponent(part).replace(/\.m3u8$/, '');
  } catch {
    return part;
  }
}

/**
 * The address of the page that plays a stream.
 * @param {string} url
 */
export function watchLink(url) {
  return `/?url=${encodeURIComponent(fromRoot(url)).replaceAll('%2F', '/')}`;
}

/**
 * Listed addresses are relative to the edge's root, with or without a leading slash.
 * @param {string} url
 */
export function fromRoot(url) {
  const resolved = new URL(url, `${location.origin}/`);
  return resolved.origin === location.origin ? resolved.pathname + resolved.search : '/';
}
