/** Turning and zooming the view: mouse, fingers, wheel, pinch, arrow keys, and gliding on after a flick. */

const keys_deg_per_s = 70;
/** What one short press turns. */
const step_deg = 4;
/** How fast a flick dies away. */
const glide_s = 0.25;
const tap = { most_px: 8, most_ms: 400 };
/** How far apart two fingers or one notch of the wheel change the field of view. */
const wheel_per_px = 0.0012;

/** @type {Record<string, [number, number]>} */
const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** @typedef {{x: number, y: number}} Point */

export class Steer {
  #surface;
  #view;
  #onTap;
  #glide = { x: 0, y: 0 };
  /** @type {Set<string>} */ #keys = new Set();
  /** The fingers on the picture, or the mouse. @type {Map<number, Point>} */ #points = new Map();
  #press = { began_ms: 0, far_px: 0, moved_ms: 0 };
  #last_ms = 0;

  /**
   * @param {HTMLElement} surface
   * @param {import('./view.js').View} view
   * @param {(event: PointerEvent) => void} onTap  a press that did not drag
   */
  constructor(surface, view, onTap) {
    this.#surface = surface;
    this.#view = view;
    this.#onTap = onTap;
    surface.addEventListener('pointerdown', (event) => this.#down(event));
    surface.addEventListener('pointermove', (event) => this.#move(event));
    surface.addEventListener('pointerup', (event) => this.#up(event));
    surface.addEventListener('pointercancel', (event) => this.#points.delete(event.pointerId));
    surface.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    addEventListener('keydown', (event) => this.#key(event));
    addEventListener('keyup', (event) => this.#keys.delete(event.key));
    addEventListener('blur', () => this.#keys.clear());
    const frame = (/** @type {number} */ now_ms) => {
      this.#frame(now_ms);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || this.#points.size >= 2) return;
    this.#surface.setPointerCapture(event.pointerId);
    this.#points.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#glide = { x: 0, y: 0 };
    const far_px = this.#points.size > 1 ? tap.most_px : 0; // Two fingers never tap.
    this.#press = { began_ms: event.timeStamp, far_px, moved_ms: event.timeStamp };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const point = this.#points.get(event.pointerId);
    if (!point) return;
    const before_px = this.#spread();
    const [x_px, y_px] = [event.clientX - point.x, event.clientY - point.y];
    Object.assign(point, { x: event.clientX, y: event.clientY });
    if (this.#points.size > 1) return this.#view.zoom(before_px / Math.max(1, this.#spread()));

    // The point under the finger stays there.
    const deg_per_px = this.#view.fov_deg / Math.max(1, this.#surface.clientHeight);
    this.#view.turn(-x_px * deg_per_px, y_px * deg_per_px);
    const passed_s = Math.max(1, event.timeStamp - this.#press.moved_ms) / 1000;
    this.#glide = { x: (-x_px * deg_per_px) / passed_s, y: (y_px * deg_per_px) / passed_s };
    this.#press.far_px += Math.hypot(x_px, y_px);
    this.#press.moved_ms = event.timeStamp;
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.#points.delete(event.pointerId)) return;
    const { began_ms, far_px, moved_ms } = this.#press;
    const rested = event.timeStamp - moved_ms > 60 || matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (rested || this.#points.size) this.#glide = { x: 0, y: 0 };
    if (far_px < tap.most_px && event.timeStamp - began_ms < tap.most_ms) this.#onTap(event);
  }

  /** How far two fingers are apart. */
  #spread() {
    const [a, b] = [...this.#points.values()];
    return b ? Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) : 1;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const px = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1);
    this.#view.zoom(Math.exp(Math.max(-200, Math.min(200, px)) * wheel_per_px));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const direction = directions[event.key];
    if (!direction || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target instanceof Element && event.target.closest('input, select, textarea, dialog, [role=menu]')) return;
    event.preventDefault();
    if (!event.repeat) this.#view.turn(direction[0] * step_deg, direction[1] * step_deg);
    this.#keys.add(event.key);
  }

  /** Goes on turning, whenever the screen is drawn. @param {number} now_ms */
  #frame(now_ms) {
    const passed_s = Math.min(0.1, (now_ms - this.#last_ms) / 1000);
    this.#last_ms = now_ms;
    for (const key of this.#keys) {
      const [x, y] = directions[key];
      this.#view.turn(x * keys_deg_per_s * passed_s, y * keys_deg_per_s * passed_s);
    }
    const { x, y } = this.#glide;
    if (!this.#points.size && Math.hypot(x, y) > 1) {
      this.#view.turn(x * passed_s, y * passed_s);
      const left = Math.exp(-passed_s / glide_s);
      this.#glide = { x: x * left, y: y * left };
    }
  }
}
