/** The page that plays one stream: puts the stream, the sphere and the controls together. */

import { fromRoot, readAddress } from './address.js';
import { Controls } from './controls.js';
import { dress, el, icon, iconButton } from './dom.js';
import { askForSensors, Look } from './look.js';
import { fetchAsset, fetchLive, poll } from './site.js';
import { hasWebgl, loadAframe, Sphere } from './sphere.js';
import { Stream } from './stream.js';
import { words } from './words.js';

const poll_ms = 3000;
/** Polls without the stream before "not listed" is believed: one may fall into a restart. */
const absent_polls = 3;
const idle_ms = 3000;

/** @typedef {import('./address.js').Address} Address */

/**
 * @param {HTMLElement} root
 * @param {string} text  what the link's `url` says
 */
export function showWatch(root, text) {
  const read = readAddress(text, location.origin);
  if ('refused' in read) showRefused(root, words.refused[read.refused]);
  else new Watch(root, read.address);
}

/**
 * @param {HTMLElement} root
 * @param {string} why
 */
function showRefused(root, why) {
  document.title = `${words.refusedTitle} – ${words.brand}`;
  document.documentElement.classList.add('watching');
  root.replaceChildren(
    el(
      'main',
      { class: 'refused', role: 'alert' },
      icon('globe'),
      el('h1', {}, words.refusedTitle),
      el('p', {}, why),
      el('a', { class: 'pill', href: '/' }, words.back),
    ),
  );
}

class Watch {
  #address;
  #stream;
  /** @type {Sphere | undefined} */ #sphere;
  /** @type {Look | undefined} */ #look;
  #shape = { projection: 'equirectangular', stereo: 'mono' };
  /** @type {boolean | undefined} */ #listed;
  #absent = 0;
  #note = '';
  #tapped = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #idle;

  #video = el('video', { class: 'picture', playsinline: true, crossorigin: 'anonymous', 'aria-hidden': 'true', tabindex: '-1' });
  #surface = el('div', { class: 'surface', tabindex: '0', role: 'application', 'aria-label': words.picture });
  #title = el('h1');
  #notice = el('div', { class: 'notice', role: 'status' }, el('span', { class: 'spinner' }), el('p'));
  #noteLine = el('p', { class: 'note', role: 'note' });
  #bigPlay = iconButton('play', words.play, () => this.#stream.play());
  #retry = el('button', { type: 'button', class: 'pill' }, words.retry);
  #sound = el('button', { type: 'button', class: 'pill sound' }, icon('muted'), words.tapForSound);
  #stage;
  #controls;

  /**
   * @param {HTMLElement} root
   * @param {Address} address
   */
  constructor(root, address) {
    this.#address = address;
    this.#video.muted = true; // Browsers let only silent video start by itself.
    this.#stream = new Stream(this.#video, address, () => this.#listed);
    this.#bigPlay.classList.add('big-play');
    this.#notice.append(this.#retry);
    this.#stage = el('main', { class: 'watch' });
    this.#controls = new Controls(this.#stream, this.#video, this.#stage);
    const back = el('a', { class: 'icon-button', href: '/', 'aria-label': words.back, title: words.back }, icon('back'));
    this.#stage.append(
      ...[this.#video, this.#surface, el('header', { class: 'top' }, back, this.#title), this.#noteLine],
      ...[this.#notice, this.#bigPlay, this.#sound, this.#controls.element],
    );
    document.documentElement.classList.add('watching');
    root.replaceChildren(this.#stage);

    this.#name(address.name);
    this.#listen();
    this.#report();
    this.#update();
    void this.#showSphere();
    void this.#stream.start();
    if (address.kind === 'vod') void this.#readAsset();
    else poll(() => this.#readLive(), poll_ms);
  }

  #listen() {
    this.#stream.addEventListener('change', () => this.#update());
    this.#video.addEventListener('volumechange', () => this.#update());
    this.#retry.addEventListener('click', () => this.#stream.retry());
    this.#sound.addEventListener('click', () => (this.#video.muted = false));
    for (const event of ['pointermove', 'pointerdown', 'keydown', 'focusin']) {
      this.#stage.addEventListener(event, () => this.#wake());
    }
  }

  // What is known about the stream.

  async #readAsset() {
    const asset = await fetchAsset(this.#address.url).catch(() => undefined);
    if (!asset) return;
    this.#name(asset.title || this.#address.name);
    this.#setShape(asset);
  }

  async #readLive() {
    const answer = await fetchLive().catch(() => undefined);
    if (!answer) return;
    const path = this.#address.url.pathname;
    const found = answer.live.find(({ url }) => fromRoot(url).split('?')[0] === path);
    this.#absent = found ? 0 : this.#absent + 1;
    if (found) {
      this.#listed = true;
      this.#name(found.title);
      this.#setShape(found);
    } else if (this.#listed === undefined ? path.startsWith('/hls/') : this.#absent >= absent_polls) {
      this.#listed = false;
    }
  }

  /** @param {string} title */
  #name(title) {
    this.#title.textContent = title;
    document.title = `${title} – ${words.brand}`;
  }

