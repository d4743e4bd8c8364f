/** How a phone is held. iPhones tell only after being asked from a tap; others tell at once. */

import { held } from './rotation.js';

/**
 * Follows the device as soon as it tells.
 * @param {(held: import('./rotation.js').Quaternion) => void} tell
 * @returns {() => Promise<void>}  asks, from a tap; safe to call at each
 */
export function followDevice(tell) {
  const Sensors = /** @type {any} */ (globalThis).DeviceOrientationEvent;
  let asked = false;

  /** @param {DeviceOrientationEvent} event */
  const follow = ({ alpha, beta, gamma }) => {
    // A device without sensors sends one event with nothing in it.
    if (alpha === null || beta === null || gamma === null) return;
    tell(held(alpha, beta, gamma, screen.orientation?.angle ?? window.orientation ?? 0));
  };

  // A mouse means a desk: a laptop with sensors should not turn the view.
  if (!Sensors || !matchMedia('(pointer: coarse)').matches) return async () => {};
  addEventListener('deviceorientation', follow);
  return async () => {
    if (asked || !Sensors.requestPermission) return;
    asked = true;
    await Sensors.requestPermission().catch(() => (asked = false));
    removeEventListener('deviceorientation', follow);
    addEventListener('deviceorientation', follow);
  };
}
