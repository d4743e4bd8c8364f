/** The bar at the bottom: buttons, time, quality; and the keys that do the same. */

import { dress, el, iconButton } from './dom.js';
import { clock, qualityName, words } from './words.js';

/** @typedef {import('./stream.js').Stream} Stream */

export class Controls {
  #stream;
  #video;
  #stage;
  #play;
  #mute;
  #seek = el('input', { type: 'range', class: 'seek', min: '0', max: '0', step: '0.1', value: '0', 'aria-label': words.seek });
  #time = el('span', { class: 'time' });
  #live;
  #quality = el('select', { class: 'quality', 'aria-label': words.quality, title: words.quality });
  #fullscreen;
  #vr;
  #seeking = false;

  /**
   * @param {Stream} stream
   * @param {HTMLVideoElement} video
   * @param {HTMLElement} stage  what goes full screen
   */
  constructor(stream, video, stage) {
    this.#stream = stream;
    this.#video = video;
    this.#stage = stage;
    this.#play = iconButton('play', words.play, () => stream.toggle());
    this.#mute = iconButton('muted', words.unmute, () => this.toggleMute());
    this.#live = el('button', { type: 'button', class: 'go-live' }, el('span', { class: 'dot' }), el('span'));
    this.#live.addEventListener('click', () => stream.goLive());
    this.#fullscreen = iconButton('fullscreen', words.fullscreen, () => this.toggleFullscreen());
    this.#fullscreen.hidden = !document.fullscreenEnabled;
    this.#vr = iconButton('vr', words.vr, () => {});
    this.#vr.hidden = true;
    this.element = el(
      'div',
      { class: 'bar' },
      this.#seek,
      el(
        'div',
        { class: 'buttons' },
        ...[this.#play, this.#mute, this.#live, this.#time, el('span', { class: 'space' })],
        ...[this.#quality, this.#vr, this.#fullscreen],
      ),
    );
    this.#listen();
    this.update();
  }

  #listen() {
    this.#stream.addEventListener('change', () => this.update());
    for (const event of ['timeupdate', 'durationchange', 'volumechange']) {
      this.#video.addEventListener(event, () => this.update());
    }
    this.#seek.addEventListener('input', () => {
      this.#seeking = true;
      this.#video.currentTime = Number(this.#seek.value);
      this.update();
    });
    this.#seek.addEventListener('change', () => (this.#seeking = false));
    this.#quality.addEventListener('change', () => this.#stream.engine.setLevel(Number(this.#quality.value)));
    document.addEventListener('fullscreenchange', () => this.update());
    addEventListener('keydown', (event) => this.#key(event));
    // A button that was clicked would catch the space bar from then on.
    this.element.addEventListener('click', (event) => {
      if (event.detail > 0 && event.target instanceof Element) event.target.closest('button')?.blur();
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const on = event.target instanceof Element ? event.target : document.body;
    if (event.key === ' ' && !on.closest('button, a, select, input')) this.#stream.toggle();
    else if (event.key === 'm') this.toggleMute();
    else if (event.key === 'f' && document.fullscreenEnabled) this.toggleFullscreen();
    else return;
    event.preventDefault();
  }

  toggleMute() {
    this.#video.muted = !this.#video.muted;
  }

  toggleFullscreen() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.#stage.requestFullscreen().catch(() => {});
  }

  /** @param {() => void} enter  Shows the VR button, where this browser has a headset. */
  async offerVr(enter) {
    const there = await navigator.xr?.isSessionSupported('immersive-vr').catch(() => false);
    this.#vr.hidden = !there;
    this.#vr.addEventListener('click', enter);
  }

  update() {
    const { live, state, wanted } = this.#stream;
    if (state === 'ended') dress(this.#play, 'replay', words.replay);
    else dress(this.#play, wanted ? 'pause' : 'play', wanted ? words.pause : words.play);
    const { muted } = this.#video;
    dress(this.#mute, muted ? 'muted' : 'sound', muted ? words.unmute : words.mute);
    const full = !!document.fullscreenElement;
    dress(this.#fullscreen, full ? 'shrink' : 'fullscreen', full ? words.leaveFullscreen : words.fullscreen);
    this.#updateTime(live);
    this.#updateQuality();
  }

  /** @param {boolean} live */
  #updateTime(live) {
    const { currentTime, duration } = this.#video;
    const recorded = !live && Number.isFinite(duration) && duration > 0;
    this.#seek.hidden = this.#time.hidden = !recorded;
    this.#live.hidden = !live;
    if (live) {
      const { behind, state } = this.#stream;
      this.#live.dataset.behind = String(behind || state !== 'playing');
      const label = behind ? words.goLive : words.liveBadge;
      if (this.#live.lastElementChild?.textContent !== label) this.#live.lastElementChild?.replaceChildren(label);
    }
    if (!recorded) return;
    this.#seek.max = String(duration);
    if (!this.#seeking) this.#seek.value = String(currentTime);
    this.#seek.style.setProperty('--done', `${(100 * currentTime) / duration}%`);
    const text = `${clock(currentTime)} / ${clock(duration)}`;
    if (this.#time.textContent === text) return;
    this.#time.textContent = text;
    this.#seek.setAttribute('aria-valuetext', text);
  }

  /** Rewrites the menu only when it says something new, or an open menu would flicker. */
  #updateQuality() {
    const { qualities, level, auto } = this.#stream.engine;
    this.#quality.hidden = qualities.length < 2;
    const now = qualities.find(({ index }) => index === level);
    const automatic = auto && now?.width ? `${words.auto} · ${now.width}` : words.auto;
    const options = [
      { value: '-1', text: automatic },
      ...qualities.map((quality) => ({ value: String(quality.index), text: qualityName(quality) })),
    ];
    const said = [...this.#quality.options].map(({ value, text }) => ({ value, text }));
    if (JSON.stringify(said) !== JSON.stringify(options)) {
      this.#quality.replaceChildren(...options.map(({ value, text }) => el('option', { value }, text)));
    }
    const chosen = auto ? '-1' : String(level);
    if (document.activeElement !== this.#quality || auto) this.#quality.value = chosen;
  }
}
