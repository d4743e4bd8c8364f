/** WebVTT that points into picture sheets: `sheet.jpg#xywh=x,y,w,h` for each stretch of a recording. */

import { resolved } from './address.js';

/** @typedef {{start_s: number, end_s: number, url: string, x: number, y: number, width: number, height: number}} Thumbnail */

const time = String.raw`(?:(\d+):)?(\d\d):(\d\d)\.(\d{3})`;
const timing = new RegExp(String.raw`^\s*${time}\s+-->\s+${time}`);

/** @param {(string | undefined)[]} parts  hours, minutes, seconds, milliseconds */
const seconds = ([h, m, s, ms]) => Number(h ?? 0) * 3600 + Number(m) * 60 + Number(s) + Number(ms) / 1000;

/**
 * @param {string} text
 * @param {string} base  the text's own address
 * @returns {Thumbnail[]}  in order; a cue that points nowhere, or to another server, is left out
 */
export function readThumbnails(text, base) {
  if (!text.replace(/^\uFEFF/, '').startsWith('WEBVTT')) return [];
  /** @type {Thumbnail[]} */
  const found = [];
  for (const block of text.split(/\r?\n\r?\n/)) {
    const lines = block.split(/\r?\n/);
    const at = lines.findIndex((line) => timing.test(line));
    const times = timing.exec(lines[at] ?? '');
    const [address, fragment] = (lines[at + 1] ?? '').trim().split('#');
    const box = /^xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/.exec(fragment ?? '');
    const url = address && resolved(address, base);
    if (!times || !box || !url || url.origin !== new URL(base).origin) continue;
    const [x, y, width, height] = box.slice(1).map(Number);
    found.push({ start_s: seconds(times.slice(1, 5)), end_s: seconds(times.slice(5, 9)), url: url.href, x, y, width, height });
  }
  return found.sort((a, b) => a.start_s - b.start_s);
}

/** @param {Thumbnail[]} thumbnails @param {number} at_s */
export function thumbnailAt(thumbnails, at_s) {
  return thumbnails.findLast(({ start_s }) => start_s <= at_s) ?? thumbnails[0];
}
