/** How each projection and stereo mode lies on the sphere. */

/**
 * @typedef {{u: [number, number], v: [number, number], layer: number}} Eye
 *   the part of the picture that an eye sees (from, to; v counts from the bottom), and three.js's layer for that eye:
 *   0 both, 1 left, 2 right
 * @typedef {{around_deg: number, eyes: Eye[]}} Mapping  `around_deg` of the horizon are covered, centred ahead
 */

/** @type {Record<string, number>} */
const around_deg = { equirectangular: 360, 'half-equirectangular': 180 };

/** @type {Record<string, Eye[]>} */
const eyes = {
  mono: [{ u: [0, 1], v: [0, 1], layer: 0 }],
  'top-bottom': [
    { u: [0, 1], v: [0.5, 1], layer: 1 },
    { u: [0, 1], v: [0, 0.5], layer: 2 },
  ],
  'left-right': [
    { u: [0, 0.5], v: [0, 1], layer: 1 },
    { u: [0.5, 1], v: [0, 1], layer: 2 },
  ],
};

/**
 * @param {string} projection
 * @param {string} stereo
 * @returns {Mapping | undefined}  undefined for a projection that this version cannot put on the sphere
 */
export function mappingOf(projection, stereo) {
  const around = around_deg[projection];
  return around ? { around_deg: around, eyes: eyes[stereo] ?? eyes.mono } : undefined;
}
