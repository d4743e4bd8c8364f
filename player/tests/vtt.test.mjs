import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readThumbnails, thumbnailAt } from '../src/vtt.js';

const base = 'https://example.org/vod/a/s/thumbnails.vtt';
const cue = (times, payload) => `${times}\n${payload}`;

test('cues point into sheets beside the text', () => {
  const text = ['WEBVTT', cue('00:02.000 --> 00:04.000', 'b.jpg#xywh=160,0,160,80'), cue('1\n00:00:00.000 --> 00:00:02.000', 'a.jpg#xywh=0,0,160,80')];
  const found = readThumbnails(text.join('\n\n'), base);
  assert.deepEqual(found[1], { start_s: 2, end_s: 4, url: 'https://example.org/vod/a/s/b.jpg', x: 160, y: 0, width: 160, height: 80 });
  assert.equal(thumbnailAt(found, 1.9)?.x, 0);
  assert.equal(thumbnailAt(found, 99)?.x, 160);
});

test('lines may end as on Windows', () => {
  const text = 'WEBVTT\r\n\r\n01:00:00.000 --> 01:00:02.000 align:start\r\na.jpg#xywh=pixel:0,0,160,80\r\n';
  assert.equal(readThumbnails(text, base)[0].start_s, 3600);
});

for (const [what, text] of [
  ['no WebVTT', '<html>'],
  ['another server', 'WEBVTT\n\n00:00.000 --> 00:02.000\nhttps://elsewhere.invalid/a.jpg#xywh=0,0,1,1'],
  ['a script', 'WEBVTT\n\n00:00.000 --> 00:02.000\njavascript:alert(1)#xywh=0,0,1,1'],
  ['nonsense', 'WEBVTT\n\n00:00.000 --> 00:02.000\nhttp://[#xywh=0,0,1,1'],
  ['words', 'WEBVTT\n\n00:00.000 --> 00:02.000\nHello'],
]) {
  test(`${what} is left out`, () => assert.deepEqual(readThumbnails(text, base), []));
}
