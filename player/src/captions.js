/** Captions over the sphere: the browser reads and times them, this page draws them. */

import { el } from './dom.js';
import { words } from './words.js';

export class Captions extends EventTarget {
  element = el('div', { class: 'captions', hidden: true });
  #video;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    super();
    this.#video = video;
    const { textTracks } = video;
    textTracks.addEventListener('addtrack', ({ track }) => {
      track?.addEventListener('cuechange', () => this.#draw());
      this.dispatchEvent(new Event('change'));
    });
    textTracks.addEventListener('removetrack', () => this.dispatchEvent(new Event('change')));
    textTracks.addEventListener('change', () => this.#draw());
  }

  /** @param {import('./types.js').Captions[]} tracks  beside the stream; those within it come by themselves */
  add(tracks) {
    for (const { url, language, label } of tracks) {
      this.#video.append(el('track', { kind: 'captions', src: url, srclang: language, label }));
    }
  }

  /** @returns {{name: string, track: TextTrack}[]} */
  get choices() {
    const shown = [...this.#video.textTracks].filter(({ kind }) => kind === 'captions' || kind === 'subtitles');
    return shown.map((track) => ({ name: track.label || track.language || words.captions, track }));
  }

  get chosen() {
    return this.choices.find(({ track }) => track.mode !== 'disabled')?.track;
  }

  /** @param {TextTrack | undefined} wanted */
  choose(wanted) {
    for (const { track } of this.choices) track.mode = track === wanted ? 'hidden' : 'disabled';
    this.#draw();
    this.dispatchEvent(new Event('change'));
  }

  toggle() {
    this.choose(this.chosen ? undefined : this.choices[0]?.track);
  }

  #draw() {
    const cues = [...(this.chosen?.activeCues ?? [])];
    this.element.hidden = !cues.length;
    this.element.replaceChildren(...cues.map((cue) => el('p', {}, /** @type {VTTCue} */ (cue).getCueAsHTML())));
  }
}
