/** The page that plays one stream: puts the stream, the sphere and the controls together. */

import { fromRoot, readAddress } from './address.js';
import * as beacon from './beacon.js';
import { Captions } from './captions.js';
import { Compass } from './compass.js';
import { Controls } from './controls.js';
import { dress, el, icon, iconButton } from './dom.js';
import { firstPicture, glimpse } from './glimpse.js';
import { linkTo, readWishes } from './link.js';
import { Menu } from './menu.js';
import { settingsPage } from './options.js';
import { Picture } from './picture.js';
import { report } from './report.js';
import { followDevice } from './sensors.js';
import { share } from './share.js';
import { helpDialog, listenToKeys } from './shortcuts.js';
import { fetchAsset, fetchLive, fetchSite, poll } from './site.js';
import { widestPicture } from './sphere.js';
import { Steer } from './steer.js';
import { Stream } from './stream.js';
import { View } from './view.js';
import { words } from './words.js';

const poll_ms = 3000;
/** Polls without the stream before "not listed" is believed: one may fall into a restart. */
const absent_polls = 3;
const idle_ms = 3000;
const toast_ms = 4000;
/** One press of + or -. */
const zoom_step = 1.15;
const skip_s = 10;

/** @typedef {import('./address.js').Address} Address */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} query  of the link; its `url` names the stream
 */
export async function showWatch(root, query) {
  const text = query.get('url') ?? '';
  let read = readAddress(text, location.origin);
  if ('refused' in read && read.refused === 'elsewhere') {
    read = readAddress(text, location.origin, (await fetchSite().catch(() => undefined))?.origins);
  }
  if ('refused' in read) (await import('./refused.js')).showRefused(root, read.refused);
  else new Watch(root, read.address, readWishes(query));
}

class Watch {
  #address;
  #wishes;
  #view = new View();
  #stream;
  #picture;
  #captions;
  #controls;
  #menu;
  /** @type {boolean | undefined} */ #listed;
  #absent = 0;
  #tapped = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #idle;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #untoast;

  #video = el('video', { class: 'picture', playsinline: true, crossorigin: 'anonymous', 'aria-hidden': 'true', tabindex: '-1' });
  #surface = el('div', { class: 'surface', tabindex: '0', role: 'application', 'aria-label': words.picture });
  #title = el('h1');
  #notice = el('div', { class: 'notice', role: 'status' }, el('span', { class: 'spinner' }), el('p'));
  #noteLine = el('p', { class: 'note', role: 'note' });
  #toast = el('p', { class: 'toast', role: 'status' });
  #bigPlay = iconButton('play', words.play, () => this.#stream.play());
  #retry = el('button', { type: 'button', class: 'pill' }, words.retry);
  #sound = el('button', { type: 'button', class: 'pill sound' }, icon('muted'), words.tapForSound);
  #help = helpDialog();
  #stage = el('main', { class: 'watch' });
  #askForSensors = followDevice((held) => this.#view.hold(held));

