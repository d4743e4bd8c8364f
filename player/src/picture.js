/** The picture: how it lies on the sphere, as the stream says or the viewer wishes; flat where there is no sphere. */

import { loadAframe, Sphere } from './sphere.js';
import { words } from './words.js';

/** @typedef {import('./types.js').Shape} Shape */

export class Picture extends EventTarget {
  /** What the stream says of itself. @type {Shape} */
  told = { projection: 'equirectangular', stereo: 'mono', orientation: { yaw_deg: 0, pitch_deg: 0, roll_deg: 0 } };
  /** What the viewer wants instead. @type {{projection?: string, stereo?: string}} */ wishes;
  /** Whether it is on the sphere. */ wrapped = false;
  /** Why it is not, and will not be. */ note = '';
  /** @type {Sphere | undefined} */ sphere;
  #engine;
  #widest;

  /**
   * @param {import('./engine.js').Engine} engine
   * @param {() => number} widest  picture that can be shown, in pixels; 0: none
   * @param {{projection?: string, stereo?: string}} wishes
   */
  constructor(engine, widest, { projection, stereo }) {
    super();
    this.#engine = engine;
    this.#widest = widest;
    this.wishes = { projection, stereo };
  }

  /** Whether the sphere is still to come. */
  get awaited() {
    return !this.wrapped && !this.note;
  }

  /** What the stream says, or what the viewer wants. @returns {Shape} */
  get shape() {
    const wanted = Object.fromEntries(Object.entries(this.wishes).filter(([, value]) => value));
    return { ...this.told, ...wanted };
  }

  /**
   * @param {HTMLElement} surface
   * @param {HTMLVideoElement} video
   * @param {import('./view.js').View} view
   */
  async wrap(surface, video, view) {
    if (!this.#widest()) return this.#stayFlat(words.noWebgl);
    try {
      await loadAframe();
      const sphere = new Sphere(surface, video, view);
      await sphere.ready;
      this.sphere = sphere;
    } catch {
      return this.#stayFlat(words.noSphere);
    }
    this.update();
  }

  /** @param {string} note */
  #stayFlat(note) {
    this.note = note;
    this.dispatchEvent(new Event('change'));
  }

  /** @param {Shape} shape */
  tell({ projection, stereo, orientation }) {
    this.told = { projection, stereo, orientation };
    this.update();
  }

  /** @param {{projection?: string, stereo?: string}} wishes */
  wish(wishes) {
    this.wishes = { ...this.wishes, ...wishes };
    this.update();
  }

  /** Called again when the qualities are known: the best one tells the original's size. */
  update() {
    if (!this.sphere) return void this.dispatchEvent(new Event('change'));
    const { shape } = this;
    const [{ width, height } = { width: 0, height: 0 }] = this.#engine.qualities;
    this.wrapped = this.sphere.show(shape, width ? { width, height } : { width: 3840, height: 1920 });
    this.note = this.wrapped ? '' : words.flatProjection(shape.projection);
    this.dispatchEvent(new Event('change'));
  }
}
