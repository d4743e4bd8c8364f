/** Which stream a link asks for, and whether this page may open it. */

/**
 * @typedef {{url: URL, kind: import('./types.js').Kind, name: string}} Address
 * @typedef {'missing' | 'malformed' | 'scheme' | 'elsewhere'} Refused
 */

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
  /** @type {URL} */
  let url;
  try {
    url = new URL(text, `${origin}/`);
  } catch {
    return { refused: 'malformed' };
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { refused: 'scheme' };
  const allowed = url.origin === origin || others.includes(url.origin);
  if (!allowed || url.username || url.password) return { refused: 'elsewhere' };
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
