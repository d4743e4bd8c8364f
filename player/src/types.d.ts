// Shapes that several modules pass around. Types only: nothing here reaches the browser.

export type State = 'loading' | 'playing' | 'paused' | 'waiting' | 'offline' | 'ended' | 'error';

export type Kind = 'live' | 'vod';

/** How the picture was turned when it was taken, as the prhd box of spherical metadata says it. */
export interface Orientation {
  yaw_deg: number;
  pitch_deg: number;
  roll_deg: number;
}

/** How a picture lies on the sphere. */
export interface Shape {
  projection: string;
  stereo: string;
  orientation: Orientation;
}

/** In pixels. */
export interface Size {
  width: number;
  height: number;
}

/** What a link asks for; undefined: as the stream has it. */
export interface Wishes {
  start_s: number;
  yaw_deg?: number;
  pitch_deg?: number;
  fov_deg?: number;
  projection?: string;
  stereo?: string;
}

/** A stream that is playable now, as /live.json lists it. */
export interface LiveStream extends Shape {
  name: string;
  title: string;
  url: string;
  since: string;
  warnings: string[];
}

/** A publish that was turned away, and why. */
export interface Refusal {
  name: string;
  reason: string;
}

export interface Live {
  live: LiveStream[];
  refused: Refusal[];
}

/** Words that go with an asset, in WebVTT. */
export interface Captions {
  url: string;
  language: string;
  label: string;
}

/** A recording, as /vod/catalog.json and asset.json describe it. */
export interface Asset extends Shape {
  title: string;
  url: string;
  poster: string;
  duration_s: number;
  published: string;
  thumbnails: string;
  captions: Captions[];
}

/** /player.json: the other servers whose streams this page may play, the page's own public address, whether it tells how well it plays,
 * and in which directions its viewers look. */
export interface Site {
  origins: string[];
  url: string;
  beacons: boolean;
  views: boolean;
}

/** One entry of the quality menu. */
export interface Quality extends Size {
  index: number;
  bitrate_bps: number;
}

declare global {
  interface Window {
    AFRAME: any;
    panocast: object;
  }
  interface Navigator {
    xr?: { isSessionSupported(mode: string): Promise<boolean> };
  }
}
