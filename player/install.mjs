#!/usr/bin/env node
/**
 * Fetches the pinned libraries and lays out what the page needs of them in `vendor/`.
 *
 *   node install.mjs         what serving needs (two packages)
 *   node install.mjs --dev   the linter, the type checker and the accessibility checker as well
 *
 * Safe to repeat: a second run finds everything in place, and needs no network.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { injectedStyles } from './styles.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, 'vendor');
const stamp = join(vendor, 'installed.json');

/** What is copied: the file in its package -> its name in `vendor/`. */
const files = {
  'aframe/dist/aframe-v1.8.0.min.js': 'aframe.min.js',
  'aframe/LICENSE': 'aframe.LICENSE',
  'hls.js/dist/hls.min.mjs': 'hls.min.mjs',
  'hls.js/dist/hls.worker.js': 'hls.worker.js',
  'hls.js/LICENSE': 'hls.LICENSE',
};

/** What `--dev` adds, by a file of each. */
const devFiles = ['.bin/tsc', '.bin/eslint', 'axe-core/axe.min.js'];

/** What `vendor/` is made from; when it changes, so must `vendor/`. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const name of ['package-lock.json', 'install.mjs', 'styles.mjs']) {
    hash.update(readFileSync(join(here, name)));
  }
  return hash.digest('hex');
}

/** @param {string} wanted */
function upToDate(wanted) {
  if (!existsSync(stamp)) return false;
  const all = [...Object.values(files), 'csp.json'];
  return JSON.parse(readFileSync(stamp, 'utf8')).from === wanted && all.every((f) => existsSync(join(vendor, f)));
}

/** @param {string[]} extra */
function npmCi(extra) {
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', ...extra], {
    cwd: here,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) throw new Error(`npm could not be started (${error.message}); install npm`);
  if (status !== 0) throw new Error('npm ci failed; its own message is above');
}

/** @param {string} wanted */
function fillVendor(wanted) {
  const fresh = `${vendor}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh);
  for (const [from, to] of Object.entries(files)) {
    cpSync(join(here, 'node_modules', from), join(fresh, to));
  }
  const hashes = injectedStyles(readFileSync(join(fresh, 'aframe.min.js'), 'utf8')).map(
    (css) => `sha256-${createHash('sha256').update(css).digest('base64')}`,
  );
  writeFileSync(join(fresh, 'csp.json'), JSON.stringify({ 'style-src': hashes }, null, 2) + '\n');
  writeFileSync(join(fresh, 'installed.json'), JSON.stringify({ from: wanted }) + '\n');
  rmSync(vendor, { recursive: true, force: true });
  renameSync(fresh, vendor);
}

function main() {
  const dev = process.argv.includes('--dev');
  const wanted = fingerprint();
  const current = upToDate(wanted);
  const complete = current && (!dev || devFiles.every((name) => existsSync(join(here, 'node_modules', name))));
  if (!complete) npmCi(dev ? [] : ['--omit=dev']);
  if (!current) fillVendor(wanted);
  process.stdout.write(current ? 'player: up to date\n' : 'player: installed\n');
}

try {
  main();
} catch (error) {
  process.stderr.write(`player: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
