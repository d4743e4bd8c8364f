import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newestSegment, smallestVariant } from '../src/playlist.js';

test('the smallest variant is the one with the least bandwidth, wherever it stands', () => {
  const playlist = `#EXTM3U
#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=1,BANDWIDTH=900000,CODECS="avc1.42c015,mp4a.40.2"
big.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=200000,RESOLUTION=640x320
small.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=500000
middle.m3u8
`;
  assert.equal(smallestVariant(playlist), 'small.m3u8');
  assert.throws(() => smallestVariant('#EXTM3U\n'));
});

test('the newest segment comes with what it needs to be played alone', () => {
  const playlist = '#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI="a.mp4"\n#EXTINF:1,\n7.m4s\n#EXT-X-MAP:URI="b.mp4"\n#EXTINF:1,\n8 x.m4s\n';
  assert.deepEqual(newestSegment(playlist), ['b.mp4', '8 x.m4s']);
  assert.throws(() => newestSegment('#EXTM3U\n#EXTINF:1,\n7.ts\n'));
});
