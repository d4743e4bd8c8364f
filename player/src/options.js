/** What the settings menu offers. */

import { projections, stereos } from './projections.js';
import { projectionNames, qualityName, stereoNames, words } from './words.js';

/**
 * @typedef {import('./menu.js').Page} Page
 * @typedef {import('./menu.js').Row} Row
 * @typedef {{engine: import('./engine.js').Engine, captions: import('./captions.js').Captions,
 *   picture: import('./picture.js').Picture, share(): void, help(): void}} Subject
 */

/** @param {Subject} subject @returns {Page} */
export function settingsPage(subject) {
  const { engine, captions, picture, share, help } = subject;
  const { told, wishes } = picture;
  /** @type {Row[]} */
  const rows = [{ label: words.quality, value: qualityNow(engine), icon: 'gear', page: () => qualityPage(engine) }];
  if (captions.choices.length) {
    const chosen = captions.choices.find(({ track }) => track === captions.chosen);
    const page = () => captionsPage(captions);
    rows.push({ label: words.captions, value: chosen?.name ?? words.off, icon: 'captions', page });
  }
  rows.push(
    {
      label: words.projection,
      value: projectionNames[wishes.projection ?? told.projection] ?? told.projection,
      icon: 'sphere',
      page: () => shapePage(picture, 'projection', words.projection, Object.keys(projections), projectionNames),
    },
    {
      label: words.stereo,
      value: stereoNames[wishes.stereo ?? told.stereo] ?? told.stereo,
      icon: 'eyes',
      page: () => shapePage(picture, 'stereo', words.stereo, stereos, stereoNames),
    },
    { label: words.share, icon: 'share', act: share },
  );
  if (matchMedia('(hover: hover)').matches) rows.push({ label: words.keyboard, icon: 'keys', act: help });
  return { title: words.settings, rows };
}

/** @param {import('./engine.js').Engine} engine */
function qualityNow({ qualities, level, auto }) {
  const now = qualities.find(({ index }) => index === level);
  const width = now?.width ? String(now.width) : '';
  return auto ? [words.auto, width].filter(Boolean).join(' · ') : width;
}

/** @param {import('./engine.js').Engine} engine @returns {Page} */
function qualityPage(engine) {
  const { qualities, level, auto } = engine;
  const automatic = { label: qualities.length ? words.auto : words.nativeQuality, checked: auto, value: auto ? qualityNow(engine).split(' · ')[1] : '' };
  return {
    title: words.quality,
    rows: [
      { ...automatic, act: () => engine.setLevel(-1) },
      ...qualities.map((quality) => ({
        label: qualityName(quality),
        checked: !auto && quality.index === level,
        act: () => engine.setLevel(quality.index),
      })),
    ],
  };
}

/** @param {import('./captions.js').Captions} captions @returns {Page} */
function captionsPage(captions) {
  const row = (/** @type {string} */ label, /** @type {TextTrack | undefined} */ track) => ({
    label,
    checked: captions.chosen === track,
    act: () => captions.choose(track),
  });
  return { title: words.captions, rows: [row(words.off, undefined), ...captions.choices.map(({ name, track }) => row(name, track))] };
}

/**
 * @param {import('./picture.js').Picture} picture
 * @param {'projection' | 'stereo'} what
 * @param {string} title
 * @param {string[]} values
 * @param {Record<string, string>} names
 * @returns {Page}
 */
function shapePage(picture, what, title, values, names) {
  const sent = picture.told[what];
  const row = (/** @type {string | undefined} */ value, /** @type {string} */ label) => ({
    label,
    checked: picture.wishes[what] === value,
    act: () => picture.wish({ [what]: value }),
  });
  return { title, rows: [row(undefined, words.asSent(names[sent] ?? sent)), ...values.map((value) => row(value, names[value]))] };
}
