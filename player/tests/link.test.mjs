import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readAddress } from '../src/address.js';
import { linkTo, readWishes } from '../src/link.js';
import { matches } from '../src/search.js';

Object.assign(globalThis, { location: { origin: 'https://example.org' } });

test('a link says again what was read from it', () => {
  const wishes = { start_s: 12, yaw_deg: -90, pitch_deg: 5, fov_deg: 60, projection: 'eac', stereo: 'left-right' };
  const link = linkTo('https://example.org/vod/a/s/master.m3u8', wishes);
  assert.equal(link, '/?url=/vod/a/s/master.m3u8&t=12&yaw=-90&pitch=5&fov=60&projection=eac&stereo=left-right');
  assert.deepEqual(readWishes(new URLSearchParams(link.slice(2))), wishes);
});

test('nonsense in a link is left out', () => {
  const read = readWishes(new URLSearchParams('t=-5&yaw=abc&pitch=&fov=1e999&projection=toString&stereo=3d'));
  assert.deepEqual(read, { start_s: 0, yaw_deg: undefined, pitch_deg: undefined, fov_deg: undefined, projection: undefined, stereo: undefined });
});

test('other servers are refused unless this one names them', () => {
  const elsewhere = 'https://media.example.net/hls/a.m3u8';
  assert.deepEqual(readAddress(elsewhere, 'https://example.org'), { refused: 'elsewhere' });
  const read = readAddress(elsewhere, 'https://example.org', ['https://media.example.net']);
  assert.ok('address' in read);
  assert.equal(linkTo(read.address.url.href, { start_s: 0 }), '/?url=https%3A//media.example.net/hls/a.m3u8');
});

test('the token of a signed address stays with it, and is no part of what is asked for', () => {
  const path = '/vod/a/s/master.m3u8';
  const read = readAddress(`/s/1795204800-TOKEN${path}`, 'https://example.org');
  assert.ok('address' in read);
  const { address } = read;
  assert.deepEqual([address.path, address.kind, address.name], [path, 'vod', 'a']);
  assert.equal(linkTo(address.url.href, { start_s: 0 }), `/?url=/s/1795204800-TOKEN${path}`);
});

test('a search finds every word, in any order, whatever the accents', () => {
  assert.ok(matches('Été à la plage', 'plage ete'));
  assert.ok(!matches('Été à la plage', 'plage hiver'));
  assert.ok(matches('anything', '  '));
});
