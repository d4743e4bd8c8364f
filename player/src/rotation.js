/** Turning in space: unit quaternions [x, y, z, w] in three.js's world (x right, y up, -z ahead). */

/** @typedef {[number, number, number, number]} Quaternion */

const rad = Math.PI / 180;

/** @param {number} deg */
export const wrapped = (deg) => ((((deg + 180) % 360) + 360) % 360) - 180;

/** @param {Quaternion} a @param {Quaternion} b  turned first @returns {Quaternion} */
export function times([ax, ay, az, aw], [bx, by, bz, bw]) {
  return [
    aw * bx + ax * bw + ay * bz - az * by,
    aw * by - ax * bz + ay * bw + az * bx,
    aw * bz + ax * by - ay * bx + az * bw,
    aw * bw - ax * bx - ay * by - az * bz,
  ];
}

/** @param {number} deg @returns {Quaternion} */
export const aboutX = (deg) => [Math.sin((deg * rad) / 2), 0, 0, Math.cos((deg * rad) / 2)];
/** @param {number} deg @returns {Quaternion} */
export const aboutY = (deg) => [0, Math.sin((deg * rad) / 2), 0, Math.cos((deg * rad) / 2)];
/** @param {number} deg @returns {Quaternion} */
export const aboutZ = (deg) => [0, 0, Math.sin((deg * rad) / 2), Math.cos((deg * rad) / 2)];

/**
 * Where somebody looks who is turned so.
 * @param {Quaternion} q
 * @returns {{yaw_deg: number, pitch_deg: number}}  to the right, and up from the horizon
 */
export function heading([x, y, z, w]) {
  const right = -2 * (x * z + w * y);
  const up = -2 * (y * z - w * x);
  const ahead = 1 - 2 * (x * x + y * y);
  return { yaw_deg: Math.atan2(right, ahead) / rad, pitch_deg: Math.asin(Math.max(-1, Math.min(1, up))) / rad };
}

/**
 * How a device is held, from its sensors (W3C Device Orientation: z-x'-y'' in the order alpha, beta, gamma).
 *
 * @param {number} alpha_deg
 * @param {number} beta_deg
 * @param {number} gamma_deg
 * @param {number} screen_deg  by which the page is turned on the device
 * @returns {Quaternion}
 */
export function held(alpha_deg, beta_deg, gamma_deg, screen_deg) {
  const device = times(times(aboutY(alpha_deg), aboutX(beta_deg)), aboutZ(-gamma_deg));
  // The camera looks out of the device's back, not out of its top.
  return times(times(device, aboutX(-90)), aboutZ(-screen_deg));
}
