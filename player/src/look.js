/** Looking around by mouse, finger and arrow keys. */

const keys_deg_per_s = 70;
/** What one short press turns. */
const step_deg = 4;
/** How fast a flick dies away. */
const glide_s = 0.25;
const tap = { most_px: 8, most_ms: 400 };

/** @type {Record<string, [number, number]>} */
const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Look {
  yaw_deg = 0;
  pitch_deg = 0;
  #surface;
  #view;
  #onTap;
  #glide = { x: 0, y: 0 };
  /** @type {Set<string>} */ #keys = new Set();
  /** @type {{id: number, x: number, y: number, at_ms: number, far_px: number, began_ms: number} | undefined} */ #drag;
  #last_ms = 0;

  /**
   * @param {HTMLElement} surface
   * @param {{fov_deg: number, turn(yaw_deg: number, pitch_deg: number): void}} view
   * @param {(event: PointerEvent) => void} onTap  a press that did not drag
   */
  constructor(surface, view, onTap) {
    this.#surface = surface;
    this.#view = view;
    this.#onTap = onTap;
    surface.addEventListener('pointerdown', (event) => this.#down(event));
    surface.addEventListener('pointermove', (event) => this.#move(event));
    surface.addEventListener('pointerup', (event) => this.#up(event));
    surface.addEventListener('pointercancel', () => (this.#drag = undefined));
    addEventListener('keydown', (event) => this.#key(event));
    addEventListener('keyup', (event) => this.#keys.delete(event.key));
    addEventListener('blur', () => this.#keys.clear());
    requestAnimationFrame((now_ms) => this.#frame(now_ms));
  }

  /**
   * @param {number} right_deg
   * @param {number} up_deg
   */
  #turn(right_deg, up_deg) {
    this.yaw_deg = ((((this.yaw_deg + right_deg + 180) % 360) + 360) % 360) - 180;
    this.pitch_deg = Math.max(-90, Math.min(90, this.pitch_deg + up_deg));
    this.#view.turn(this.yaw_deg, this.pitch_deg);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (this.#drag || event.button !== 0) return;
    this.#surface.setPointerCapture(event.pointerId);
    const now_ms = event.timeStamp;
    this.#drag = { id: event.pointerId, x: event.clientX, y: event.clientY, at_ms: now_ms, far_px: 0, began_ms: now_ms };
    this.#glide = { x: 0, y: 0 };
  }

  /** The point under the finger stays there. @param {PointerEvent} event */
  #move(event) {
    const drag = this.#drag;
    if (!drag || drag.id !== event.pointerId) return;
    const [x_px, y_px] = [event.clientX - drag.x, event.clientY - drag.y];
    const deg_per_px = this.#view.fov_deg / Math.max(1, this.#surface.clientHeight);
    this.#turn(-x_px * deg_per_px, y_px * deg_per_px);
    const passed_s = Math.max(1, event.timeStamp - drag.at_ms) / 1000;
    this.#glide = { x: (-x_px * deg_per_px) / passed_s, y: (y_px * deg_per_px) / passed_s };
    drag.far_px += Math.hypot(x_px, y_px);
    Object.assign(drag, { x: event.clientX, y: event.clientY, at_ms: event.timeStamp });
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const drag = this.#drag;
    if (!drag || drag.id !== event.pointerId) return;
    this.#drag = undefined;
    const rested = event.timeStamp - drag.at_ms > 60 || matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (rested) this.#glide = { x: 0, y: 0 };
    if (drag.far_px < tap.most_px && event.timeStamp - drag.began_ms < tap.most_ms) this.#onTap(event);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const direction = directions[event.key];
    if (!direction || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target instanceof Element && event.target.closest('input, select, textarea')) return;
    event.preventDefault();
    if (!event.repeat) this.#turn(direction[0] * step_deg, direction[1] * step_deg);
    this.#keys.add(event.key);
  }

  /** @param {number} now_ms */
  #frame(now_ms) {
    const passed_s = Math.min(0.1, (now_ms - this.#last_ms) / 1000);
    this.#last_ms = now_ms;
    for (const key of this.#keys) {
      const [x, y] = directions[key];
      this.#turn(x * keys_deg_per_s * passed_s, y * keys_deg_per_s * passed_s);
    }
    const { x, y } = this.#glide;
    if (!this.#drag && Math.hypot(x, y) > 1) {
      this.#turn(x * passed_s, y * passed_s);
      const left = Math.exp(-passed_s / glide_s);
      this.#glide = { x: x * left, y: y * left };
    }
    requestAnimationFrame((next_ms) => this.#frame(next_ms));
  }
}

/** iPhones hand out the sensors only when asked from a tap; elsewhere there is nothing to ask. */
export async function askForSensors() {
  const sensors = /** @type {any} */ (globalThis).DeviceOrientationEvent;
  await sensors?.requestPermission?.().catch(() => 'denied');
}
