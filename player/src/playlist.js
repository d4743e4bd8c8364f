/** A look at a stream's playlists, apart from whatever plays them: is it there, and does it move? */

const timeout_ms = 8000;

/**
 * @typedef {{found: 'stream', tail: string, live: boolean}
 *   | {found: 'nothing'}
 *   | {found: 'other'}
 *   | {found: 'network'}
 *   | {found: 'trouble', status: number}} Sight
 *
 * `tail` names the newest segment; a live stream that goes on changes it.
 */

/**
 * @param {URL} url  of a multivariant or a media playlist
 * @returns {Promise<Sight>}
 */
export async function look(url) {
  /** @type {Response} */
  let response;
  let text = '';
  try {
    response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(timeout_ms) });
    text = await response.text();
  } catch {
    return { found: 'network' };
  }
  if ([403, 404, 410].includes(response.status)) return { found: 'nothing' };
  if (!response.ok) return { found: 'trouble', status: response.status };
  if (!text.startsWith('#EXTM3U')) return { found: 'other' };

  const variant = firstVariant(text);
  if (variant) return look(new URL(variant, response.url || url));
  const tail = lastSegment(text);
  if (!tail) return { found: 'nothing' };
  return { found: 'stream', tail, live: !text.includes('#EXT-X-ENDLIST') };
}

/** @param {string} playlist  # EXT-X-STREAM-INF */
export function firstVariant(playlist) {
  return /^#EXT-X-STREAM-INF[^\n]*\n\s*([^#\s][^\n]*)/m.exec(playlist)?.[1]?.trim();
}

/** @param {string} playlist  # EXTINF; the number tells apart names that are used again */
export function lastSegment(playlist) {
  const names = playlist.split('\n').filter((line) => line.trim() && !line.startsWith('#'));
  const first = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)/m.exec(playlist)?.[1] ?? 0);
  return names.length ? `${first + names.length - 1} ${names.at(-1)?.trim()}` : '';
}

/** Throws where there is none. @param {string} playlist  # EXT-X-STREAM-INF */
export function smallestVariant(playlist) {
  const variants = [...playlist.matchAll(/^#EXT-X-STREAM-INF:(?:.*[,:])?BANDWIDTH=(\d+).*\n\s*([^#\s].*)/gm)];
  const [smallest] = variants.sort((a, b) => Number(a[1]) - Number(b[1]));
  if (!smallest) throw new Error('no variant');
  return smallest[2].trim();
}

/** Fragmented MP4 only: throws for anything else. @param {string} playlist @returns {string[]}  # EXT-X-MAP and the last EXTINF */
export function newestSegment(playlist) {
  const [map, last] = [[...playlist.matchAll(/^#EXT-X-MAP:.*URI="([^"]+)"/gm)].at(-1)?.[1], lastSegment(playlist)];
  if (!map || !last) throw new Error('nothing to show');
  return [map, last.slice(last.indexOf(' ') + 1)];
}
