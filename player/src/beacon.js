/**
 * How well it plays, told to this page's own server once a minute and when the page is left: figures alone. There is no
 * cookie, no name, and no number that two reports share. Who asks not to be tracked is not.
 */

import { fetchSite } from './site.js';
import { words } from './words.js';

const tick_ms = 1000;
const every_ticks = 60;
const cell_deg = 10;
const columns = 360 / cell_deg;
const rows = 180 / cell_deg;
/** What it says when it gives up, and what that is called. @type {Record<string, string>} */
const reasons = {
  [words.codec]: 'codec',
  [words.broken]: 'broken',
  [words.unsupported]: 'unsupported',
  [words.noPlayer]: 'network',
  [words.notStream]: 'notStream',
};

/** NAME of a live stream, NAME/SESSION of a recording. @param {URL} url */
export function streamOf({ pathname }) {
  return /\/(?:hls|testhls)\/([^/]+)\.m3u8$/.exec(pathname)?.[1] ?? /\/vod\/([^/]+\/[^/]+)\/master\.m3u8$/.exec(pathname)?.[1];
}

/** The cell of a direction: columns from left to right, rows from above to below. @param {number} yaw_deg @param {number} pitch_deg */
export function cellOf(yaw_deg, pitch_deg) {
  const column = Math.floor(((((yaw_deg + 180) % 360) + 360) % 360) / cell_deg);
  return [column % columns, Math.min(rows - 1, Math.max(0, Math.floor((90 - pitch_deg) / cell_deg)))];
}

/** Figures since the last report. */
const nothing = () => ({
  played_s: 0,
  stalled_s: 0,
  stalls: 0,
  bits: 0,
  delays_s: /** @type {number[]} */ ([]),
  errors: /** @type {string[]} */ ([]),
  cells: /** @type {Map<string, number>} */ (new Map()),
  startup_s: /** @type {number | undefined} */ (undefined),
});

/**
 * @param {import('./address.js').Address} address
 * @param {import('./stream.js').Stream} stream
 * @param {HTMLVideoElement} video
 * @param {import('./view.js').View} view
 */
export async function report(address, stream, video, view) {
  const name = streamOf(address.url);
  const unwilling = /** @type {any} */ (navigator).globalPrivacyControl || navigator.doNotTrack === '1';
  if (!name || unwilling || address.url.origin !== location.origin) return;
  let since = nothing();
  let last = stream.state;
  let prompt = !document.hidden;
  const follow = () => {
    const { state, message } = stream;
    if (state === last) return;
    if (prompt && state === 'playing') since.startup_s = performance.now() / 1000;
    // A wait for a stream or for a viewer's press is no slow start.
    prompt &&= state === 'loading' && !document.hidden;
    if (state === 'waiting' && last === 'playing' && !video.seeking) since.stalls++;
    if (state === 'error') since.errors.push(reasons[message] ?? 'other');
    last = state;
  };
  stream.addEventListener('change', follow);
  follow();
  const site = await fetchSite().catch(() => undefined);
  if (!site?.beacons) return stream.removeEventListener('change', follow);

  const send = () => {
    const { played_s, bits, delays_s, errors, cells, ...rest } = since;
    since = nothing();
    if (!played_s && !errors.length && !rest.stalled_s) return;
    const more = {
      bitrate_bps: played_s && bits ? Math.round(bits / played_s) : undefined,
      delay_s: delays_s.length ? delays_s.reduce((a, b) => a + b) / delays_s.length : undefined,
      views: [...cells].map(([cell, seconds]) => [...cell.split(' ').map(Number), seconds]),
    };
    const told = { kind: address.kind, stream: name, played_s, errors: errors.slice(0, 10), ...rest, ...more };
    navigator.sendBeacon('/beacon', JSON.stringify(told));
  };
  const tick = () => {
    if (document.hidden || !stream.played) return;
    if (stream.state === 'waiting' && !video.seeking) since.stalled_s++;
    if (stream.state !== 'playing') return;
    since.played_s++;
    const { level, qualities, delay_s } = stream.engine;
    since.bits += qualities.find(({ index }) => index === level)?.bitrate_bps ?? 0;
    if (stream.live && Number.isFinite(delay_s)) since.delays_s.push(delay_s);
    if (site.views) {
      const cell = cellOf(view.heading.yaw_deg, view.heading.pitch_deg).join(' ');
      since.cells.set(cell, (since.cells.get(cell) ?? 0) + 1);
    }
  };
  let ticks = 0;
  setInterval(() => {
    tick();
    if (++ticks % every_ticks === 0) send();
  }, tick_ms);
  document.addEventListener('visibilitychange', () => document.hidden && send());
  addEventListener('pagehide', send);
}
