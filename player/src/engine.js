/** hls.js on a <video>: its settings, the qualities it offers, and its last words when it gives up. */

/** @typedef {import('hls.js').default} Hls */
/** @typedef {import('./types.js').Quality} Quality */
/** @typedef {'unsupported' | 'codec' | 'media' | 'network'} Trouble  why it gave up */

import { Arrivals } from './arrivals.js';
import { Pace } from './pace.js';

const HLS_URL = '../vendor/hls.min.mjs';
/** More than this behind where a live stream should be: worth offering a jump. */
const behind_s = 5;
/** Any graphics chip of today holds a picture so wide; asking one for its limit takes a tenth of a second. */
const surely_px = 4096;

const shared = {
  workerPath: new URL('../vendor/hls.worker.js', import.meta.url).href,
  // A device that cannot show what it decodes gets less.
  capLevelOnFPSDrop: true,
  // Captions lie over the sphere (captions.js), not in the flat video under it.
};
/** A sharp first picture; the measured rate takes over at once. Nothing is measured before a picture: who sees none gets less. */
const guess = { most_bps: 4_000_000, less: 1 / 4 };
/** Safari's own player stays about so far behind the end. */
const native_delay_s = 6;
const settings = {
  // Begins two segments behind the newest; from then on pace.js says where to be, and more than two segments late is made
  // good by a jump. Little is kept: nobody seeks in a live stream.
  live: {
    ...shared,
    liveSyncDurationCount: 2,
    liveMaxLatencyDurationCount: 4,
    liveSyncOnStallIncrease: 0, // pace.js adds its own, and takes it back.
    maxLiveSyncPlaybackRate: 1,
    liveDurationInfinity: true,
    maxBufferLength: 12,
    maxMaxBufferLength: 20,
    backBufferLength: 8,
  },
  vod: { ...shared, maxBufferLength: 30, maxMaxBufferLength: 60, backBufferLength: 30 },
};

export class Engine {
  live = false;
  /** When the playlist last had something new. */ fresh_ms = 0;
  #video;
  #tell;
  #widest;
  #wantedWidth = 0;
  #tail = '';
  #pace = new Pace();
  #arrivals = new Arrivals();
  /** @type {Hls | undefined} */ #hls;
  /** @type {typeof import('hls.js').default | undefined} */ #Hls;

