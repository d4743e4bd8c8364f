/** `window.panocast`: what the page knows of its stream, for tests, benches and measuring. Nobody can write to it. */

/**
 * @param {import('./address.js').Address} address
 * @param {import('./stream.js').Stream} stream
 * @param {HTMLVideoElement} video
 * @param {import('./view.js').View} view
 * @param {import('./picture.js').Picture} picture
 */
export function report(address, stream, video, view, picture) {
  const facts = {
    kind: () => address.kind,
    state: () => stream.state,
    message: () => stream.message || picture.note,
    level: () => stream.engine.level,
    delay_s: () => (stream.live ? stream.engine.delay_s : 0),
    video: () => video,
    yaw_deg: () => view.heading.yaw_deg,
    pitch_deg: () => view.heading.pitch_deg,
    fov_deg: () => view.fov_deg,
    sphere: () => picture.wrapped,
  };
  const told = {};
  for (const [name, get] of Object.entries(facts)) Object.defineProperty(told, name, { get, enumerable: true });
  Object.defineProperty(window, 'panocast', { value: Object.freeze(told) });
}
