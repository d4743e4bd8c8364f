/** In a headset there is no page: a small panel below the picture, pressed by a controller's ray, or by looking at it. */

import { icons } from './dom.js';
import { entity } from './sphere.js';

/** @typedef {import('./dom.js').IconName} IconName */

/** How long one has to look at a button to press it. */
const gaze_ms = 1200;
/** Below the horizon, within reach of a glance. */
const place = { y_m: -0.55, z_m: -1.2, tilt_deg: -25 };
const button = { side_m: 0.16, apart_m: 0.19, texels: 128 };
const skip_s = 10;

/** @param {IconName} name  a white outline on a dark disc */
function face(name) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = button.texels;
  const pen = canvas.getContext('2d');
  if (pen) {
    const scale = button.texels / 48;
    pen.scale(scale, scale);
    pen.fillStyle = '#161a22';
    pen.arc(24, 24, 23, 0, 7);
    pen.fill();
    pen.translate(12, 12);
    Object.assign(pen, { strokeStyle: '#fff', lineWidth: 1.8, lineCap: 'round', lineJoin: 'round' });
    pen.stroke(new Path2D(icons[name]));
  }
  const { THREE } = window.AFRAME;
  return new THREE.CanvasTexture(canvas);
}

/** @param {IconName} name @param {number} x_m @param {() => void} act */
function pressable(name, x_m, act) {
  const { THREE } = window.AFRAME;
  const plane = entity('a-entity', { class: 'press', 'data-press': name, position: `${x_m} 0 0` });
  const material = new THREE.MeshBasicMaterial({ map: face(name), transparent: true, toneMapped: false });
  plane.setObject3D('mesh', new THREE.Mesh(new THREE.PlaneGeometry(button.side_m, button.side_m), material));
  const wear = (/** @type {IconName} */ other) => {
    if (plane.dataset.press === other) return;
    plane.dataset.press = other;
    material.map.dispose();
    material.map = face(other);
  };
  plane.addEventListener('mouseenter', () => plane.object3D.scale.setScalar(1.15));
  plane.addEventListener('mouseleave', () => plane.object3D.scale.setScalar(1));
  plane.addEventListener('click', act);
  return { plane, wear };
}

/** A ring that a look fills: for headsets without controllers. */
function gaze() {
  const objects = 'objects: .press; far: 5';
  const ring = entity('a-entity', { cursor: `fuse: true; fuseTimeout: ${gaze_ms}`, raycaster: objects, position: '0 0 -1' });
  ring.setAttribute('geometry', 'primitive: ring; radiusInner: 0.008; radiusOuter: 0.014');
  ring.setAttribute('material', 'shader: flat; color: #fff; depthTest: false');
  return ring;
}

/**
 * Makes the panel, which is there while the headset is on.
 *
 * @param {import('./sphere.js').Sphere} sphere
 * @param {import('./stream.js').Stream} stream
 * @param {HTMLVideoElement} video
 * @param {() => void} recentre
 * @returns {(inside: boolean) => void}  puts it up, or takes it away
 */
export function makePanel(sphere, stream, video, recentre) {
  /** What is in the room now. @type {any[]} */ let there = [];
  /** @type {ReturnType<typeof pressable>[]} */ let buttons = [];

  const put = () => {
    /** @type {[IconName, () => void][]} */
    const row = [
      [stream.wanted ? 'pause' : 'play', () => stream.toggle()],
      [video.muted ? 'muted' : 'sound', () => (video.muted = !video.muted)],
      stream.live ? ['next', () => stream.goLive()] : ['replay', () => stream.skip(-skip_s)],
      ['sphere', recentre],
      ['close', () => sphere.leaveVr()],
    ];
    buttons = row.map(([name, act], i) => pressable(name, (i - (row.length - 1) / 2) * button.apart_m, act));
    const panel = entity('a-entity', { position: `0 ${place.y_m} ${place.z_m}`, rotation: `${place.tilt_deg} 0 0` });
    panel.append(...buttons.map(({ plane }) => plane));
    const ring = gaze();
    // No models of controllers: they would come from elsewhere.
    const rays = ['left', 'right'].map((hand) =>
      entity('a-entity', { 'laser-controls': `hand: ${hand}; model: false`, raycaster: 'objects: .press; far: 5' }),
    );
    for (const ray of rays) ray.addEventListener('controllerconnected', () => ring.remove());
    sphere.room.append(panel);
    sphere.camera.append(ring);
    sphere.rig.append(...rays);
    there = [panel, ring, ...rays];
  };
  const update = () => {
    buttons[0]?.wear(stream.wanted ? 'pause' : 'play');
    buttons[1]?.wear(video.muted ? 'muted' : 'sound');
  };

  stream.addEventListener('change', update);
  video.addEventListener('volumechange', update);
  return (inside) => {
    for (const part of there) part.remove();
    [there, buttons] = [[], []];
    if (inside) put();
  };
}
