/** Until the sphere is there: the middle of the flat picture, where the sphere will show it and as large. */

import { eyesOf } from './projections.js';

/** Pictures whose middle looks flat as it does on the sphere, and how far they go around. @type {Record<string, number>} */
const around_deg = { equirectangular: 360, 'half-equirectangular': 180 };

/**
 * Where the whole picture has to lie, in pixels of the window.
 *
 * @param {import('./types.js').Shape} shape
 * @param {{yaw_deg: number, pitch_deg: number}} heading
 * @param {number} fov_deg  of the window's height
 * @param {import('./types.js').Size} window
 * @returns {{left: number, top: number, width: number, height: number} | undefined}  undefined where it would not fill the window
 */
export function flatPlace({ projection, stereo, orientation }, { yaw_deg, pitch_deg }, fov_deg, window) {
  const across_deg = around_deg[projection];
  if (!across_deg || Object.values(orientation).some(Boolean)) return undefined;
  const px_per_deg = ((window.height / 2 / Math.tan((fov_deg * Math.PI) / 360)) * Math.PI) / 180;
  const eye = { width: across_deg * px_per_deg, height: 180 * px_per_deg };
  const left = (window.width - eye.width) / 2 - yaw_deg * px_per_deg;
  const top = (window.height - eye.height) / 2 + pitch_deg * px_per_deg;
  if (Math.max(left, top) > 0 || left + eye.width < window.width || top + eye.height < window.height) return undefined;
  const [x, y, width, height] = eyesOf(stereo)[0].part; // A flat screen shows the left eye.
  const whole = { width: eye.width / width, height: eye.height / height };
  return { left: left - x * whole.width, top: top - y * whole.height, ...whole };
}

/** The sphere's code keeps a device busy for a while: the first picture goes before it, unless it is late itself. */
const patience_ms = 1500;

/** @param {HTMLVideoElement} video */
export async function firstPicture(video) {
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  await Promise.race([
    new Promise((done) => video.addEventListener('loadeddata', done, { once: true })).then(painted),
    new Promise((done) => setTimeout(done, patience_ms)),
  ]);
}

/**
 * Puts the video there for as long as the sphere is awaited.
 *
 * @param {HTMLVideoElement} video
 * @param {import('./picture.js').Picture} picture
 * @param {import('./view.js').View} view
 * @param {HTMLElement} stage
 */
export function glimpse(video, picture, view, stage) {
  const place = () => {
    const size = { width: stage.clientWidth, height: stage.clientHeight };
    const there = picture.awaited ? flatPlace(picture.shape, view.heading, view.fov_deg, size) : undefined;
    video.classList.toggle('glimpse', !!there);
    for (const side of /** @type {const} */ (['left', 'top', 'width', 'height'])) {
      video.style[side] = there ? `${there[side]}px` : '';
    }
    if (!picture.awaited) view.removeEventListener('change', place);
  };
  view.addEventListener('change', place);
  picture.addEventListener('change', place);
  place();
}
