/** How far behind a live stream plays, and how fast, so that it comes to be there without hunting around it. */

/** A failover may take so long. */
const spare_s = 1;
/** What a stall adds to the distance, in segments, and how much of it each second forgets. */
const stall = { more: 0.5, most: 1, forgotten: 0.005 };
/** Less than this in the buffer, and playing faster would only run it dry. */
const least_ahead_s = 0.5;
/** Nobody hears five per cent, and hardly anybody ten. */
const rates = { slow: 0.95, gentle: 1.05, brisk: 1.1 };
/** Worth doing something about, and near enough to stop. */
const [off_s, there_s] = [0.25, 0.05];

export class Pace {
  /** In segments. */ #shy = 0;
  /** 1: it hurries, -1: it dawdles. */ #way = 0;

  /**
   * Behind the newest: a segment, for so long the buffer has to last from one to the next, and time for a failover; more
   * for who stalled lately.
   *
   * @param {number} segment_s
   */
  target_s(segment_s) {
    return segment_s * (1 + this.#shy) + spare_s;
  }

  /** The picture stood still for want of data. */
  stalled() {
    this.#shy = Math.min(stall.most, this.#shy + stall.more);
  }

  /**
   * Once a second. It begins to hurry, or to dawdle, when it is well off, and goes on until it is there.
   *
   * @param {number} late_s  behind where it should be; negative: ahead of it
   * @param {number} ahead_s  in the buffer
   * @returns {number}  the playback rate
   */
  rate(late_s, ahead_s) {
    this.#shy = Math.max(0, this.#shy - stall.forgotten);
    if (Math.abs(late_s) > off_s) this.#way = Math.sign(late_s);
    else if (late_s * this.#way < there_s) this.#way = 0;
    if (this.#way < 0) return rates.slow;
    if (!this.#way || ahead_s < least_ahead_s) return 1;
    return late_s > 1 ? rates.brisk : rates.gentle;
  }
}
