/** What a live stream shows now, for its card in the library: one picture of the smallest rung, without a player. */

import { fromRoot } from './address.js';
import { el } from './dom.js';
import { newestSegment, smallestVariant } from './playlist.js';
import { eyesOf } from './projections.js';
import { poll } from './site.js';

/** A segment of the smallest rung is 100 KB or so. */
const pause_ms = 60_000;
const timeout_ms = 10_000;

/** @typedef {import('./types.js').LiveStream} LiveStream */

/** What lies ahead, in parts of one eye's picture: x, y, width, height. @type {Record<string, [number, number, number, number]>} */
const ahead = {
  equirectangular: [0.25, 0.2, 0.5, 0.6],
  'half-equirectangular': [0, 0.2, 1, 0.6],
  cubemap: [1 / 3, 1 / 2, 1 / 3, 1 / 2],
  eac: [1 / 3, 0, 1 / 3, 1 / 2],
  'dual-fisheye': [0.55, 0.2, 0.4, 0.6],
};

/** Gives posters of live streams their pictures, each now and then anew. */
export class Stills {
  /** @type {Map<string, {stream: LiveStream, place: HTMLElement, canvas: HTMLCanvasElement}>} */ #cards = new Map();

  /** @param {LiveStream} stream @param {HTMLElement} place  its poster, new whenever the library is drawn anew */
  show(stream, place) {
    const known = this.#cards.get(stream.url);
    const canvas = known?.canvas ?? el('canvas', { width: '0', 'aria-hidden': 'true' });
    place.append(canvas);
    this.#cards.set(stream.url, { stream, place, canvas });
    if (known || /** @type {any} */ (navigator).connection?.saveData) return;
    const again = async () => {
      const card = this.#cards.get(stream.url);
      if (card?.place.isConnected) await draw(card.canvas, card.stream).catch(() => {});
    };
    queueMicrotask(() => poll(again, pause_ms)); // Once the poster is on the page.
  }
}

/** Throws where there is no picture to be had this way; the card does without then. @param {HTMLCanvasElement} canvas @param {LiveStream} stream */
async function draw(canvas, { url, projection, stereo }) {
  const video = el('video', { playsinline: true, preload: 'auto' });
  video.muted = true;
  const film = URL.createObjectURL(await newestMoment(new URL(fromRoot(url), location.origin)));
  try {
    await new Promise((done, failed) => {
      video.addEventListener('loadeddata', done, { once: true });
      video.addEventListener('error', failed, { once: true });
      setTimeout(failed, timeout_ms);
      video.src = film;
      video.play().catch(() => {}); // Else an iPhone does not load it.
    });
    const [x, y, width, height] = inEye(ahead[projection] ?? [0, 0, 1, 1], eyesOf(stereo)[0].part);
    const [full, high] = [video.videoWidth, video.videoHeight];
    Object.assign(canvas, { width: Math.round(width * full), height: Math.round(height * high) });
    canvas.getContext('2d')?.drawImage(video, x * full, y * high, width * full, height * high, 0, 0, canvas.width, canvas.height);
  } finally {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(film);
  }
}

/** @param {number[]} place @param {number[]} eye  in the whole picture */
const inEye = ([x, y, width, height], [left, top, across, down]) => [left + x * across, top + y * down, width * across, height * down];

/** A film of the newest segment alone, which any <video> plays. @param {URL} url  of the multivariant playlist */
async function newestMoment(url) {
  const media = new URL(smallestVariant(await (await get(url)).text()), url);
  const names = newestSegment(await (await get(media)).text());
  return new Blob(await Promise.all(names.map(async (name) => (await get(new URL(name, media))).arrayBuffer())), { type: 'video/mp4' });
}

/** @param {URL} url */
async function get(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeout_ms) });
  if (!response.ok) throw new Error(`${response.status} from ${url}`);
  return response;
}
