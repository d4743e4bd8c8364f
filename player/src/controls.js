/** The bar at the bottom: buttons, volume, time and what opens the settings. */

import { dress, el, icon, iconButton } from './dom.js';
import { SeekBar } from './seekbar.js';
import { clock, words } from './words.js';

/** @typedef {import('./stream.js').Stream} Stream */

export class Controls {
  #stream;
  #video;
  #stage;
  #captions;
  #play;
  #mute;
  #volume = el('input', { type: 'range', class: 'volume', min: '0', max: '1', step: '0.05', 'aria-label': words.volume });
  #time = el('span', { class: 'time' });
  #delay = el('span', { class: 'delay' });
  #liveWord = el('span');
  #live;
  #cc;
  #fullscreen;
  #vr;
  /** Opens the menu (menu.js). */ settings = iconButton('gear', words.settings, () => {});
  seekBar;
  element;

  /**
   * @param {Stream} stream
   * @param {HTMLVideoElement} video
   * @param {HTMLElement} stage  what goes full screen
   * @param {import('./captions.js').Captions} captions
   */
  constructor(stream, video, stage, captions) {
    this.#stream = stream;
    this.#video = video;
    this.#stage = stage;
    this.#captions = captions;
    this.#play = iconButton('play', words.play, () => stream.toggle());
    this.#mute = iconButton('muted', words.unmute, () => this.toggleMute());
    this.#live = el('button', { type: 'button', class: 'go-live' }, el('span', { class: 'dot' }), this.#liveWord, this.#delay);
    this.#live.addEventListener('click', () => stream.goLive());
    this.#cc = el('button', { type: 'button', class: 'icon-button cc', 'aria-label': words.captions, title: words.captions });
    this.#cc.append(icon('captions'));
    this.#cc.addEventListener('click', () => captions.toggle());
    this.#fullscreen = iconButton('fullscreen', words.fullscreen, () => this.toggleFullscreen());
    this.#fullscreen.hidden = !document.fullscreenEnabled;
    this.#vr = iconButton('vr', words.vr, () => {});
    this.#vr.hidden = true;
    this.seekBar = new SeekBar(video);
    const sound = el('div', { class: 'sound-buttons' }, this.#mute, this.#volume);
    const left = [this.#play, sound, this.#live, this.#time];
    const right = [this.#cc, this.settings, this.#vr, this.#fullscreen];
    const buttons = el('div', { class: 'buttons' }, ...left, el('span', { class: 'space' }), ...right);
    this.element = el('div', { class: 'bar' }, this.seekBar.element, buttons);
    this.#listen();
    this.update();
  }

  #listen() {
    this.#stream.addEventListener('change', () => this.update());
    this.#captions.addEventListener('change', () => this.update());
    for (const event of ['timeupdate', 'durationchange', 'volumechange', 'progress']) {
      this.#video.addEventListener(event, () => this.update());
    }
    this.#volume.addEventListener('input', () => {
      this.#video.volume = Number(this.#volume.value);
      this.#video.muted = !this.#video.volume;
    });
    document.addEventListener('fullscreenchange', () => this.update());
    // A button that was clicked would catch the space bar from then on.
    this.#stage.addEventListener('click', (event) => {
      if (event.detail > 0 && event.target instanceof Element) event.target.closest('button')?.blur();
    });
  }

  toggleMute() {
    this.#video.muted = !this.#video.muted;
    if (!this.#video.muted && !this.#video.volume) this.#video.volume = 0.5;
  }

  toggleFullscreen() {
    if (!document.fullscreenEnabled) return;
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
    const { muted, volume } = this.#video;
    dress(this.#mute, muted ? 'muted' : 'sound', muted ? words.unmute : words.mute);
    this.#volume.value = String(muted ? 0 : volume);
    this.#volume.style.setProperty('--done', `${muted ? 0 : 100 * volume}%`);
    const full = !!document.fullscreenElement;
    dress(this.#fullscreen, full ? 'shrink' : 'fullscreen', full ? words.leaveFullscreen : words.fullscreen);
    this.#cc.hidden = !this.#captions.choices.length;
    this.#cc.setAttribute('aria-pressed', String(!!this.#captions.chosen));
    this.#live.hidden = !live;
    if (live) this.#updateLive();
    this.#updateTime(live);
  }

  #updateLive() {
    const { behind, state, engine } = this.#stream;
    const on = state === 'playing' && !behind;
    this.#live.dataset.behind = String(!on);
    const word = behind ? words.goLive : words.liveBadge;
    if (this.#liveWord.textContent !== word) this.#liveWord.textContent = word;
    const delay_s = state === 'playing' || state === 'paused' ? engine.delay_s : 0;
    this.#delay.textContent = delay_s >= 0.5 ? words.delay(delay_s) : '';
    this.#live.title = delay_s ? words.delayLong(delay_s) : '';
  }

  /** @param {boolean} live */
  #updateTime(live) {
    const { currentTime, duration } = this.#video;
    const recorded = !live && Number.isFinite(duration) && duration > 0;
    this.seekBar.element.hidden = this.#time.hidden = !recorded;
    if (!recorded) return;
    this.seekBar.update();
    const text = `${clock(currentTime)} / ${clock(duration)}`;
    if (this.#time.textContent !== text) this.#time.textContent = text;
  }
}
