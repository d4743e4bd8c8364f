/** The door: `/` is the library, `/?url=…` plays a stream. */

import { showLibrary } from './library.js';

const text = new URLSearchParams(location.search).get('url');
if (text === null) {
  showLibrary(document.body);
} else {
  const { showWatch } = await import('./watch.js');
  showWatch(document.body, text);
}
