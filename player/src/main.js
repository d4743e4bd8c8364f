/** The door: `/` is the library, `/?url=…` plays a stream. Each is fetched only where it is wanted. */

/** What takes long, or is only asked for by what was asked for before: all of it at once. */
const ahead = ['vendor/hls.min.mjs', ...['arrivals', 'engine', 'pace', 'playlist', 'projections', 'sharpness', 'sky'].map((name) => `src/${name}.js`)];

/**
 * @template {'link' | 'p'} T
 * @param {HTMLElement} place
 * @param {T} tag
 * @param {Partial<HTMLElementTagNameMap[T]>} what
 */
const put = (place, tag, what) => place.append(Object.assign(document.createElement(tag), what));

/** @param {URLSearchParams} query */
async function show(query) {
  if (!query.has('url')) return (await import('./library.js')).showLibrary(document.body);
  for (const path of ahead) put(document.head, 'link', { rel: 'modulepreload', href: `/${path}` });
  put(document.head, 'link', { rel: 'preload', as: 'script', href: '/vendor/aframe.min.js' });
  await (await import('./watch.js')).showWatch(document.body, query);
}

// Any module may be what is missing: this one needs none, and says so itself.
show(new URLSearchParams(location.search)).catch((error) => {
  document.body.replaceChildren();
  put(document.body, 'p', { className: 'plain', textContent: 'This page could not be loaded. Reload it to try again.' });
  throw error;
});
