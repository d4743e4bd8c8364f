/** The sphere around the viewer, drawn by A-Frame from a <video> that stays outside the scene. */

import { el } from './dom.js';
import { mappingOf } from './mapping.js';

const AFRAME_URL = new URL('../vendor/aframe.min.js', import.meta.url).href;
const radius_m = 500;
/** Fine enough that no straight edge of the mesh bends the picture by a pixel. */
const mesh = { around: 128, up: 64 };
/** Vertical field of view; upright phones see more height, or the sides would be a slit. */
const fov_deg = { wide: 75, upright: 95 };

export function hasWebgl() {
  return !!document.createElement('canvas').getContext('webgl2');
}

/** Loads A-Frame, once; rejects when it cannot be had. */
export function loadAframe() {
  return new Promise((resolve, reject) => {
    const script = el('script', { src: AFRAME_URL });
    script.addEventListener('load', () => {
      // Ctrl+Alt+I would fetch A-Frame's inspector from a third party.
      Object.assign(window.AFRAME.components.inspector.Component.prototype, { init() {}, play() {}, remove() {} });
      resolve(undefined);
    });
    script.addEventListener('error', reject);
    document.head.append(script);
  });
}

export class Sphere {
  #scene;
  #ball;
  #camera;
  #video;
  #shape = '';

  /**
   * A-Frame must be loaded.
   * @param {HTMLElement} place
   * @param {HTMLVideoElement} video
   */
  constructor(place, video) {
    this.#video = video;
    const make = (/** @type {string} */ tag, /** @type {Record<string, string>} */ attributes) => {
      const element = /** @type {any} */ (document.createElement(tag));
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      return element;
    };
    const off = 'enabled: false';
    this.#scene = make('a-scene', {
      embedded: '',
      'xr-mode-ui': off,
      'loading-screen': off,
      'device-orientation-permission-ui': off,
      'keyboard-shortcuts': 'enterVR: false',
      light: 'defaultLightsEnabled: false',
      renderer: 'antialias: false; alpha: false',
    });
    // Phones turn the view by their sensors; drag and keys are this player's own (look.js).
    this.#camera = make('a-entity', { 'look-controls': 'mouseEnabled: false; touchEnabled: false' });
    this.#camera.setAttribute('camera', { fov: fov_deg.wide, far: 2 * radius_m, near: 0.1 });
    this.#ball = make('a-entity', {});
    this.#scene.append(this.#camera, this.#ball);
    place.append(this.#scene);
    this.ready = new Promise((resolve) => {
      if (this.#scene.hasLoaded) resolve(undefined);
      else this.#scene.addEventListener('loaded', resolve, { once: true });
    }).then(() => this.#settle(place));
  }

  /** @param {HTMLElement} place */
  #settle(place) {
    this.#camera.getObject3D('camera').layers.enable(1); // Flat screens show the left eye.
    this.#scene.canvas.setAttribute('aria-hidden', 'true');
    new ResizeObserver(() => {
      const upright = place.clientHeight > place.clientWidth;
      this.#camera.setAttribute('camera', 'fov', upright ? fov_deg.upright : fov_deg.wide);
      this.#scene.resize();
    }).observe(place);
  }

  /**
   * Puts the video on the sphere.
   * @param {string} projection
   * @param {string} stereo
   * @returns {boolean}  false when this version cannot
   */
  show(projection, stereo) {
    const mapping = mappingOf(projection, stereo);
    if (!mapping) return false;
    const shape = `${projection} ${stereo}`;
    if (shape !== this.#shape) this.#ball.setObject3D('mesh', this.#build(mapping));
    this.#shape = shape;
    return true;
  }

  /** @param {import('./mapping.js').Mapping} mapping */
  #build({ around_deg, eyes }) {
    const { THREE } = window.AFRAME;
    const texture = new THREE.VideoTexture(this.#video);
    texture.colorSpace = THREE.SRGBColorSpace;
    const material = new THREE.MeshBasicMaterial({ map: texture, toneMapped: false });
    const group = new THREE.Group();
    const around = (around_deg * Math.PI) / 180;
    for (const { u, v, layer } of eyes) {
      const ball = new THREE.SphereGeometry(radius_m, mesh.around, mesh.up, Math.PI - around / 2, around);
      ball.scale(-1, 1, 1); // Seen from inside.
      ball.rotateY(-Math.PI / 2); // The picture's middle lies ahead.
      const uv = ball.attributes.uv;
      for (let i = 0; i < uv.count; i++) {
        uv.setXY(i, u[0] + uv.getX(i) * (u[1] - u[0]), v[0] + uv.getY(i) * (v[1] - v[0]));
      }
      const part = new THREE.Mesh(ball, material);
      part.layers.set(layer);
      group.add(part);
    }
    return group;
  }

  /** Vertical field of view, degrees. */
  get fov_deg() {
    return this.#camera.getAttribute('camera').fov;
  }

  /**
   * Turns the view. On phones this adds to what the sensors say.
   * @param {number} yaw_deg  to the right of the picture's middle
   * @param {number} pitch_deg  up from the horizon
   */
  turn(yaw_deg, pitch_deg) {
    const controls = this.#camera.components['look-controls'];
    controls.yawObject.rotation.y = (-yaw_deg * Math.PI) / 180;
    controls.pitchObject.rotation.x = (pitch_deg * Math.PI) / 180;
  }

  enterVr() {
    this.#scene.enterVR();
  }
}
