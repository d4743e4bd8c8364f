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
    const rate = pace.rate(late_s + trembling(second), 2, 4);
    late_s -= rate - 1;
    rates.push(rate);
  }
  return { late_s, changes: rates.filter((rate, i) => i && rate !== rates[i - 1]).length, fastest: Math.max(...rates) };
}

test('a late viewer comes back to where the stream should be, not faster than anybody hears', () => {
  const { late_s, fastest } = watch(4);
  assert.ok(late_s < 0.25);
  assert.ok(fastest <= 1.1);
});

test('what lies within a segment is left alone', () => {
  assert.equal(watch(1.5).changes, 0);
});

test('a lateness that is measured badly does not make it hunt', () => {
  assert.ok(watch(4, (second) => (second % 2 ? 0.15 : -0.15)).changes <= 4);
});

test('an almost empty buffer is not run dry', () => {
  assert.equal(new Pace().rate(4, 2, 0.5), 1);
});
