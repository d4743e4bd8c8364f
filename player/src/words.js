/** Everything the page says to people, in one place. */

export const words = {
  brand: 'panocast',
  live: 'Live now',
  liveBadge: 'Live',
  goLive: 'Go to live',
  vod: 'On demand',
  loading: 'Loading…',
  loadingLibrary: 'Looking for streams…',
  unreachable: 'The server does not answer. Trying again…',
  nothingLive: 'Nobody is live right now.',
  nothingYet: 'Nothing here yet',
  nothingYetMore: 'Start a 360° stream and it appears on this page by itself; minutes after it ends you can watch it again.',
  search: 'Search by name',
  notFound: (/** @type {string} */ wanted) => `Nothing here is called “${wanted}”.`,
  howTo: 'How to publish',
  onPhone: 'Open on your phone',
  onPhoneCode: 'QR code of the address below',
  ownCertificate:
    'The certificate is this server’s own, so the phone’s browser warns once: choose “Advanced” (iPhone: “Show details”), then go on.',
  ownerNote: 'For the owner of this server',

  play: 'Play',
  pause: 'Pause',
  replay: 'Watch again',
  mute: 'Mute',
  unmute: 'Unmute',
  tapForSound: 'Tap for sound',
  seek: 'Seek',
  volume: 'Volume',
  settings: 'Settings',
  quality: 'Quality',
  auto: 'Auto',
  nativeQuality: 'Chosen by this browser',
  captions: 'Captions',
  off: 'Off',
  projection: 'Projection',
  stereo: 'Stereo',
  asSent: (/** @type {string} */ name) => `As sent · ${name}`,
  share: 'Share this view',
  copied: 'Link to this moment and view copied',
  copyYourself: 'Copy this link',
  close: 'Close',
  keyboard: 'Keyboard shortcuts',
  lowered: 'This device cannot keep up, so the quality is lowered.',
  heading: (/** @type {number} */ yaw, /** @type {number} */ pitch) => {
    const side = yaw ? `${Math.abs(yaw)}° ${yaw > 0 ? 'right' : 'left'}` : 'ahead';
    return `Looking ${side}${pitch ? `, ${Math.abs(pitch)}° ${pitch > 0 ? 'up' : 'down'}` : ''}. Look ahead again`;
  },
  delay: (/** @type {number} */ seconds) => `${seconds.toFixed(0)} s`,
  delayLong: (/** @type {number} */ seconds) => `Live, ${seconds.toFixed(0)} seconds behind the newest picture`,
  fullscreen: 'Full screen',
  leaveFullscreen: 'Leave full screen',
  vr: 'Watch in VR',
  noVr: 'The headset cannot be used now. Look whether it is busy, and whether this page may use it.',
  retry: 'Try again',
  back: 'Back to the library',
  picture: '360° picture. Drag it, or use the arrow keys, to look around.',

  buffering: 'Loading…',
  stalled: 'The picture has stopped. Waiting for the stream to go on…',
  network: 'No connection to the server. Check your network; this page goes on by itself when it is back.',
  noPlayer: 'The player could not be loaded. Check your network, then try again.',
  server: (/** @type {number} */ status) => `The server has trouble (${status}). Trying again…`,
  offline: (/** @type {string} */ name) => `“${name}” is not live right now. Leave this page open: it starts by itself.`,
  ended: 'The stream has ended. If it comes back, this page goes on by itself.',
  vodEnded: 'The end.',
  vodMissing:
    'This recording is not here. It may have been removed, or it is still being made: then it starts here by itself.',
  notStream: 'This address does not hold a video stream. Check the link, or pick something from the library.',
  codec:
    'This browser cannot play the format of this stream. Try an up-to-date Chrome, Edge, Firefox or Safari.',
  broken: 'The video cannot be played: its data is damaged, or this device cannot decode it. Try again, or another browser or device.',
  unsupported: 'This browser cannot play streamed video. Try an up-to-date Chrome, Edge, Firefox or Safari.',

  refusedTitle: 'This link cannot be opened',
  refused: {
    missing: 'The link names no stream.',
    malformed: 'The link’s stream address cannot be understood.',
    scheme: 'Only http and https addresses can be played.',
    elsewhere: 'For your safety, this player only opens streams of its own server.',
  },

  noWebgl: 'This browser has no WebGL, so the picture is shown flat. Turn on hardware acceleration or try another browser.',
  audioOnly: 'This stream has sound but no picture.',
  noSphere: 'The 360° view could not be loaded, so the picture is shown flat. Reload the page to try again.',
  flatProjection: (/** @type {string} */ projection) =>
    `This player does not know the projection “${projection}”, so the picture is shown flat. The settings offer others.`,
};

/** @type {Record<string, string>} */
export const projectionNames = {
  equirectangular: '360°',
  'half-equirectangular': '180°',
  cubemap: 'Cubemap (3 × 2)',
  eac: 'Equi-angular cubemap',
  'dual-fisheye': 'Dual fisheye',
};

/** @type {Record<string, string>} */
export const stereoNames = { mono: 'Off (mono)', 'top-bottom': 'Top and bottom', 'left-right': 'Side by side' };

/** @type {[keys: string, does: string][]} */
export const shortcuts = [
  ['Space', 'Play or pause'],
  ['← → ↑ ↓', 'Look around'],
  ['+ −', 'Zoom in, zoom out'],
  ['0', 'Look ahead again'],
  ['J L', 'Ten seconds back, on'],
  ['M', 'Sound on or off'],
  ['C', 'Captions'],
  ['F', 'Full screen'],
  ['?', 'This list'],
];

/**
 * How to publish, step by step; `code` parts are shown as such.
 * @param {string} host
 * @returns {{text: string, code?: string, after?: string}[]}
 */
export function publishSteps(host) {
  return [
    { text: 'On the server, pick a name and run ', code: 'panocast stream-key NAME', after: '. It prints the stream key.' },
    {
      text: 'In OBS, open Settings → Stream, choose “Custom…”, and enter the server ',
      code: `rtmp://${host}:1935/live`,
      after: ' and that key.',
    },
    { text: 'In Settings → Output, set the keyframe interval to 1 or 2 s.', after: ' Then start streaming.' },
  ];
}

/** @param {number} seconds */
export function clock(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return '0:00';
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @param {string} iso  an ISO 8601 time */
export function day(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? '' : date.toLocaleDateString(undefined, { dateStyle: 'medium' });
}

/** @param {string} iso  an ISO 8601 time */
export function sinceWhen(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const today = date.toDateString() === new Date().toDateString();
  return `since ${date.toLocaleString(undefined, today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' })}`;
}

/** @param {import('./types.js').Quality} quality */
export function qualityName({ width, height, bitrate_bps }) {
  const size = width ? `${width} × ${height}` : 'Only one';
  return bitrate_bps ? `${size} · ${(bitrate_bps / 1e6).toFixed(1)} Mb/s` : size;
}