  /**
   * @param {HTMLElement} root
   * @param {Address} address
   * @param {import('./types.js').Wishes} wishes
   */
  constructor(root, address, wishes) {
    this.#address = address;
    this.#wishes = wishes;
    this.#video.muted = true; // Browsers let only silent video start by itself.
    /** @type {number | undefined} */ let found;
    const widest = () => (found ??= widestPicture());
    this.#stream = new Stream(this.#video, address, () => this.#listed, { widest, start_s: wishes.start_s });
    this.#picture = new Picture(this.#stream.engine, widest, wishes);
    this.#captions = new Captions(this.#video);
    this.#controls = new Controls(this.#stream, this.#video, this.#stage, this.#captions);
    const subject = {
      engine: this.#stream.engine,
      captions: this.#captions,
      picture: this.#picture,
      share: () => this.#share(),
      help: () => this.#help.showModal(),
    };
    this.#menu = new Menu(this.#controls.settings, () => settingsPage(subject));
    this.#build(root);
    this.#name(address.name);
    glimpse(this.#video, this.#picture, this.#view, this.#stage);
    this.#listen();
    report(address, this.#stream, this.#video, this.#view, this.#picture);
    void beacon.report(address, this.#stream, this.#video, this.#view);
    this.#view.look(wishes);
    new ResizeObserver(() => this.#view.fit(this.#stage.clientHeight > this.#stage.clientWidth)).observe(this.#stage);
    new Steer(this.#surface, this.#view, (event) => this.#tap(event));
    this.#update();
    void this.#stream.start();
    void this.#wrap();
    if (address.kind === 'vod') void this.#readAsset();
    else poll(() => this.#readLive(), poll_ms);
  }

  /** @param {HTMLElement} root */
  #build(root) {
    this.#bigPlay.classList.add('big-play');
    this.#notice.append(this.#retry);
    const back = el('a', { class: 'icon-button', href: '/', 'aria-label': words.back, title: words.back }, icon('back'));
    const compass = new Compass(this.#view, this.#surface, () => this.#recentre());
    const sharing = iconButton('share', words.share, () => this.#share());
    this.#stage.append(
      ...[this.#video, this.#surface, this.#captions.element],
      el('header', { class: 'top' }, back, this.#title, el('span', { class: 'space' }), sharing, compass.element),
      ...[this.#noteLine, this.#notice, this.#bigPlay, this.#sound],
      ...[this.#controls.element, this.#menu.element, this.#toast, this.#help],
    );
    document.documentElement.classList.add('watching');
    root.replaceChildren(this.#stage);
  }

  #listen() {
    const [stream, video] = [this.#stream, this.#video];
    stream.addEventListener('change', () => this.#update());
    stream.addEventListener('lowered', () => this.#say(words.lowered));
    for (const event of ['volumechange', 'loadeddata', 'resize']) video.addEventListener(event, () => this.#update());
    this.#picture.addEventListener('change', () => this.#update());
    this.#captions.addEventListener('change', () => this.#menu.update());
    this.#retry.addEventListener('click', () => stream.retry());
    this.#sound.addEventListener('click', () => {
      video.muted = false;
      void this.#askForSensors();
    });
    for (const event of ['pointermove', 'pointerdown', 'keydown', 'focusin']) {
      this.#stage.addEventListener(event, () => this.#wake());
    }
    const [nearer, wider] = [() => this.#view.zoom(1 / zoom_step), () => this.#view.zoom(zoom_step)];
    listenToKeys({
      ' ': () => stream.toggle(),
      m: () => this.#controls.toggleMute(),
      f: () => this.#controls.toggleFullscreen(),
      c: () => this.#captions.toggle(),
      j: () => stream.skip(-skip_s),
      l: () => stream.skip(skip_s),
      0: () => this.#recentre(),
      '+': nearer,
      '=': nearer,
      '-': wider,
      '?': () => this.#help.showModal(),
    });
  }

  // What is known about the stream.

  async #readAsset() {
    const asset = await fetchAsset(this.#address.url).catch(() => undefined);
    if (!asset) return;
    this.#name(asset.title || this.#address.name);
    this.#picture.tell(asset);
    this.#captions.add(asset.captions);
    if (asset.thumbnails) await this.#controls.seekBar.readThumbnails(asset.thumbnails).catch(() => {});
  }

  async #readLive() {
    const answer = await fetchLive().catch(() => undefined);
    const { url: asked, path } = this.#address;
    if (!answer || asked.origin !== location.origin) return;
    const found = answer.live.find(({ url }) => fromRoot(url).split('?')[0] === path);
    this.#absent = found ? 0 : this.#absent + 1;
    if (found) {
      this.#listed = true;
      this.#name(found.title);
      this.#picture.tell(found);
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

  async #wrap() {
    await firstPicture(this.#video);
    await this.#picture.wrap(this.#surface, this.#video, this.#view);
    this.#wake(); // The sphere keeps a slow device busy: whoever wanted to press something could not.
    const { sphere } = this.#picture;
    if (!sphere) return;
    void this.#controls.offerVr(() => sphere.enterVr().catch(() => this.#say(words.noVr)));
    /** Few have a headset: the rest need not fetch what it takes. @type {Promise<(inside: boolean) => void> | undefined} */
    let panel;
    sphere.onHeadset((inside) => {
      panel ??= import('./headset.js').then(({ makePanel }) =>
        makePanel(sphere, this.#stream, this.#video, () => this.#recentre()),
      );
      void panel.then((show) => show(inside), () => (panel = undefined)); // Another time, perhaps.
    });
  }

  #recentre() {
    this.#view.recentre();
    this.#picture.sphere?.recentre();
  }

  // The viewer.

  /** @param {PointerEvent} event */
  #tap(event) {
    void this.#askForSensors();
    if (!this.#tapped && this.#video.muted && this.#stream.wanted) {
      this.#tapped = true;
      this.#video.muted = false;
    } else if (event.pointerType === 'mouse') {
      this.#stream.toggle();
    }
  }

  /** Where the viewer is now, for somebody else. */
  #share() {
    const { yaw_deg, pitch_deg } = this.#view.heading;
    const start_s = this.#stream.live ? 0 : this.#video.currentTime;
    const here = { ...this.#picture.wishes, start_s, yaw_deg, pitch_deg, fov_deg: this.#view.fov_deg };
    void share(new URL(linkTo(this.#address.url.href, here), location.href).href, this.#stage, (said) => this.#say(said));
  }

  /** @param {string} message  shown for a moment */
  #say(message) {
    this.#toast.textContent = message;
    clearTimeout(this.#untoast);
    this.#untoast = setTimeout(() => (this.#toast.textContent = ''), toast_ms);
  }

  /** Shows the controls, and hides them again once nobody moves. */
  #wake() {
    this.#stage.classList.remove('idle');
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      const busy = this.#menu.open || this.#stage.querySelector(':is(.top, .bar) :focus-visible');
      if (this.#stream.state === 'playing' && !this.#picture.awaited && !busy) this.#stage.classList.add('idle');
    }, idle_ms);
  }

  #update() {
    const { state, message, wanted, played } = this.#stream;
    if (this.#stage.dataset.state !== state) {
      this.#stage.dataset.state = state;
      this.#wake();
      this.#picture.update(); // The qualities may be known now.
    }
    this.#stage.dataset.sphere = this.#picture.awaited ? 'awaited' : String(this.#picture.wrapped);
    const silent = state === 'playing' && this.#video.readyState >= 2 && !this.#video.videoWidth;
    this.#noteLine.textContent = silent ? words.audioOnly : this.#picture.note;
    this.#noteLine.hidden = !this.#noteLine.textContent;
    const said = /** @type {Element} */ (this.#notice.querySelector('p'));
    if (said.textContent !== message) said.textContent = message;
    const blank = this.#picture.awaited && !this.#video.classList.contains('glimpse');
    this.#notice.classList.toggle('silent', !message && state !== 'loading' && !blank);
    this.#retry.hidden = state !== 'error';
    // Who has paused wants to look around: nothing lies in the middle then.
    this.#bigPlay.hidden = !((state === 'paused' && !played) || (state === 'ended' && this.#address.kind === 'vod'));
    dress(this.#bigPlay, state === 'ended' ? 'replay' : 'play', state === 'ended' ? words.replay : words.play);
    if (!this.#video.muted) this.#tapped = true;
    this.#sound.hidden = this.#tapped || !wanted || state !== 'playing';
    this.#menu.update();
    this.#rememberWishes();
  }

  /** A layout that the viewer chose stays over a reload: in the address, because storage may be forbidden. */
  #rememberWishes() {
    const { projection, stereo } = this.#picture.wishes;
    if (projection === this.#wishes.projection && stereo === this.#wishes.stereo) return;
    this.#wishes = { ...this.#wishes, projection, stereo };
    history.replaceState(null, '', linkTo(this.#address.url.href, this.#wishes));
  }
}
