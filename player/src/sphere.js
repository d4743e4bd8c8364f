/** The A-Frame scene: the sphere around a camera that looks where the view says, on a screen or in a headset. */

import { el } from './dom.js';
import { Sharpness } from './sharpness.js';
import { buildSky, dropSky, knows, videoTexture } from './sky.js';

const AFRAME_URL = new URL('../vendor/aframe.min.js', import.meta.url).href;

/** The widest picture this device can put on the sphere, in pixels; 0 without WebGL. */
export function widestPicture() {
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) return 0;
  const widest = gl.getParameter(gl.MAX_TEXTURE_SIZE);
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return widest;
}

/** Loads A-Frame, once; rejects when it cannot be had. */
export async function loadAframe() {
  const script = el('script', { src: AFRAME_URL });
  await new Promise((resolve, reject) => {
    script.addEventListener('load', resolve);
    script.addEventListener('error', reject);
    document.head.append(script);
  });
  // Ctrl+Alt+I would fetch A-Frame's inspector from a third party.
  Object.assign(window.AFRAME.components.inspector.Component.prototype, { init() {}, play() {}, remove() {} });
}

/** Part of a scene. @param {string} tag @param {Record<string, string>} attributes */
export function entity(tag, attributes = {}) {
  const element = /** @type {any} */ (document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export class Sphere {
  /** What is in the headset's room besides the sphere hangs here. */ room = entity('a-entity');
  /** The viewer: what hangs here turns with the camera's rig. */ rig = entity('a-entity');
  /** The viewer's eyes. */ camera = entity('a-entity');
  #scene;
  #sky = entity('a-entity');
  #view;
  #video;
  /** @type {any} */ #texture;
  #shown = '';
  /** Whether something has changed since it was drawn. */ #stale = true;
  /** The video's picture that was drawn last. */ #drawn = -1;
  #sharpness = new Sharpness(window.devicePixelRatio);

  /**
   * A-Frame must be loaded.
   * @param {HTMLElement} place
   * @param {HTMLVideoElement} video
   * @param {import('./view.js').View} view
   */
  constructor(place, video, view) {
    this.#video = video;
    this.#view = view;
    const off = 'enabled: false';
    this.#scene = entity('a-scene', {
      embedded: '',
      'xr-mode-ui': off,
      'loading-screen': off,
      'device-orientation-permission-ui': off,
      'keyboard-shortcuts': 'enterVR: false',
      light: 'defaultLightsEnabled: false',
      webxr: 'referenceSpaceType: local', // The eyes are the middle of the world, not the floor.
      renderer: 'antialias: false; alpha: false; colorManagement: false',
    });
    this.camera.setAttribute('camera', { fov: view.fov_deg, far: 100, near: 0.05 });
    // In a headset three.js moves the camera within the rig.
    this.rig.append(this.camera);
    this.#scene.append(this.rig, this.room, this.#sky);
    place.append(this.#scene);
    this.ready = new Promise((resolve) => {
      if (this.#scene.hasLoaded) resolve(undefined);
      else this.#scene.addEventListener('loaded', resolve, { once: true });
    }).then(() => this.#settle(place));
  }

  /** @param {HTMLElement} place */
  #settle(place) {
    this.#texture = videoTexture(this.#video);
    this.camera.getObject3D('camera').layers.enable(1); // Flat screens show the left eye.
    this.#scene.canvas.setAttribute('aria-hidden', 'true');
    this.#scene.addEventListener('enter-vr', () => this.#faceAhead());
    this.#scene.addEventListener('exit-vr', () => {
      this.#faceAhead();
      this.#sharpen(); // A-Frame has gone back to all pixels that there are.
    });
    this.#view.addEventListener('change', () => this.#follow());
    this.#follow();
    this.#sharpen();
    new ResizeObserver(() => this.#scene.resize()).observe(place);
    this.#drawWhenNeeded();
  }

  #sharpen() {
    this.#scene.renderer.setPixelRatio(this.#sharpness.ratio);
    this.#scene.resize();
  }

  /** Draws what is new: a video has 30 pictures a second or fewer, a screen 60 or more, and each takes its share of a battery. */
  #drawWhenNeeded() {
    const scene = this.#scene;
    const counts = 'requestVideoFrameCallback' in this.#video; // Else nobody knows when the video's picture is another.
    let drawn_ms = 0;
    const draw = (/** @type {number} */ now_ms, /** @type {unknown} */ frame) => {
      this.#stale = false;
      this.#drawn = this.#texture.version;
      scene.render(now_ms, frame);
      drawn_ms = now_ms;
    };
    scene.renderer.setAnimationLoop((/** @type {number} */ now_ms, /** @type {unknown} */ frame) => {
      if (this.inHeadset) return draw(now_ms, frame);
      if (drawn_ms && this.#sharpness.note(now_ms - drawn_ms)) this.#sharpen();
      drawn_ms = 0;
      if (this.#stale || !counts || this.#drawn !== this.#texture.version) draw(now_ms, frame);
    });
    // What has another size is empty; so is what the graphics chip has lost.
    scene.addEventListener('rendererresize', () => draw(performance.now(), undefined));
    scene.canvas.addEventListener('webglcontextrestored', () => (this.#stale = true));
  }

  get inHeadset() {
    return this.#scene.is('vr-mode');
  }

  /** A headset knows up and down by itself; hand and keys turn the room under it. */
  #faceAhead() {
    const yaw_deg = this.inHeadset ? this.#view.heading.yaw_deg : 0;
    this.rig.object3D.rotation.y = this.room.object3D.rotation.y = (-yaw_deg * Math.PI) / 180;
    this.camera.object3D.quaternion.identity(); // From now on the headset turns it.
    this.#follow();
  }

  #follow() {
    if (this.inHeadset) return;
    this.#stale = true;
    const camera = this.camera.getObject3D('camera');
    this.camera.object3D.quaternion.set(...this.#view.rotation);
    this.camera.object3D.position.set(0, 0, 0);
    if (camera.fov === this.#view.fov_deg) return;
    camera.fov = this.#view.fov_deg;
    camera.updateProjectionMatrix();
  }

  /** In a headset: what lies ahead of the viewer now becomes ahead. */
  recentre() {
    if (!this.inHeadset) return;
    const towards = new window.AFRAME.THREE.Vector3();
    this.camera.getObject3D('camera').getWorldDirection(towards);
    this.rig.object3D.rotation.y += Math.atan2(towards.x, -towards.z);
    this.room.object3D.rotation.y = 0;
  }

  /**
   * Puts the video on the sphere.
   * @param {import('./types.js').Shape} shape
   * @param {import('./types.js').Size} size  of the best quality
   * @returns {boolean}  false when nobody knows how
   */
  show(shape, size) {
    if (!knows(shape.projection)) return false;
    const wanted = JSON.stringify([shape, size]);
    if (wanted === this.#shown) return true;
    const old = this.#sky.getObject3D('mesh');
    this.#sky.setObject3D('mesh', buildSky(this.#texture, shape, size));
    if (old) dropSky(old);
    this.#shown = wanted;
    this.#stale = true;
    return true;
  }

  /** @param {(inside: boolean) => void} act  when the viewer puts a headset on, or takes it off */
  onHeadset(act) {
    this.#scene.addEventListener('enter-vr', () => act(true));
    this.#scene.addEventListener('exit-vr', () => act(false));
  }

  /** Rejects where the headset, or the viewer, does not want to. */
  async enterVr() {
    await this.#scene.enterVR();
  }

  leaveVr() {
    this.#scene.exitVR();
  }
}
