/** The sphere itself: every pixel of the screen asks the projection for the place in the video that lies in its direction. */

import { eyesOf, projections } from './projections.js';

/**
 * @typedef {import('./types.js').Shape} Shape
 * @typedef {import('./types.js').Size} Size
 */

/**
 * One triangle over the whole picture; what is ahead of each of its corners follows from the field of view (a headset's is
 * not symmetric). Only the viewer's turning counts, so that the picture is as far away as can be, for both eyes.
 */
const vertexShader = /* glsl */ `
  uniform mat4 viewMatrix;
  uniform mat4 projectionMatrix;
  in vec3 position;
  out vec3 ray;
  void main() {
    vec2 slope = (position.xy + projectionMatrix[2].xy) / vec2(projectionMatrix[0].x, projectionMatrix[1].y);
    ray = transpose(mat3(viewMatrix)) * vec3(slope, -1.0);
    gl_Position = vec4(position.xy, 1.0, 1.0);
  }`;
const corners = [-1, -1, 0, 3, -1, 0, -1, 3, 0];

/** @param {string} projection */
const fragmentShader = (projection) => /* glsl */ `
  precision highp float;
  const float PI = 3.141592653589793;
  const vec2 CELL = vec2(1.0 / 3.0, 0.5);
  uniform sampler2D map;
  uniform vec4 part;   // this eye's part of the picture
  uniform vec2 pixels; // how many it had originally
  uniform mat3 pose;   // from the world to the picture
  in vec3 ray;
  out vec4 colour;
  ${projections[projection]}
  void main() {
    vec3 d = pose * normalize(ray);
    vec2 at;
    vec4 face;
    if (!place(vec3(d.xy, -d.z), at, face)) {
      colour = vec4(0.0, 0.0, 0.0, 1.0);
      return;
    }
    // Smoothing must not mix in what lies beyond the face. Video keeps one colour for two pixels and smoothes colours, too:
    // out of reach stays a pixel of the rim, not half of one.
    vec2 guard = 1.0 / vec2(textureSize(map, 0));
    vec2 from = part.xy + face.xy * part.zw + guard;
    vec2 to = part.xy + (face.xy + face.zw) * part.zw - guard;
    colour = vec4(texture(map, clamp(part.xy + at * part.zw, from, to)).rgb, 1.0);
  }`;

/** @param {string} projection  whether it can be put on the sphere */
export const knows = (projection) => Object.hasOwn(projections, projection);

/** @param {HTMLVideoElement} video */
export function videoTexture(video) {
  const { THREE } = window.AFRAME;
  const texture = new THREE.VideoTexture(video);
  texture.flipY = false;
  texture.colorSpace = THREE.NoColorSpace; // The screen gets the video's values as they are.
  texture.wrapS = THREE.RepeatWrapping;
  if (video.readyState >= video.HAVE_CURRENT_DATA) texture.needsUpdate = true; // A paused one does not tell of its picture again.
  return texture;
}

/**
 * One layer for both eyes, or one for each.
 *
 * @param {any} texture
 * @param {Shape} shape
 * @param {Size} size  of the best quality, in pixels
 */
export function buildSky(texture, { projection, stereo, orientation }, size) {
  const { THREE } = window.AFRAME;
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute('position', new THREE.Float32BufferAttribute(corners, 3));
  const rad = Math.PI / 180;
  // As in the prhd box: yaw and pitch turn the picture counterclockwise about up and right, roll clockwise about ahead.
  const { yaw_deg, pitch_deg, roll_deg } = orientation;
  const turned = new THREE.Euler(pitch_deg * rad, yaw_deg * rad, -roll_deg * rad, 'YXZ');
  const pose = new THREE.Matrix3().setFromMatrix4(new THREE.Matrix4().makeRotationFromEuler(turned)).transpose();
  const group = new THREE.Group();
  for (const { part, layer } of eyesOf(stereo)) {
    const material = new THREE.RawShaderMaterial({
      glslVersion: THREE.GLSL3,
      vertexShader,
      fragmentShader: fragmentShader(projection),
      uniforms: {
        map: { value: texture },
        part: { value: new THREE.Vector4(...part) },
        pixels: { value: new THREE.Vector2(size.width * part[2], size.height * part[3]) },
        pose: { value: pose },
      },
      depthTest: false,
      depthWrite: false,
    });
    const mesh = new THREE.Mesh(geometry, material);
    mesh.layers.set(layer);
    mesh.frustumCulled = false;
    mesh.renderOrder = -1;
    group.add(mesh);
  }
  return group;
}

/** Gives back what `buildSky` made. @param {any} group */
export function dropSky(group) {
  for (const { geometry, material } of group.children) {
    geometry.dispose();
    material.dispose();
  }
}
