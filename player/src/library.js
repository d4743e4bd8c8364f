/** The library: what is live, what is on demand, and how to publish. */

import { fromRoot, watchLink } from './address.js';
import { el, icon } from './dom.js';
import { matches } from './search.js';
import { fetchCatalog, fetchLive, fetchSite, poll } from './site.js';
import { Stills } from './still.js';
import { clock, day, publishSteps, sinceWhen, words } from './words.js';

const poll_ms = 3000;

/** @typedef {import('./types.js').Live} Live */
/** @typedef {import('./types.js').Asset} Asset */
/** @typedef {{live?: Live, catalog?: Asset[]}} Known */

/** @param {HTMLElement} root */
export function showLibrary(root) {
  document.title = words.brand;
  const page = el('main', { class: 'library', 'aria-busy': 'true' }, el('p', { class: 'hint' }, words.loadingLibrary));
  const trouble = el('p', { class: 'trouble', role: 'status' });
  const field = el('input', { type: 'search', placeholder: words.search, 'aria-label': words.search, autocomplete: 'off' });
  const form = el('form', { role: 'search', class: 'search', hidden: true }, icon('search'), field);
  const brand = el('a', { href: '/' }, icon('globe'), words.brand);
  const header = el('header', { class: 'brand' }, brand, form);
  root.replaceChildren(header, trouble, page);
  if (matchMedia('(hover: hover) and (pointer: fine)').matches) void offerPhone(header);

  /** What was told last: live streams and recordings may come from different servers. @type {Known} */
  const known = {};
  let shown = '';
  const stills = new Stills();
  const draw = () => {
    const news = JSON.stringify([known, field.value]);
    if (news !== shown && (known.live || known.catalog)) render(page, known, field.value, stills);
    shown = news;
    form.hidden = !known.live?.live.length && !known.catalog?.length;
  };
  form.addEventListener('submit', (event) => event.preventDefault());
  field.addEventListener('input', draw);
  poll(async () => {
    const [live, catalog] = await Promise.allSettled([fetchLive(), fetchCatalog()]);
    if (live.status === 'fulfilled') known.live = live.value;
    if (catalog.status === 'fulfilled') known.catalog = catalog.value;
    trouble.textContent = [live, catalog].every(({ status }) => status === 'fulfilled') ? '' : words.unreachable;
    draw();
  }, poll_ms);
}

/**
 * Lays the page out anew, and leaves the keyboard's focus on the card it was on.
 *
 * @param {HTMLElement} page
 * @param {Known} known
 * @param {string} wanted  what the viewer searches for
 * @param {Stills} stills
 */
function render(page, { live, catalog }, wanted, stills) {
  const focused = page.contains(document.activeElement) && document.activeElement?.getAttribute('href');
  const open = page.querySelector('details')?.open;
  const empty = live?.live.length === 0 && catalog?.length === 0;
  const fits = (/** @type {{title: string}} */ { title }) => matches(title, wanted);
  const [on, recorded] = [live?.live.filter(fits) ?? [], catalog?.filter(fits) ?? []];
  const parts = [];
  if (empty) parts.push(emptyState());
  else if (wanted.trim() && !on.length && !recorded.length) {
    parts.push(el('p', { class: 'hint', role: 'status' }, words.notFound(wanted.trim())));
  } else {
    if (on.length || (live && !wanted.trim())) parts.push(section(words.live, on.map((stream) => liveCard(stream, stills)), words.nothingLive));
    if (recorded.length) parts.push(section(words.vod, recorded.map(assetCard)));
  }
  if (!empty && !wanted.trim()) parts.push(howTo(open));
  page.replaceChildren(...parts, ...(live && !wanted.trim() ? ownerNote(live) : []));
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

/** @param {import('./types.js').LiveStream} stream @param {Stills} stills */
function liveCard(stream, stills) {
  const poster = el('span', { class: 'poster' }, icon('globe'), el('span', { class: 'live-badge' }, words.liveBadge));
  stills.show(stream, poster);
  return el(
    'a',
    { class: 'card', href: watchLink(stream.url) },
    poster,
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

/** Where a phone finds this page, as a code for its camera. @param {HTMLElement} header */
async function offerPhone(header) {
  const told = async () => (await fetchSite().catch(() => undefined))?.url;
  const url = await told();
  if (!url) return;
  const code = el('img', { src: '/qr.svg', alt: words.onPhoneCode, class: 'qr', loading: 'lazy' });
  const address = el('code', {}, url);
  const ownCertificate = /^https:\/\/[\d.]+[:/]/.test(url) && el('p', { class: 'hint' }, words.ownCertificate);
  const sheet = el('div', {}, code, el('p', {}, address), ownCertificate);
  const details = el('details', { class: 'phone' }, el('summary', {}, icon('phone'), words.onPhone), sheet);
  header.append(details);
  // A laptop's address changes with the network it is in.
  poll(async () => {
    const now = details.open && (await told());
    if (!now || now === address.textContent) return;
    address.textContent = now;
    code.src = `/qr.svg?${encodeURIComponent(now)}`;
  }, 3000);
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
