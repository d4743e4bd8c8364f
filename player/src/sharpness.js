/** How many pixels are drawn for each of the page's: fewer on a device that is late with them. */

/** More than this nobody sees in a video; phones have three and pay for them with their battery. */
const most = 2;
const least = 0.5;
const step = 0.7;
/** A screen that saves energy comes around every 33 ms; this is later. */
const late_ms = 45;
/** So many drawings are looked at, and so many late ones among them are too many: other work may delay a few. */
const looks = 12;
const too_many = 9;

export class Sharpness {
  /** Pixels drawn for one of the page's. */ ratio;
  #seen = 0;
  #late = 0;

  /** @param {number} device  how many pixels the screen has for each of the page's */
  constructor(device) {
    this.ratio = Math.min(most, device);
  }

  /**
   * @param {number} passed_ms  from a drawing until the screen came around again
   * @returns {boolean}  whether there shall be fewer pixels from now on
   */
  note(passed_ms) {
    this.#seen++;
    if (passed_ms > late_ms) this.#late++;
    if (this.#seen < looks) return false;
    const lower = this.#late >= too_many && this.ratio > least;
    this.#seen = this.#late = 0;
    if (lower) this.ratio = Math.max(least, this.ratio * step);
    return lower;
  }
}
