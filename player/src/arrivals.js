/** When the newest of a live stream arrives: how far behind it a picture is, and how much earlier to ask for the next. */

/** So many answers are remembered: what holds for half a minute or so. */
const remembered = 20;
/** Asked so soon after it can be there, little time is lost, and little hangs on a server that is late now and then. */
const margin_s = 0.1;
/** How much earlier to ask each time: boldly until it was too early once, then only to follow a stream that drifts. */
const step_s = { bold: 0.2, careful: 0.005 };

export class Arrivals {
  /** Between the end of what was new, on the media clock, and the moment of its arrival. */ #offsets_s = /** @type {number[]} */ ([]);
  #end_s = -Infinity;
  #step_s = step_s.bold;
  /** What was asked for last time: when the next answer comes, it was not heard yet. */ #asked_s = 0;

  /**
   * The server answered.
   *
   * @param {number} now_s
   * @param {number} end_s  of the newest segment, on the media clock
   * @param {number} segment_s
   * @returns {number}  how much earlier to ask from the time after next on, in seconds
   */
  note(now_s, end_s, segment_s) {
    const offset_s = now_s - end_s;
    if (end_s <= this.#end_s) {
      // Nothing new: what was true once need not be now.
      this.#offsets_s.splice(0, this.#offsets_s.length >> 1);
      this.#step_s = step_s.careful;
      return (this.#asked_s = 0);
    }
    // The stream stood still, or has another clock now.
    if (offset_s - this.#earliest_s > 2 * segment_s) this.#offsets_s = [];
    this.#end_s = end_s;
    this.#offsets_s = [...this.#offsets_s, offset_s].slice(-remembered);
    const after_s = offset_s - this.#earliest_s - this.#asked_s;
    return (this.#asked_s = after_s > 2 * margin_s ? after_s - margin_s : this.#step_s);
  }

  /**
   * How long ago a picture could first have been fetched as the newest of all. Unlike what hls.js calls latency, this
   * does not tremble with the moments at which the playlist is asked for.
   *
   * @param {number} now_s
   * @param {number} at_s  the picture, on the media clock
   */
  behind_s(now_s, at_s) {
    return now_s - at_s - this.#earliest_s;
  }

  get #earliest_s() {
    return Math.min(...this.#offsets_s);
  }
}
