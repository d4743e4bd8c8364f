/** The seek bar of a recording: where it is, what is loaded, and a picture of where it would go. */

import { el } from './dom.js';
import { readThumbnails, thumbnailAt } from './vtt.js';
import { clock, words } from './words.js';

const key_step_s = 5;
const page_step_s = 60;

export class SeekBar {
  #video;
  #input = el('input', { type: 'range', class: 'seek', min: '0', max: '0', step: 'any', value: '0', 'aria-label': words.seek });
  #picture = el('span', { class: 'thumbnail', hidden: true });
  #when = el('span', { class: 'when' });
  #bubble = el('div', { class: 'bubble', hidden: true, 'aria-hidden': 'true' }, this.#picture, this.#when);
  #seeking = false;
  /** @type {import('./vtt.js').Thumbnail[]} */ #thumbnails = [];

  element = el('div', { class: 'seekbar' }, this.#bubble, this.#input);

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    const input = this.#input;
    input.addEventListener('input', () => {
      this.#seeking = true;
      video.currentTime = Number(input.value);
      this.#preview(Number(input.value));
      this.update();
    });
    input.addEventListener('change', () => {
      this.#seeking = false;
      this.#bubble.hidden = true;
    });
    input.addEventListener('pointermove', (event) => this.#preview(this.#timeAt(event.clientX)));
    for (const gone of ['pointerleave', 'pointercancel', 'blur']) {
      input.addEventListener(gone, () => (this.#bubble.hidden = true));
    }
    input.addEventListener('keydown', (event) => this.#key(event));
  }

  /** @param {string} url  of WebVTT that points into picture sheets; without, only the time is shown */
  async readThumbnails(url) {
    const response = await fetch(url);
    if (response.ok) this.#thumbnails = readThumbnails(await response.text(), url);
  }

  /** A whole recording has hundreds of slider steps; keys go by seconds. @param {KeyboardEvent} event */
  #key(event) {
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: -key_step_s, ArrowRight: key_step_s, PageDown: -page_step_s, PageUp: page_step_s };
    const { currentTime, duration } = this.#video;
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.#video.currentTime = Math.max(0, Math.min(duration, currentTime + steps[event.key]));
  }

  /** @param {number} x_px */
  #timeAt(x_px) {
    const { left, width } = this.#input.getBoundingClientRect();
    const thumb_px = 16; // The knob's middle goes from half its width to half its width before the end.
    const part = (x_px - left - thumb_px / 2) / Math.max(1, width - thumb_px);
    return Math.max(0, Math.min(1, part)) * Number(this.#input.max);
  }

  /** @param {number} at_s */
  #preview(at_s) {
    const total_s = Number(this.#input.max);
    if (!total_s) return;
    this.#when.textContent = clock(at_s);
    const thumbnail = thumbnailAt(this.#thumbnails, at_s);
    this.#picture.hidden = !thumbnail;
    if (thumbnail) {
      const { url, x, y, width, height } = thumbnail;
      Object.assign(this.#picture.style, {
        width: `${width}px`,
        height: `${height}px`,
        backgroundImage: `url("${url}")`,
        backgroundPosition: `${-x}px ${-y}px`,
      });
    }
    this.#bubble.hidden = false;
    const [half, whole] = [this.#bubble.offsetWidth / 2, this.element.clientWidth];
    const x_px = Math.max(half, Math.min(whole - half, (at_s / total_s) * whole));
    this.#bubble.style.left = `${x_px}px`;
  }

  update() {
    const { currentTime, duration, buffered } = this.#video;
    const recorded = Number.isFinite(duration) && duration > 0;
    if (!recorded) return;
    let loaded_s = currentTime;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.start(i) <= currentTime + 0.5) loaded_s = Math.max(loaded_s, buffered.end(i));
    }
    this.#input.max = String(duration);
    if (!this.#seeking) this.#input.value = String(currentTime);
    this.#input.style.setProperty('--done', `${(100 * currentTime) / duration}%`);
    this.#input.style.setProperty('--loaded', `${(100 * loaded_s) / duration}%`);
    const said = `${clock(currentTime)} / ${clock(duration)}`;
    if (this.#input.getAttribute('aria-valuetext') !== said) this.#input.setAttribute('aria-valuetext', said);
  }
}
