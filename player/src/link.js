/** What a link says besides the stream: when, and where to look; and the link that says it. */

import { watchLink } from './address.js';
import { projections, stereos } from './projections.js';

/** @typedef {import('./types.js').Wishes} Wishes */

/**
 * @param {URLSearchParams} query  what makes no sense in it is left out
 * @returns {Wishes}
 */
export function readWishes(query) {
  const number = (/** @type {string} */ name) => {
    const text = query.get(name)?.trim();
    const value = Number(text);
    return text && Number.isFinite(value) ? value : undefined;
  };
  const [projection, stereo] = [query.get('projection') ?? '', query.get('stereo') ?? ''];
  return {
    start_s: Math.max(0, number('t') ?? 0),
    yaw_deg: number('yaw'),
    pitch_deg: number('pitch'),
    fov_deg: number('fov'),
    projection: Object.hasOwn(projections, projection) ? projection : undefined,
    stereo: stereos.includes(stereo) ? stereo : undefined,
  };
}

/**
 * @param {string} url  of the stream
 * @param {Wishes} wishes
 * @returns {string}  relative to the server's root
 */
export function linkTo(url, { start_s, yaw_deg, pitch_deg, fov_deg, projection, stereo }) {
  const parts = { t: start_s && Math.floor(start_s), yaw: yaw_deg, pitch: pitch_deg, fov: fov_deg, projection, stereo };
  const said = Object.entries(parts).filter(([name, value]) => value !== undefined && (name !== 't' || value));
  const texts = said.map(([name, value]) => `&${name}=${typeof value === 'number' ? Math.round(value) : value}`);
  return watchLink(url) + texts.join('');
}
