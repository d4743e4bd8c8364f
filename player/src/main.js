/** The door: `/` is the library, `/?url=…` plays a stream. Each is fetched only where it is wanted. */

import { el } from './dom.js';

/** What takes long, or is only asked for by what was asked for before: all of it at once. */
const ahead = ['vendor/hls.min.mjs', ...['arrivals', 'engine', 'pace', 'playlist', 'projections', 'sharpness', 'sky'].map((name) => `src/${name}.js`)];

const query = new URLSearchParams(location.search);
if (query.has('url')) {
  document.head.append(
    ...ahead.map((href) => el('link', { rel: 'modulepreload', href: `/${href}` })),
    el('link', { rel: 'preload', as: 'script', href: '/vendor/aframe.min.js' }),
  );
  void import('./watch.js').then(({ showWatch }) => showWatch(document.body, query));
} else void import('./library.js').then(({ showLibrary }) => showLibrary(document.body));
