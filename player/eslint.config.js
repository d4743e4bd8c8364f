import js from '@eslint/js';

const browser = [
  ...['AbortSignal', 'Blob', 'DOMException', 'Element', 'Event', 'EventTarget', 'HTMLElement', 'Node', 'Path2D', 'ResizeObserver', 'URL'],
  ...['URLSearchParams', 'WheelEvent', 'addEventListener', 'clearTimeout', 'document', 'fetch', 'history', 'location'],
  ...['matchMedia', 'navigator', 'performance', 'queueMicrotask', 'removeEventListener', 'requestAnimationFrame', 'screen', 'setInterval'],
  ...['setTimeout', 'window'],
];

export default [
  { ignores: ['vendor/', 'node_modules/'] },
  js.configs.recommended,
  {
    rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
  {
    files: ['src/**/*.js'],
    languageOptions: { globals: Object.fromEntries(browser.map((name) => [name, 'readonly'])) },
  },
  {
    files: ['*.mjs', 'tests/*.mjs'],
    languageOptions: { globals: { process: 'readonly', URL: 'readonly', URLSearchParams: 'readonly', btoa: 'readonly' } },
  },
];
