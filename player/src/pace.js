/** How fast a live stream plays, so that it comes back to where it should be without hunting around it. */

/** Less than this in the buffer, and playing faster would only run it dry. */
const least_ahead_s = 1;
/** Nobody hears five per cent, and hardly anybody ten. */
const rates = { gentle: 1.05, brisk: 1.1 };
/** Near enough. */
const there_s = 0.2;

export class Pace {
  #hurrying = false;

  /**
   * Begins to hurry when a segment late, and goes on until it is there: what lies between changes nothing.
   *
   * @param {number} late_s  behind where it should be; negative: ahead of it
   * @param {number} segment_s
   * @param {number} ahead_s  in the buffer
   * @returns {number}  the playback rate
   */
  rate(late_s, segment_s, ahead_s) {
    if (late_s <= there_s) this.#hurrying = false;
    else if (late_s > segment_s) this.#hurrying = true;
    if (!this.#hurrying || ahead_s < least_ahead_s) return 1;
    return late_s > segment_s ? rates.brisk : rates.gentle;
  }
}
