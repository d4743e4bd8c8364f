import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Pace } from '../src/pace.js';

/**
 * A viewer who is late, second by second.
 * @param {number} late_s
 * @param {(second: number) => number} trembling  how wrong the measured lateness is
 */
function watch(late_s, trembling = () => 0) {
  const pace = new Pace();
  const rates = [];
  for (let second = 0; second < 120; second++) {
    const rate = pace.rate(late_s + trembling(second), 2);
    late_s -= rate - 1;
    rates.push(rate);
  }
  return { late_s, changes: rates.filter((rate, i) => i && rate !== rates[i - 1]).length, fastest: Math.max(...rates) };
}

test('a late viewer comes back to where the stream should be, not faster than anybody hears', () => {
  const { late_s, fastest } = watch(4);
  assert.ok(Math.abs(late_s) < 0.15);
  assert.ok(fastest <= 1.1);
});

test('a viewer who is nearer than the next segment allows for falls back', () => {
  assert.ok(Math.abs(watch(-0.6).late_s) < 0.15);
});

test('what is near enough is left alone', () => {
  assert.equal(watch(0.2).changes, 0);
  assert.equal(watch(-0.2).changes, 0);
});

test('a lateness that is measured badly does not make it hunt', () => {
  assert.ok(watch(4, (second) => (second % 2 ? 0.1 : -0.1)).changes <= 4);
});

test('an almost empty buffer is not run dry', () => {
  assert.equal(new Pace().rate(4, 0.3), 1);
});

test('a stall asks for more distance for a while', () => {
  const pace = new Pace();
  const before_s = pace.target_s(2);
  pace.stalled();
  assert.equal(pace.target_s(2), before_s + 1);
  for (let second = 0; second < 50; second++) pace.rate(0, 2);
  assert.ok(pace.target_s(2) > before_s + 0.4);
  for (let second = 0; second < 60; second++) pace.rate(0, 2);
  assert.equal(pace.target_s(2), before_s);
});

test('stalls one after the other do not lead away from the live edge', () => {
  const pace = new Pace();
  for (let count = 0; count < 50; count++) pace.stalled();
  assert.equal(pace.target_s(1), 3);
});
