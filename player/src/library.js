/** The library: what is live, what is on demand, and how to publish. */

import { fromRoot, watchLink } from './address.js';
import { el, icon } from './dom.js';
import { fetchCatalog, fetchLive, poll } from './site.js';
import { clock, day, publishSteps, sinceWhen, words } from './words.js';

const poll_ms = 3000;

/** @typedef {import('./types.js').Live} Live */
/** @typedef {import('./types.js').Asset} Asset */

/** @param {HTMLElement} root */
export function showLibrary(root) {
  document.title = words.brand;
  const page = el('main', { class: 'library', 'aria-busy': 'true' }, el('p', { class: 'hint' }, words.loadingLibrary));
  const trouble = el('p', { class: 'trouble', role: 'status' });
  root.replaceChildren(header(), trouble, page);

  let shown = '';
  poll(async () => {
    try {
      const [live, catalog] = await Promise.all([fetchLive(), fetchCatalog()]);
      trouble.textContent = '';
      const news = JSON.stringify([live, catalog]);
      if (news !== shown) render(page, live, catalog);
      shown = news;
    } catch {
      trouble.textContent = words.unreachable;
    }
  }, poll_ms);
}

function header() {
  return el('header', { class: 'brand' }, el('a', { href: '/' }, icon('globe'), words.brand));
}

/**
 * Lays the page out anew, and leaves the keyboard's focus on the card it was on.
 *
 * @param {HTMLElement} page
 * @param {Live} live
 * @param {Asset[]} catalog
 */
function render(page, live, catalog) {
  const focused = document.activeElement?.getAttribute('href');
  const open = page.querySelector('details')?.open;
  const empty = !live.live.length && !catalog.length;
  page.replaceChildren(
    ...(empty ? [emptyState()] : [section(words.live, live.live.map(liveCard), words.nothingLive)]),
    ...(catalog.length ? [section(words.vod, catalog.map(assetCard))] : []),
    ...(empty ? [] : [howTo(open)]),
    ...ownerNote(live),
  );
  page.removeAttribute('aria-busy');
  if (focused) page.querySelectorAll('a').forEach((link) => link.getAttribute('href') === focused && link.focus());
}

/**
 * @param {string} title
 * @param {HTMLElement[]} cards
 * @param {string} [otherwise]
 */
function section(title, cards, otherwise = '') {
  return el(
    'section',
    {},
    el('h2', {}, title),
    cards.length
      ? el('ul', { class: 'cards' }, ...cards.map((card) => el('li', {}, card)))
      : el('p', { class: 'hint' }, otherwise),
  );
}

/** @param {import('./types.js').LiveStream} stream */
function liveCard(stream) {
  return el(
    'a',
    { class: 'card', href: watchLink(stream.url) },
    el('span', { class: 'poster' }, icon('globe'), el('span', { class: 'live-badge' }, words.liveBadge)),
    el('span', { class: 'card-title' }, stream.title),
    el('span', { class: 'card-more' }, sinceWhen(stream.since)),
  );
}

/** @param {Asset} asset */
function assetCard(asset) {
  const poster = el('span', { class: 'poster' }, icon('globe'), el('span', { class: 'length' }, clock(Math.round(asset.duration_s))));
  if (asset.poster) {
    const picture = el('img', { src: fromRoot(asset.poster), alt: '', loading: 'lazy' });
    picture.addEventListener('error', () => picture.remove());
    poster.append(picture);
  }
  return el(
    'a',
    { class: 'card', href: watchLink(asset.url) },
    poster,
    el('span', { class: 'card-title' }, asset.title),
    el('span', { class: 'card-more' }, day(asset.published)),
  );
}

function steps() {
  return el(
    'ol',
    { class: 'steps' },
    ...publishSteps(location.hostname).map(({ text, code, after }) =>
      el('li', {}, text, code && el('code', {}, code), after),
    ),
  );
}

function emptyState() {
  return el(
    'section',
    { class: 'empty' },
    icon('globe'),
    el('h1', {}, words.nothingYet),
    el('p', { class: 'hint' }, words.nothingYetMore),
    el('h2', {}, words.howTo),
    steps(),
  );
}

/** @param {boolean | undefined} open */
function howTo(open) {
  return el('details', { class: 'how-to', open }, el('summary', {}, words.howTo), steps());
}

/**
 * Refused publishes and warnings, for whoever runs the server.
 * @param {Live} live
 */
function ownerNote({ live, refused }) {
  const notes = [
    ...refused.map(({ name, reason }) => ({ name, note: reason })),
    ...live.flatMap(({ name, warnings }) => warnings.map((note) => ({ name, note }))),
  ];
  if (!notes.length) return [];
  return [
    el(
      'aside',
      { class: 'owner', 'aria-label': words.ownerNote },
      el('h2', {}, words.ownerNote),
      el('ul', {}, ...notes.map(({ name, note }) => el('li', {}, el('b', {}, name), ' ', note))),
    ),
  ];
}
