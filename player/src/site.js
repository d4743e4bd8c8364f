/** What the server says is there: /live.json, /vod/catalog.json and an asset's own asset.json. */

import { resolved } from './address.js';

/** @typedef {import('./types.js').Asset} Asset */
/** @typedef {import('./types.js').Live} Live */

const timeout_ms = 8000;

/** @param {unknown} value */
const text = (value) => (typeof value === 'string' ? value : '');
/** @param {unknown} value @returns {any[]} */
const list = (value) => (Array.isArray(value) ? value : []);
/** @param {any} entry  of a list: has it an address that can be read? */
const playable = (entry) => !!text(entry?.url) && !!resolved(entry.url, location.origin);
/** @param {any} value @returns {import('./types.js').Shape} */
const shape = ({ projection, stereo, orientation: turned }) => ({
  projection: text(projection) || 'equirectangular',
  stereo: text(stereo) || 'mono',
  orientation: {
    yaw_deg: Number(turned?.yaw_deg) || 0,
    pitch_deg: Number(turned?.pitch_deg) || 0,
    roll_deg: Number(turned?.roll_deg) || 0,
  },
});

/** @param {any} value @returns {import('./types.js').Captions} */
const captions = (value) => ({
  url: text(value?.url),
  language: text(value?.language),
  label: text(value?.label) || text(value?.language),
});

/** @param {any} value @returns {Asset} */
function asset(value) {
  return {
    title: text(value.title) || text(value.name) || text(value.id),
    url: text(value.url),
    poster: text(value.poster),
    duration_s: Number(value.duration_s) || 0,
    published: text(value.published),
    thumbnails: text(value.thumbnails),
    captions: list(value.captions)
      .map(captions)
      .filter(({ url }) => url),
    ...shape(value),
  };
}

/**
 * @param {string | URL} url
 * @returns {Promise<any>}  undefined when there is no such thing; throws when the server does not answer well
 */
async function json(url) {
  const response = await fetch(url, { cache: 'no-cache', signal: AbortSignal.timeout(timeout_ms) });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${response.status} from ${url}`);
  const value = await response.json();
  return value && typeof value === 'object' ? value : undefined;
}

/** @returns {Promise<Live>} */
export async function fetchLive() {
  const value = (await json('/live.json')) ?? {};
  return {
    live: list(value.live)
      .filter(playable)
      .map((entry) => ({
        name: text(entry.name),
        title: text(entry.title) || text(entry.name),
        url: entry.url,
        since: text(entry.since),
        warnings: list(entry.warnings).map(text).filter(Boolean),
        ...shape(entry),
      })),
    refused: list(value.refused).map((entry) => ({
      name: text(entry?.name),
      reason: text(entry?.reason),
    })),
  };
}

/** @returns {Promise<Asset[]>}  newest first */
export async function fetchCatalog() {
  const value = (await json('/vod/catalog.json')) ?? {};
  return list(value.vod).filter(playable).map(asset);
}

/**
 * @param {URL} stream  an asset's master.m3u8
 * @returns {Promise<Asset | undefined>}  its thumbnails and captions with whole addresses
 */
export async function fetchAsset(stream) {
  const place = new URL('asset.json', stream);
  const value = await json(place);
  if (!value) return undefined;
  const found = asset(value);
  const whole = (/** @type {string} */ url) => resolved(url, place)?.href ?? '';
  return {
    ...found,
    thumbnails: found.thumbnails && whole(found.thumbnails),
    captions: found.captions.map((track) => ({ ...track, url: whole(track.url) })),
  };
}

/** What the server says of itself. @returns {Promise<import('./types.js').Site>} */
export async function fetchSite() {
  const value = (await json('/player.json')) ?? {};
  return { origins: list(value.origins).map(text).filter(Boolean), url: text(value.url), beacons: value.beacons === true, views: value.views === true };
}

/**
 * Does something again and again, each time after the last has finished; rests while nobody looks at the page.
 *
 * @param {() => Promise<void>} task  handles its own errors
 * @param {number} pause_ms
 */
export function poll(task, pause_ms) {
  const next = async () => {
    if (!document.hidden) await task();
    setTimeout(next, pause_ms);
  };
  void next();
}
