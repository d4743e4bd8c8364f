/**
 * One stream on one <video>: opens it, watches that it moves, and brings it back when it does not.
 *
 * hls.js mends what it can. What it cannot, and a live stream that is not there yet, ended, or changed its numbering
 * after a failover, is mended here: look at the playlist until there is something to play, then open it anew.
 */

import { Engine } from './engine.js';
import { look } from './playlist.js';
import { words } from './words.js';

/** @typedef {import('./types.js').State} State */

const tick_ms = 1000;
/** A picture that has not moved for this long needs help; twice as long once an opening led to none, for a network may be slow. */
const patience_ms = { live: 4000, vod: 10_000 };
/** A live stream that gave nothing new for this long has ended. */
const over_ms = 12_000;
const check_ms = { first: 1000, longest: 5000 };
/** So many openings in a row without a moving picture, or media errors without ten good seconds: it cannot be played. */
const most_openings = 5;
const most_media_errors = 4;
const settled_ms = 10_000;

export class Stream extends EventTarget {
  /** @type {State} */ state = 'loading';
  message = '';
  /** What plays: delay, qualities. */ engine;
  /** Whether the viewer wants it to run. */ wanted = true;
  #video;
  #address;
  #listed;
  /** Whether a picture has moved yet. */ played = false;
  #position_s = 0;
  #moved_ms = 0;
  #steadySince_ms = 0;
  #openings = 0;
  #mediaErrors = 0;
  /** The tail that led to nothing: opening it again would only show the last seconds again. */ #deadTail = '';
  #pause_ms = check_ms.first;
  #checking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #nextCheck;

  /**
   * @param {HTMLVideoElement} video
   * @param {import('./address.js').Address} address
   * @param {() => boolean | undefined} listed  whether the server says that this stream is live; undefined: it does not say
   * @param {{widest: () => number, start_s: number}} limits  the widest picture that can be shown; where a recording begins
   */
  constructor(video, address, listed, { widest, start_s }) {
    super();
    this.#video = video;
    this.#address = address;
    this.#listed = listed;
    this.#position_s = start_s;
    const tell = {
      ready: () => this.#start(),
      changed: () => this.#tell(),
      lowered: () => this.dispatchEvent(new Event('lowered')),
      gaveUp: (/** @type {import('./engine.js').Trouble} */ trouble) => this.#mend(trouble),
    };
    this.engine = new Engine(video, tell, widest);
    this.engine.live = address.kind === 'live';
    this.#listen();
  }

