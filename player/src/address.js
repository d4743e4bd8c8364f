/** Which stream a link asks for, and whether this page may open it. */

/**
 * @typedef {{url: URL, path: string, kind: import('./types.js').Kind, name: string}} Address
 *   its path is the one that servers list, without the token of signed playback
 * @typedef {'missing' | 'malformed' | 'scheme' | 'elsewhere'} Refused
 */

/**
 * Like `new URL`; URL.canParse is younger than many a phone.
 *
 * @param {string} text
 * @param {string | URL} base
 * @returns {URL | undefined}
 */
export function resolved(text, base) {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/**
 * Reads the `url` of a link. Only http(s) addresses of the page's own origin pass, and of others that its server names.
 *
 * @param {string} text
 * @param {string} origin  of the page, such as `https://example.org`
 * @param {string[]} [others]
 * @returns {{address: Address} | {refused: Refused}}
 */
export function readAddress(text, origin, others = []) {
  if (!text.trim()) return { refused: 'missing' };
  const url = resolved(text, origin);
  if (!url) return { refused: 'malformed' };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { refused: 'scheme' };
  const allowed = url.origin === origin || others.includes(url.origin);
  if (!allowed || url.username || url.password) return { refused: 'elsewhere' };
  const path = url.pathname.replace(/^\/s\/[^/]+(?=\/)/, '');
  return { address: { url, path, kind: path.startsWith('/vod/') ? 'vod' : 'live', name: nameOf(path) } };
}

/** @param {string} path */
function nameOf(path) {
  const parts = path.split('/').filter(Boolean);
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
  const whole = new URL(url, `${location.origin}/`);
  const short = whole.origin === location.origin ? whole.pathname + whole.search : whole.href;
  return `/?url=${encodeURIComponent(short).replaceAll('%2F', '/')}`;
}

/**
 * Listed addresses are relative to the edge's root, with or without a leading slash.
 * @param {string} url
 */
export function fromRoot(url) {
  const resolved = new URL(url, `${location.origin}/`);
  return resolved.origin === location.origin ? resolved.pathname + resolved.search : '/';
}
