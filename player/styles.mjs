/**
 * The text of the <style> elements that A-Frame adds to a page, found by running its bundle against a stand-in
 * document. A strict Content-Security-Policy admits them by the hash of exactly this text.
 */
import vm from 'node:vm';

/** An object that can be read, called, constructed and extended without end, and does nothing. */
function nothing() {
  /** @type {any} */
  const it = new Proxy(class {}, {
    get: (target, key) => {
      if (key === Symbol.toPrimitive) return () => '';
      if (key === Symbol.hasInstance) return () => false;
      if (key === Symbol.iterator) return [][Symbol.iterator];
      if (key === 'prototype') return Reflect.get(target, key);
      if (key === 'length') return 0;
      return it;
    },
    set: () => true,
    has: () => true,
    apply: () => it,
    construct: () => it,
  });
  return it;
}

/**
 * @param {string} bundle  the JavaScript text of A-Frame
 * @returns {string[]} every text that its style elements have while they are part of the page: empty at first, then filled
 */
export function injectedStyles(bundle) {
  /** @type {Set<string>} */
  const texts = new Set();
  const blank = nothing();

  /** @param {string} tag */
  function createElement(tag) {
    if (tag !== 'style') return blank;
    return {
      text: '',
      setAttribute() {},
      firstChild: null,
      /** @param {{text: string}} node */
      appendChild(node) {
        this.text += node.text;
        texts.add(this.text);
      },
    };
  }
  /** @param {{text?: string}} element */
  const appendChild = ({ text }) => text !== undefined && texts.add(text);
  const head = { appendChild };
  const document = new Proxy(
    {
      createElement,
      createTextNode: (/** @type {string} */ text) => ({ text }),
      querySelector: () => head,
      head,
      baseURI: 'https://page.invalid/',
      readyState: 'loading',
    },
    { get: (own, key) => (key in own ? Reflect.get(own, key) : blank), set: () => true },
  );
  const context = vm.createContext();
  const language = vm.runInContext('globalThis', context);
  /** @type {any} */
  const page = new Proxy(
    // What the styles are put together with (data: URLs, a source map). A page has no module loader and is not Node.
    { document, URL, btoa, define: undefined, exports: undefined, module: undefined, process: undefined, require: undefined },
    {
      get: (own, key) => {
        if (key === Symbol.unscopables) return undefined;
        if (['window', 'self', 'globalThis', 'top'].includes(String(key))) return page;
        if (key in own) return Reflect.get(own, key);
        return key in language ? Reflect.get(language, key) : blank;
      },
      has: () => true,
    },
  );
  /** @type {unknown} */
  let failure;
  try {
    // `with` sends every free name of the bundle to the stand-in page.
    vm.runInContext(`(function (page) { with (page) { ${bundle}\n } })`, context)(page);
  } catch (error) {
    failure = error; // The stand-in does not last for ever; the styles come early.
  }
  if (![...texts].some(Boolean)) throw new Error("no style found in A-Frame's bundle: look at styles.mjs", { cause: failure });
  return [...texts];
}
