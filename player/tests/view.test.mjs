import assert from 'node:assert/strict';
import { test } from 'node:test';

import { held } from '../src/rotation.js';
import { View } from '../src/view.js';

/** @param {View} view @param {number} yaw_deg @param {number} pitch_deg */
function looks(view, yaw_deg, pitch_deg) {
  const { heading } = view;
  assert.ok(Math.abs(((heading.yaw_deg - yaw_deg + 540) % 360) - 180) < 1e-6, `yaw ${heading.yaw_deg}`);
  assert.ok(Math.abs(heading.pitch_deg - pitch_deg) < 1e-6, `pitch ${heading.pitch_deg}`);
}

test('turning goes round, and stops at the poles', () => {
  const view = new View();
  view.turn(-100, 0);
  view.turn(-100, 30);
  looks(view, 160, 30);
  view.turn(0, 80);
  view.turn(0, -10);
  looks(view, 160, 80);
});

test('an upright phone that looks north is level, and what it first shows stays ahead', () => {
  const view = new View();
  view.hold(held(77, 90, 0, 0));
  looks(view, 0, 0);
  view.hold(held(77 - 30, 110, 0, 0));
  looks(view, 30, 20);
});

test('on its side a phone is level, too', () => {
  const view = new View();
  view.hold(held(0, 0, -90, 90));
  looks(view, 0, 0);
  const [x, , z] = view.rotation;
  assert.ok(1 - 2 * (x * x + z * z) > 0.999, 'the horizon lies as it should, not upside down');
});

test('a phone flat on the table can be dragged up to the horizon, and does not spin there', () => {
  const view = new View();
  view.hold(held(0, 0.1, 0, 0));
  view.turn(0, 90);
  const { yaw_deg } = view.heading;
  view.hold(held(0.2, -0.1, 0.1, 0));
  assert.ok(Math.abs(view.heading.yaw_deg - yaw_deg) < 1);
});

test('looking ahead again works from wherever the phone points', () => {
  const view = new View();
  view.hold(held(10, 90, 0, 0));
  view.hold(held(200, 120, 0, 0));
  view.zoom(0.5);
  view.recentre();
  assert.ok(Math.abs(view.heading.yaw_deg) < 1e-6);
  assert.equal(view.fov_deg, 75);
});

test('the field of view stays within its limits', () => {
  const view = new View();
  view.zoom(0.01);
  assert.equal(view.fov_deg, 30);
  view.look({ fov_deg: 500 });
  assert.equal(view.fov_deg, 100);
});
