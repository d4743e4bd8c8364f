import js from '@eslint/js';

const browser = [
  ...['AbortSignal', 'DOMException', 'DeviceOrientationEvent', 'Element', 'Event', 'EventTarget', 'HTMLElement'],
  ...['ResizeObserver', 'URL', 'URLSearchParams', 'addEventListener', 'clearTimeout', 'document', 'fetch', 'location'],
  ...['matchMedia', 'navigator', 'performance', 'requestAnimationFrame', 'setInterval', 'setTimeout', 'window'],
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
    files: ['*.mjs'],
    languageOptions: { globals: { process: 'readonly', URL: 'readonly', btoa: 'readonly' } },
  },
];
