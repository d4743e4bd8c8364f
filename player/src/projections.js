/**
 * The projections: which place of the flat picture shows a direction, as GLSL.
 *
 * `place(d, at, face)` gets a direction of length 1 (x right, y up, z ahead) and gives the place `at` in one eye's picture,
 * from its upper left (0, 0) to its lower right (1, 1), and the `face` (x, y, width, height) around it, beyond which the
 * picture shows something else. It is false where the picture shows nothing. The layouts are those of ffmpeg's v360 filter:
 * `e`, `hequirect`, `c3x2`, `eac` and `dfisheye`.
 */

const whole = 'face = vec4(0.0, 0.0, 1.0, 1.0);';

/** Six faces, each upright when one turns to it from ahead: `f` from -1 to 1, x right, y down; `n` counts them. */
const cube = /* glsl */ `
  int cube(vec3 d, out vec2 f) {
    vec3 a = abs(d);
    if (a.z >= a.x && a.z >= a.y) {
      f = vec2(sign(d.z) * d.x, -d.y) / a.z;
      return d.z > 0.0 ? AHEAD : BEHIND;
    }
    if (a.x >= a.y) {
      f = vec2(-sign(d.x) * d.z, -d.y) / a.x;
      return d.x > 0.0 ? RIGHT : LEFT;
    }
    f = vec2(d.x, sign(d.y) * d.z) / a.y;
    return d.y > 0.0 ? UP : DOWN;
  }`;

/** Where the faces are, counted by rows of three. @param {number[]} order  right, left, up, down, ahead, behind */
const order = (order) =>
  ['RIGHT', 'LEFT', 'UP', 'DOWN', 'AHEAD', 'BEHIND'].map((name, i) => `const int ${name} = ${order[i]};`).join('\n');

/** @type {Record<string, string>} */
export const projections = {
  equirectangular: /* glsl */ `
    bool place(vec3 d, out vec2 at, out vec4 face) {
      at = vec2(atan(d.x, d.z) / (2.0 * PI), -atan(d.y, length(d.xz)) / PI) + 0.5;
      ${whole}
      // Across the seam behind, the picture goes on where it begins, unless the other eye's lies there.
      if (part.z == 1.0) face.xz = vec2(-1.0, 3.0);
      return true;
    }`,

  'half-equirectangular': /* glsl */ `
    bool place(vec3 d, out vec2 at, out vec4 face) {
      at = vec2(atan(d.x, d.z), -atan(d.y, length(d.xz))) / PI + 0.5;
      ${whole}
      return d.z >= 0.0;
    }`,

  // right, left, up / down, ahead, behind, each upright: as the spherical metadata's cbmp layout 0, and as VLC shows it.
  cubemap: /* glsl */ `
    ${order([0, 1, 2, 3, 4, 5])}
    ${cube}
    bool place(vec3 d, out vec2 at, out vec4 face) {
      vec2 f;
      int n = cube(d, f);
      face = vec4(vec2(n % 3, n / 3) * CELL, CELL);
      at = face.xy + (f * 0.5 + 0.5) * CELL;
      return true;
    }`,

  // left, ahead, right / down, behind, up, the lower row lying on its side, so that each row is one strip of the world.
  // Faces are evenly spaced by angle; two pixels of the original picture are spare around each row.
  eac: /* glsl */ `
    ${order([2, 0, 5, 3, 1, 4])}
    ${cube}
    bool place(vec3 d, out vec2 at, out vec4 face) {
      vec2 f;
      int n = cube(d, f);
      if (n == BEHIND) f = vec2(-f.y, f.x);
      else if (n == UP || n == DOWN) f = vec2(f.y, -f.x);
      vec2 spare = 2.0 / pixels;
      vec2 size = vec2((1.0 - 2.0 * spare.x) / 3.0, 0.5 - 2.0 * spare.y);
      face = vec4(spare + vec2(n % 3, n / 3) * vec2(size.x, 0.5), size);
      at = face.xy + (atan(f) * 2.0 / PI + 0.5) * size;
      return true;
    }`,

  // Two lenses of 180°, upright: the one that looks behind on the left, the one that looks ahead on the right.
  'dual-fisheye': /* glsl */ `
    bool place(vec3 d, out vec2 at, out vec4 face) {
      bool ahead = d.z >= 0.0;
      float out_of_axis = acos(min(abs(d.z), 1.0)) / PI;
      vec2 f = out_of_axis * vec2(ahead ? d.x : -d.x, -d.y) / max(length(d.xy), 1e-6) + 0.5;
      face = vec4(ahead ? 0.5 : 0.0, 0.0, 0.5, 1.0);
      at = face.xy + f * face.zw;
      return true;
    }`,
};

export const stereos = ['mono', 'top-bottom', 'left-right'];

/**
 * What each eye sees: the part of the picture (x, y, width, height from its upper left), and three.js's layer for that eye
 * (0 both, 1 left, 2 right).
 *
 * @param {string} stereo
 * @returns {{part: [number, number, number, number], layer: number}[]}
 */
export function eyesOf(stereo) {
  if (stereo === 'top-bottom') {
    return [
      { part: [0, 0, 1, 0.5], layer: 1 },
      { part: [0, 0.5, 1, 0.5], layer: 2 },
    ];
  }
  if (stereo === 'left-right') {
    return [
      { part: [0, 0, 0.5, 1], layer: 1 },
      { part: [0.5, 0, 0.5, 1], layer: 2 },
    ];
  }
  return [{ part: [0, 0, 1, 1], layer: 0 }];
}
