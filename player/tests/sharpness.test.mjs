import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Sharpness } from '../src/sharpness.js';

/** @param {Sharpness} sharpness @param {number} passed_ms @param {number} times */
const draw = (sharpness, passed_ms, times) => Array.from({ length: times }, () => sharpness.note(passed_ms)).some(Boolean);

test('a phone draws two pixels for one of the page’s, not three', () => {
  assert.equal(new Sharpness(3).ratio, 2);
  assert.equal(new Sharpness(1).ratio, 1);
});

test('a device that is late draws fewer and fewer pixels, down to half', () => {
  const sharpness = new Sharpness(1);
  assert.ok(draw(sharpness, 100, 12));
  assert.ok(sharpness.ratio < 0.8);
  draw(sharpness, 100, 200);
  assert.equal(sharpness.ratio, 0.5);
  assert.ok(!draw(sharpness, 100, 100));
});

test('a screen that saves energy, and other work now and then, change nothing', () => {
  const sharpness = new Sharpness(1);
  assert.ok(!draw(sharpness, 33.4, 200));
  for (let i = 0; i < 100; i++) assert.ok(!draw(sharpness, i % 2 ? 200 : 16, 1));
  assert.equal(sharpness.ratio, 1);
});
