/** The door: `/` is the library, `/?url=…` plays a stream. Each is fetched only where it is wanted. */

const query = new URLSearchParams(location.search);
if (query.has('url')) void import('./watch.js').then(({ showWatch }) => showWatch(document.body, query));
else void import('./library.js').then(({ showLibrary }) => showLibrary(document.body));