  async start() {
    const sight = look(this.#address.url); // While hls.js is on its way.
    try {
      await this.engine.load();
    } catch {
      return this.#set('error', words.noPlayer);
    }
    this.#moved_ms = performance.now();
    setInterval(() => this.#tick(), tick_ms);
    void this.#check(sight);
  }

  // What the viewer does.

  get live() {
    return this.engine.live;
  }

  /** Whether so far behind that going to the live edge is worth a jump. */
  get behind() {
    return this.live && (!this.wanted || this.engine.behind);
  }

  toggle() {
    if (this.wanted && this.state !== 'ended') this.pause();
    else this.play();
  }

  pause() {
    this.wanted = false;
    this.#video.pause();
    if (['loading', 'playing', 'waiting'].includes(this.state)) this.#set('paused');
  }

  play() {
    const paused = !this.wanted;
    this.wanted = true;
    this.#moved_ms = performance.now();
    if (this.state === 'error') return this.retry();
    if (this.live && paused) this.goLive();
    void this.#playVideo();
  }

  goLive() {
    const edge_s = this.engine.liveEdge_s;
    if (edge_s && edge_s > this.#video.currentTime) this.#video.currentTime = edge_s;
    if (!this.wanted) this.play();
  }

  /** Within a recording. @param {number} by_s */
  skip(by_s) {
    const { currentTime, duration } = this.#video;
    if (!this.live && Number.isFinite(duration)) this.#video.currentTime = Math.max(0, Math.min(duration, currentTime + by_s));
  }

  retry() {
    if (!this.engine.loaded) return location.reload();
    this.#openings = this.#mediaErrors = 0;
    this.#deadTail = '';
    this.wanted = true;
    this.#set('loading', words.loading);
    void this.#check();
  }

  // Opening.

  /** @param {boolean} live */
  #open(live) {
    if (++this.#openings > most_openings) return this.#fail(words.broken);
    this.#set(this.played ? 'waiting' : 'loading', words.loading);
    this.#moved_ms = performance.now();
    this.#remember();
    this.engine.open(this.#address.url, live, this.#position_s, this.#openings > 1);
  }

  /** Where to go on in a recording: closing puts the video back to 0. */
  #remember() {
    this.#position_s = this.#video.currentTime || this.#position_s;
  }

  #start() {
    if (this.wanted) void this.#playVideo();
    else this.#set('paused');
    this.#tell();
  }

  async #playVideo() {
    try {
      await this.#video.play();
    } catch (error) {
      // Autoplay is forbidden: the viewer has to press play. Anything else shows up as an error of the video.
      if (!(error instanceof DOMException && error.name === 'NotAllowedError')) return;
      this.wanted = false;
      this.#set('paused');
    }
  }

  // Mending.

  /** @param {import('./engine.js').Trouble} trouble */
  #mend(trouble) {
    if (trouble === 'codec') return this.#fail(words.codec);
    if (trouble === 'unsupported') return this.#fail(words.unsupported);
    if (trouble === 'media') {
      if (++this.#mediaErrors > most_media_errors) return this.#fail(words.broken);
      if (this.#mediaErrors <= 2) return this.engine.recoverMedia();
    }
    this.#remember();
    this.engine.close();
    if (this.state !== 'ended') this.#wait(words.stalled);
    void this.#check();
  }

  #tick() {
    if (this.#checking || !this.wanted || ['error', 'offline', 'ended'].includes(this.state)) return;
    this.engine.keepPace(); // Who has left the page may still listen.
    if (document.hidden) return;
    const now_ms = performance.now();
    const { currentTime, readyState } = this.#video; // A closed video goes back to 0 without having moved.
    if (readyState >= 2 && Math.abs(currentTime - this.#position_s) > 0.05) return this.#moving(now_ms);
    const most_ms = patience_ms[this.live ? 'live' : 'vod'] * (this.#openings > 1 ? 2 : 1);
    if (now_ms - this.#moved_ms > most_ms && !this.#nextCheck) {
      this.#wait(words.stalled);
      void this.#check();
    }
  }

  /** @param {number} now_ms */
  #moving(now_ms) {
    this.#position_s = this.#video.currentTime;
    this.#moved_ms = now_ms;
    this.played = true;
    this.#pause_ms = check_ms.first;
    this.#openings = 0;
    this.#deadTail = '';
    if (this.state !== 'playing') this.#steadySince_ms = now_ms;
    else if (now_ms - this.#steadySince_ms > settled_ms) this.#mediaErrors = 0;
    if (this.#video.readyState > 2) this.#set('playing'); // Else it has moved, and then run out of data.
  }

  /**
   * Looks whether there is something to play; opens it, or says what is wrong and looks again later.
   * @param {ReturnType<typeof look>} [begun]  a look that is under way
   */
  async #check(begun) {
    if (this.#checking) return;
    clearTimeout(this.#nextCheck);
    this.#nextCheck = undefined;
    this.#checking = true;
    const sight = await (begun ?? look(this.#address.url));
    this.#checking = false;
    if (this.state === 'playing') return;
    if (sight.found === 'stream' && this.#worthOpening(sight.tail, sight.live)) return this.#open(sight.live);
    if (sight.found === 'nothing') this.#deadTail = 'none';
    this.#explain(sight);
    this.#nextCheck = setTimeout(() => void this.#check(), this.#pause_ms);
    this.#pause_ms = Math.min(check_ms.longest, this.#pause_ms * 1.5);
  }

  /**
   * A recording always is. A live playlist that led to nothing, or that the server does not list, has to move first:
   * what a dead origin left behind stays as it is.
   *
   * @param {string} tail
   * @param {boolean} live
   */
  #worthOpening(tail, live) {
    if (!live && this.#address.kind === 'vod') return true;
    const doubtful = this.played || this.#openings > 0 || this.#listed() === false;
    if (!doubtful || (this.#deadTail && tail !== this.#deadTail)) return true;
    this.#deadTail = tail;
    return false;
  }

  /** @param {import('./playlist.js').Sight} sight */
  #explain(sight) {
    const { name, kind } = this.#address;
    if (sight.found === 'network') return this.#wait(words.network);
    if (sight.found === 'trouble') return this.#wait(words.server(sight.status));
    if (sight.found === 'other') return this.#set('error', words.notStream);
    if (kind === 'vod') return this.#set('offline', words.vodMissing);
    if (!this.played && (sight.found === 'nothing' || this.#listed() === false)) {
      return this.#set('offline', words.offline(name));
    }
    if (this.state === 'ended') return;
    const silent_ms = performance.now() - Math.max(this.#moved_ms, this.engine.fresh_ms);
    const over = silent_ms > over_ms || (this.#listed() === false && silent_ms > patience_ms.live);
    if (over) this.#set('ended', words.ended);
    else this.#wait(words.stalled);
  }

  /** @param {string} message */
  #wait(message) {
    this.#set(this.played || this.state === 'waiting' ? 'waiting' : 'loading', message);
  }

  /** @param {string} message  Says that it is over for good, unless the viewer tries again. */
  #fail(message) {
    this.engine.close();
    clearTimeout(this.#nextCheck);
    this.#nextCheck = undefined;
    this.#set('error', message);
  }

  // Telling.

  #listen() {
    const video = this.#video;
    video.addEventListener('playing', () => {
      if (!this.wanted) return;
      this.played = true; // Who pauses before the next look has seen something, too.
      this.#set('playing');
    });
    video.addEventListener('waiting', () => this.state === 'playing' && this.#set('waiting', words.buffering));
    video.addEventListener('pause', () => {
      // A browser may pause what nobody sees; that is not the viewer's wish. Who plays on at once is told of the pause late.
      if (!video.paused || document.hidden || video.ended || !['playing', 'paused'].includes(this.state)) return;
      this.wanted = false;
      this.#set('paused');
    });
    video.addEventListener('ended', () => {
      const live = this.#address.kind === 'live';
      this.#set('ended', live ? words.ended : words.vodEnded);
      if (live) void this.#check();
    });
    // Who goes back from the end wants to watch; the browser has paused.
    video.addEventListener('seeked', () => this.state === 'ended' && !video.ended && !this.live && this.play());
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return;
      this.#moved_ms = performance.now(); // Nobody has looked whether it did.
      if (this.wanted && video.paused && this.state !== 'ended') void this.#playVideo();
    });
    addEventListener('online', () => this.state !== 'playing' && this.#nextCheck && void this.#check());
  }

  /**
   * @param {State} state
   * @param {string} [message]
   */
  #set(state, message = '') {
    if (state === this.state && message === this.message) return;
    this.state = state;
    this.message = message;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }
}
