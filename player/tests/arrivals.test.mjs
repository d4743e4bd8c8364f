import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Arrivals } from '../src/arrivals.js';

/**
 * hls.js asks again a segment's time after it asked last, or half of it where there was nothing new.
 * @param {{first_s: number, polls?: number, trembling_s?: number, later_s?: (number: number) => number}} stream
 *   the first question, after the first segment was there; how late segments are at random, and by number
 */
function follow({ first_s, polls = 200, trembling_s = 0, later_s = () => 0 }) {
  const [arrivals, segment_s] = [new Arrivals(), 1];
  let seed = 1;
  const dice = () => (seed = (seed * 48271) % 0x7fffffff) / 0x7fffffff;
  const there_s = Array.from({ length: polls + 10 }, (_, n) => 100.3 + n + trembling_s * dice() + later_s(n));
  let [now_s, scheduled_s, known] = [there_s[0] + first_s, there_s[0] + first_s, -1];
  const [waits_s, misses] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  for (let poll = 0; poll < polls; poll++) {
    const newest = there_s.findLastIndex((at_s) => at_s <= now_s);
    const fresh = newest > known;
    if (fresh) waits_s.push(now_s - there_s[newest]);
    else misses.push(poll);
    known = newest;
    scheduled_s += fresh ? segment_s : segment_s / 2;
    const next_s = Math.max(now_s, scheduled_s); // It is set before our word is heard, which holds from then on.
    scheduled_s -= arrivals.note(now_s, newest, segment_s);
    now_s = next_s;
  }
  return { arrivals, waits_s, misses };
}

const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('a playlist is soon asked for just after it changes, whenever one began', () => {
  for (const first_s of [0, 0.2, 0.5, 0.9]) {
    const { waits_s } = follow({ first_s });
    assert.ok(mean(waits_s.slice(20)) < 0.15, `${first_s}: ${mean(waits_s.slice(20))}`);
  }
});

test('hardly any question is in vain', () => {
  assert.ok(follow({ first_s: 0.5 }).misses.length < 12);
  assert.ok(follow({ first_s: 0.5, trembling_s: 0.08 }).misses.length < 20);
});

test('a server that answers later from some moment on is followed', () => {
  const { waits_s, misses } = follow({ first_s: 0.5, later_s: (number) => (number > 60 ? 0.4 : 0) });
  assert.ok(mean(waits_s.slice(100)) < 0.15);
  assert.ok(misses.length < 14, `${misses.length}`);
});

test('how far behind a picture is does not depend on when the playlist was asked for', () => {
  const arrivals = new Arrivals();
  for (const [number, wait_s] of [0.4, 0.1, 0.5, 0.2].entries()) arrivals.note(1000 + number + wait_s, number, 1);
  assert.ok(Math.abs(arrivals.behind_s(1004, 1.9) - 2) < 1e-9);
});

test('a stream that stood still is not taken for one that is late', () => {
  const arrivals = new Arrivals();
  for (let number = 0; number < 10; number++) arrivals.note(1000 + number, number, 1);
  arrivals.note(1020, 10, 1);
  assert.ok(Math.abs(arrivals.behind_s(1020, 8) - 2) < 1e-9);
});
