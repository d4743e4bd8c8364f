import assert from 'node:assert/strict';
import { test } from 'node:test';

import { flatPlace } from '../src/glimpse.js';

const ahead = { yaw_deg: 0, pitch_deg: 0 };
const level = { yaw_deg: 0, pitch_deg: 0, roll_deg: 0 };
const shape = { projection: 'equirectangular', stereo: 'mono', orientation: level };
const desk = { width: 1280, height: 720 };

/** @param {number} value @param {number} wanted */
const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 0.5, `${value}, not ${wanted}`);

test('the middle of the flat picture is as large as on the sphere', () => {
  const there = flatPlace(shape, ahead, 90, desk);
  assert.ok(there);
  near(there.height, 180 * (360 * Math.PI) / 180); // A height of 90° has 360 pixels for each radian of its middle.
  near(there.width, 2 * there.height);
  near(there.left + there.width / 2, 640);
  near(there.top + there.height / 2, 360);
});

test('it follows where the viewer looks', () => {
  const [there, aside] = [flatPlace(shape, ahead, 90, desk), flatPlace(shape, { yaw_deg: 20, pitch_deg: 10 }, 90, desk)];
  assert.ok(there && aside);
  near(there.left - aside.left, 20 * 2 * Math.PI);
  near(aside.top - there.top, 10 * 2 * Math.PI);
});

test('of two eyes it is the left one’s', () => {
  const there = flatPlace({ ...shape, stereo: 'top-bottom' }, ahead, 90, desk);
  assert.ok(there);
  near(there.height, 2 * Math.PI * 360);
  near(there.top + there.height / 4, 360);
});

test('what would leave the window empty, or look different on the sphere, is not shown', () => {
  assert.equal(flatPlace(shape, { yaw_deg: 180, pitch_deg: 0 }, 75, desk), undefined);
  assert.equal(flatPlace(shape, { yaw_deg: 0, pitch_deg: 80 }, 75, desk), undefined);
  assert.equal(flatPlace({ ...shape, projection: 'cubemap' }, ahead, 75, desk), undefined);
  assert.equal(flatPlace({ ...shape, orientation: { ...level, roll_deg: 5 } }, ahead, 75, desk), undefined);
});
