// Shapes that several modules pass around. Types only: nothing here reaches the browser.

export type State = 'loading' | 'playing' | 'paused' | 'waiting' | 'offline' | 'ended' | 'error';

export type Kind = 'live' | 'vod';

/** A stream that is playable now, as /live.json lists it. */
export interface LiveStream {
  name: string;
  title: string;
  url: string;
  since: string;
  projection: string;
  stereo: string;
  warnings: string[];
}

/** A publish that was turned away, and why. */
export interface Refusal {
  name: string;
  reason: string;
  since: string;
}

export interface Live {
  live: LiveStream[];
  refused: Refusal[];
}

/** A recording, as /vod/catalog.json and asset.json describe it. */
export interface Asset {
  id: string;
  title: string;
  url: string;
  poster: string;
  duration_s: number;
  published: string;
  projection: string;
  stereo: string;
}

/** One entry of the quality menu. */
export interface Quality {
  index: number;
  width: number;
  height: number;
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
