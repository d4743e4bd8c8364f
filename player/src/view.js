/** Where the viewer looks: what hand and keys have turned, on top of how the device is held. */

import { aboutX, aboutY, heading, times, wrapped } from './rotation.js';

/** Vertical field of view. */
export const fov = { least_deg: 30, most_deg: 100, wide_deg: 75, upright_deg: 95 };

/** @param {number} value @param {number} least @param {number} most */
const within = (value, least, most) => Math.max(least, Math.min(most, value));

export class View extends EventTarget {
  /** Upright windows see more height, or the sides would be a slit. */ #upright = false;
  /** @type {number | undefined} */ #fov_deg;
  #turned = { yaw_deg: 0, pitch_deg: 0 };
  /** @type {import('./rotation.js').Quaternion | undefined} */ #held;

  get fov_deg() {
    return this.#fov_deg ?? (this.#upright ? fov.upright_deg : fov.wide_deg);
  }

  /** @returns {import('./rotation.js').Quaternion} */
  get rotation() {
    const turned = aboutY(-this.#turned.yaw_deg);
    const pitched = aboutX(this.#turned.pitch_deg);
    return this.#held ? times(times(turned, this.#held), pitched) : times(turned, pitched);
  }

  get heading() {
    return heading(this.rotation);
  }

  /**
   * @param {number} right_deg
   * @param {number} up_deg
   */
  turn(right_deg, up_deg) {
    const { pitch_deg } = this.#held ? this.heading : this.#turned;
    this.#turned.yaw_deg = wrapped(this.#turned.yaw_deg + right_deg);
    this.#turned.pitch_deg += within(pitch_deg + up_deg, -90, 90) - pitch_deg;
    this.#tell();
  }

  /** @param {{yaw_deg?: number, pitch_deg?: number, fov_deg?: number}} there  as a link says it */
  look({ yaw_deg, pitch_deg, fov_deg }) {
    if (yaw_deg !== undefined) this.#turned.yaw_deg = wrapped(yaw_deg);
    if (pitch_deg !== undefined) this.#turned.pitch_deg = within(pitch_deg, -90, 90);
    if (fov_deg !== undefined) this.#fov_deg = within(fov_deg, fov.least_deg, fov.most_deg);
    this.#tell();
  }

  recentre() {
    this.#fov_deg = undefined;
    this.#turned = { yaw_deg: 0, pitch_deg: 0 };
    if (this.#held) this.#turned.yaw_deg = -heading(this.#held).yaw_deg;
    this.#tell();
  }

  /** @param {number} factor  over 1 sees more */
  zoom(factor) {
    this.#fov_deg = within(this.fov_deg * factor, fov.least_deg, fov.most_deg);
    this.#tell();
  }

  /** @param {boolean} upright  the window's shape */
  fit(upright) {
    this.#upright = upright;
    this.#tell();
  }

  /** The device has moved; the first time nothing may jump sideways. @param {import('./rotation.js').Quaternion} held */
  hold(held) {
    if (!this.#held) {
      this.#turned = { yaw_deg: wrapped(this.#turned.yaw_deg - heading(held).yaw_deg), pitch_deg: 0 };
    }
    this.#held = held;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }
}