  /**
   * @param {HTMLVideoElement} video
   * @param {{ready(): void, changed(): void, lowered(): void, gaveUp(trouble: Trouble): void}} tell
   * @param {() => number} widest  picture that can be shown, in pixels; 0: none
   */
  constructor(video, tell, widest) {
    this.#video = video;
    this.#tell = tell;
    this.#widest = widest;
    video.addEventListener('waiting', () => !video.seeking && video.played.length && this.#pace.stalled());
  }

  /** Fetches hls.js; throws when it cannot be had. */
  async load() {
    this.#Hls = (await import(HLS_URL)).default;
  }

  get loaded() {
    return !!this.#Hls;
  }

  /**
   * @param {URL} url
   * @param {boolean} live
   * @param {number} start_s  where in a recording
   * @param {boolean} again  whether the last opening led to no picture
   */
  open(url, live, start_s, again) {
    const Hls = this.#Hls;
    if (!Hls) throw new Error('load() comes first');
    const known_bps = Math.min(guess.most_bps, this.#hls?.bandwidthEstimate ?? Infinity);
    this.close();
    this.live = live;
    this.fresh_ms = performance.now();
    this.#arrivals = new Arrivals();
    if (!Hls.isSupported()) return this.#openNative(url, start_s);
    const begin = { startPosition: live ? -1 : start_s || -1, abrEwmaDefaultEstimate: known_bps * (again ? guess.less : 1) };
    const hls = new Hls({ ...settings[live ? 'live' : 'vod'], ...begin });
    this.#hls = hls;
    hls.subtitleDisplay = false;
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      this.#leaveOutTooWide(hls);
      if (this.#wantedWidth) hls.nextLevel = hls.levels.findIndex(({ width }) => width === this.#wantedWidth);
      this.#tell.ready();
    });
    hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => this.#noteDetails(details));
    hls.on(Hls.Events.LEVEL_SWITCHED, () => this.#tell.changed());
    hls.on(Hls.Events.FPS_DROP_LEVEL_CAPPING, () => this.#tell.lowered());
    hls.on(Hls.Events.ERROR, (_, data) => data.fatal && this.#tell.gaveUp(this.#sort(Hls, data)));
    hls.attachMedia(this.#video);
    hls.loadSource(url.href);
  }

  /** What the graphics chip cannot hold would be black. @param {Hls} hls */
  #leaveOutTooWide(hls) {
    if (hls.levels.every(({ width }) => width <= surely_px)) return;
    const [narrowest, widest] = [Math.min(...hls.levels.map(({ width }) => width)), this.#widest()];
    for (let index = hls.levels.length - 1; index >= 0; index--) {
      const { width } = hls.levels[index];
      if (width > widest && width > narrowest) hls.removeLevel(index);
    }
  }

  /**
   * Safari without Media Source plays HLS by itself.
   * @param {URL} url
   * @param {number} start_s
   */
  #openNative(url, start_s) {
    const video = this.#video;
    if (!video.canPlayType('application/vnd.apple.mpegurl')) return this.#tell.gaveUp('unsupported');
    video.addEventListener('loadedmetadata', () => !this.live && start_s && (video.currentTime = start_s), { once: true });
    video.addEventListener('error', () => video.hasAttribute('src') && this.#tell.gaveUp('network'), { once: true });
    video.src = url.href;
    this.#tell.ready();
  }

  close() {
    if (this.#hls) this.#hls.destroy();
    else if (this.#video.hasAttribute('src')) {
      this.#video.removeAttribute('src');
      this.#video.load();
    }
    this.#hls = undefined;
  }

  /** Empties and refills the decoder, which often helps after a media error. */
  recoverMedia() {
    this.#hls?.recoverMediaError();
  }

  /** @param {import('hls.js').LevelDetails} details */
  #noteDetails(details) {
    this.live = details.live;
    if (!details.live) this.#video.playbackRate = 1; // It may have ended while it hurried.
    const tail = `${details.endSN} ${details.fragments.at(-1)?.relurl}`;
    if (tail !== this.#tail) this.fresh_ms = performance.now();
    this.#tail = tail;
    // hls.js asks again a segment's time after it asked last, and takes this into account.
    const earlier_s = details.live ? this.#arrivals.note(performance.now() / 1000, details.edge, details.targetduration) : 0;
    details.requestScheduled -= earlier_s * 1000;
  }

  /**
   * @param {typeof import('hls.js').default} Hls
   * @param {import('hls.js').ErrorData} data
   * @returns {Trouble}
   */
  #sort({ ErrorTypes, ErrorDetails }, { type, details }) {
    /** @type {string[]} */
    const codec = [
      ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR,
      ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR,
      ErrorDetails.BUFFER_ADD_CODEC_ERROR,
    ];
    if (codec.includes(details)) return 'codec';
    return type === ErrorTypes.MEDIA_ERROR || type === ErrorTypes.MUX_ERROR ? 'media' : 'network';
  }

  /** Seconds behind the newest picture that the playlist has. */
  get delay_s() {
    if (this.#hls) return this.#hls.latency;
    const { seekable, currentTime } = this.#video;
    return seekable.length ? Math.max(0, seekable.end(seekable.length - 1) - currentTime) : 0;
  }

  get behind() {
    return this.delay_s > (this.#hls?.targetLatency ?? native_delay_s) + behind_s;
  }

  /** Where a live stream should be played now, if it is known. */
  get liveEdge_s() {
    if (this.#hls) return this.#hls.liveSyncPosition ?? undefined;
    const { seekable } = this.#video;
    return seekable.length ? seekable.end(seekable.length - 1) - native_delay_s : undefined;
  }

  /** Brings a live stream to where it should be, and keeps it there; called once a second or so. */
  keepPace() {
    const details = this.#hls?.latestLevelDetails;
    if (!this.#hls || !details || !this.live) return;
    const { buffered, currentTime } = this.#video;
    const ahead_s = buffered.length ? buffered.end(buffered.length - 1) - currentTime : 0;
    const target_s = this.#pace.target_s(details.targetduration);
    this.#hls.targetLatency = target_s;
    this.#hls.config.liveMaxLatencyDuration = target_s + 2 * details.targetduration;
    const late_s = this.#arrivals.behind_s(performance.now() / 1000, currentTime) - target_s;
    this.#video.playbackRate = this.#pace.rate(late_s, ahead_s);
  }

  /** @returns {Quality[]}  the widest first */
  get qualities() {
    return (this.#hls?.levels ?? [])
      .map(({ width, height, bitrate }, index) => ({ index, width, height, bitrate_bps: bitrate }))
      .sort((a, b) => b.width - a.width || b.bitrate_bps - a.bitrate_bps);
  }

  /** The index of the quality that plays now, or -1. */
  get level() {
    return this.#hls?.currentLevel ?? -1;
  }

  get auto() {
    return this.#hls?.autoLevelEnabled ?? true;
  }

  /** @param {number} index  of the quality; -1 lets hls.js choose, from all again */
  setLevel(index) {
    if (!this.#hls) return;
    this.#wantedWidth = this.#hls.levels[index]?.width ?? 0;
    this.#hls.autoLevelCapping = -1;
    this.#hls.nextLevel = index;
    this.#tell.changed();
  }
}