  // The picture.

  /** @param {{projection: string, stereo: string}} shape */
  #setShape({ projection, stereo }) {
    this.#shape = { projection, stereo };
    this.#wrap();
  }

  async #showSphere() {
    if (!hasWebgl()) return this.#setNote(words.noWebgl);
    try {
      await loadAframe();
      const sphere = new Sphere(this.#surface, this.#video);
      await sphere.ready;
      this.#sphere = sphere;
    } catch {
      return this.#setNote(words.noSphere);
    }
    this.#look = new Look(this.#surface, this.#sphere, (event) => this.#tap(event));
    void this.#controls.offerVr(() => this.#sphere?.enterVr());
    this.#wrap();
  }

  #wrap() {
    if (!this.#sphere) return;
    const { projection, stereo } = this.#shape;
    const wrapped = this.#sphere.show(projection, stereo);
    this.#stage.dataset.sphere = String(wrapped);
    this.#setNote(wrapped ? '' : words.flatProjection(projection));
  }

  /** @param {string} note */
  #setNote(note) {
    this.#note = note;
    this.#noteLine.textContent = note;
    this.#noteLine.hidden = !note;
  }

  // The viewer.

  /** @param {PointerEvent} event */
  #tap(event) {
    void askForSensors();
    if (!this.#tapped && this.#video.muted && this.#stream.wanted) {
      this.#tapped = true;
      this.#video.muted = false;
    } else if (event.pointerType === 'mouse') {
      this.#stream.toggle();
    }
  }

  /** Shows the controls, and hides them again once nobody moves. */
  #wake() {
    this.#stage.classList.remove('idle');
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      const busy = this.#controls.element.querySelector(':focus-visible');
      if (this.#stream.state === 'playing' && !busy) this.#stage.classList.add('idle');
    }, idle_ms);
  }

  #update() {
    const { state, message, wanted } = this.#stream;
    if (this.#stage.dataset.state !== state) this.#wake();
    this.#stage.dataset.state = state;
    const said = /** @type {Element} */ (this.#notice.querySelector('p'));
    if (said.textContent !== message) said.textContent = message;
    this.#notice.hidden = !message && state !== 'loading';
    this.#retry.hidden = state !== 'error';
    this.#bigPlay.hidden = !(state === 'paused' || (state === 'ended' && this.#address.kind === 'vod'));
    dress(this.#bigPlay, state === 'ended' ? 'replay' : 'play', state === 'ended' ? words.replay : words.play);
    if (!this.#video.muted) this.#tapped = true;
    this.#sound.hidden = this.#tapped || !wanted || state !== 'playing';
  }

  /** What tests and benches read; nobody can write to it. */
  #report() {
    const [stream, video] = [this.#stream, this.#video];
    const facts = {
      state: () => stream.state,
      message: () => stream.message || this.#note,
      level: () => stream.engine.level,
      delay_s: () => (stream.live ? stream.engine.delay_s : 0),
      video: () => video,
      yaw_deg: () => this.#look?.yaw_deg ?? 0,
      pitch_deg: () => this.#look?.pitch_deg ?? 0,
      sphere: () => this.#stage.dataset.sphere === 'true',
    };
    const report = {};
    for (const [name, get] of Object.entries(facts)) Object.defineProperty(report, name, { get, enumerable: true });
    Object.defineProperty(window, 'panocast', { value: Object.freeze(report) });
  }
}
