// A session's recording on its page: every sender's files on one clock, who speaks or the screen large.

import { attr, h, show, text } from "../terminal/dom.js";
import { clock, step } from "./step.js";

/**
 * @typedef {{url: string, start_ms: number, end_ms: number, picture: boolean, gaps: [number, number][]}} File
 * @typedef {{source: string, name: string, screen: boolean, files: File[]}} Track
 *
 * @typedef {object} Tile
 * @property {Track} track
 * @property {HTMLElement} root
 * @property {HTMLVideoElement} video
 * @property {HTMLButtonElement} name
 * @property {HTMLElement} cover shown where there is no picture
 * @property {File | null} file what the player holds
 * @property {boolean} broken
 * @property {AnalyserNode | null} meter
 */

/** How often players are compared with where they should be, ms. */
const LOOK_MS = 250;
/** Longer than from look to look at 48 kHz, so that no short sound falls between two. */
const METER_SAMPLES = 16384;
/** What the buttons jump, ms. */
const SKIP_MS = 10_000;
/** A voice at least this loud (root mean square of full scale) speaks; quiet rooms are below. */
const SPEAKING = 0.01;

const page = /** @type {HTMLElement} */ (document.getElementById("playback"));

/** @template {HTMLElement} T @param {string} name @returns {T} */
function part(name) {
  const found = page.querySelector(`[data-${name}]`);
  if (!found) throw new Error(`no [data-${name}]`);
  return /** @type {T} */ (found);
}

/** @type {Track[]} */
const tracks = JSON.parse(part("tracks").textContent ?? "{}").tracks;
/** @type {Record<string, string>} */
const words = JSON.parse(part("words").textContent ?? "{}");
const files = tracks.flatMap((track) => track.files);
const first = Math.min(...files.map((file) => file.start_ms));
const last = Math.max(...files.map((file) => file.end_ms));
const range = /** @type {HTMLInputElement} */ (part("range"));
const explained = part("said").textContent ?? "";

let playing = false;
/** Some player has nothing to show yet: everybody waits for it. */
let waiting = false;
/** Where everybody is on the recording's time, ms, at `at` of this page's clock. */
let placed = first;
let at = performance.now();
/** @type {Tile | null} who was loudest last */
let speaker = null;
/** @type {Tile | null} whose name was pressed */
let pinned = null;
/** @type {AudioContext | null} */
let audio = null;

const tiles = tracks.map(make);
part("tiles").append(...tiles.map((tile) => tile.root));
attr(range, "min", String(first));
attr(range, "max", String(last));

/** @param {Track} track @returns {Tile} */
function make(track) {
  const video = h("video", { playsInline: true, preload: "auto" });
  const cover = h("span", { class: "playback-cover" }, words.quiet ?? "");
  const name = h("button", { type: "button", class: "playback-name", "aria-pressed": "false" }, track.name);
  const root = h("li", { "data-source": track.source, hidden: true }, video, cover, name);
  /** @type {Tile} */
  const tile = { track, root, video, name, cover, file: null, broken: false, meter: null };
  name.addEventListener("click", () => {
    pinned = pinned === tile ? null : tile;
    draw();
  });
  video.addEventListener("error", () => {
    tile.broken = tile.file !== null;
  });
  return tile;
}

// ---------------------------------------------------------------------------- the clock

function place() {
  const passed = playing && !waiting ? performance.now() - at : 0;
  return Math.min(placed + passed, last);
}

/** @param {number} to */
function jump(to) {
  placed = Math.max(first, Math.min(to, last));
  at = performance.now();
  look();
}

/** @param {boolean} on */
function turn(on) {
  placed = on && place() >= last ? first : place();
  at = performance.now();
  playing = on;
  if (on) listen();
  look();
}

/** Levels are measured once somebody has pressed play: before that no browser lets sound run. */
function listen() {
  if (audio) return void audio.resume();
  audio = new AudioContext();
  for (const tile of tiles) {
    tile.meter = audio.createAnalyser();
    tile.meter.fftSize = METER_SAMPLES;
    audio.createMediaElementSource(tile.video).connect(tile.meter).connect(audio.destination);
  }
}

// ---------------------------------------------------------------------------- the players

function look() {
  let now = place();
  if (playing && now >= last) {
    placed = last;
    playing = false;
  }
  const next = Math.min(...files.map((f) => (f.end_ms > now ? Math.max(f.start_ms, now) : last)));
  if (playing && next > now) {
    // Nothing was recorded here: the leader had stopped it.
    placed = now = next;
    at = performance.now();
  }
  for (const tile of tiles) load(tile, now);
  const held = tiles.some((tile) => tile.file !== null && !tile.broken && !ready(tile));
  if (held !== waiting) {
    placed = now;
    at = performance.now();
    waiting = held;
  }
  for (const tile of tiles) follow(tile, now);
  draw();
}

/** The file of this moment, if there is one. @param {Tile} tile @param {number} now */
function load(tile, now) {
  const file = tile.track.files.find((f) => f.start_ms <= now && now < f.end_ms) ?? null;
  if (file === tile.file) return;
  tile.file = file;
  tile.broken = false;
  if (file) tile.video.src = file.url;
  else tile.video.removeAttribute("src");
  tile.video.load();
}

/** @param {Tile} tile */
function ready(tile) {
  const { video } = tile;
  return video.ended || (!video.seeking && video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA);
}

/** Bring a player to where everybody is. @param {Tile} tile @param {number} now */
function follow(tile, now) {
  const { video, file } = tile;
  if (!file || tile.broken || video.readyState < HTMLMediaElement.HAVE_METADATA || video.seeking) return;
  const wanted = Math.min(now - file.start_ms, video.duration * 1000);
  const ahead = video.currentTime * 1000 - wanted;
  if (!playing || waiting) {
    if (!video.paused) video.pause();
    if (Math.abs(ahead) > 40 && !video.ended) video.currentTime = wanted / 1000;
    return;
  }
  const next = step(ahead, 100);
  if (next.jump) video.currentTime = wanted / 1000;
  if (video.playbackRate !== next.rate) video.playbackRate = next.rate;
  if (video.paused && !video.ended) void video.play().catch(() => undefined);
}

// ---------------------------------------------------------------------------- the page

/** How loud a tile is now. @param {Tile} tile */
function level(tile) {
  if (!tile.meter || !tile.file || tile.video.paused) return 0;
  const samples = new Float32Array(tile.meter.fftSize);
  tile.meter.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
}

/** @param {Tile[]} here */
function loudest(here) {
  const [tile, loud] = here
    .map((t) => /** @type {[Tile, number]} */ ([t, t.track.screen ? 0 : level(t)]))
    .reduce((best, each) => (each[1] > best[1] ? each : best), [here[0] ?? null, 0]);
  return tile && loud >= SPEAKING ? tile : speaker;
}

function draw() {
  const now = place();
  const here = tiles.filter((tile) => tile.file !== null);
  speaker = loudest(here);
  const screen = here.find((tile) => tile.track.screen);
  const shown = (/** @type {Tile | null | undefined} */ tile) => (tile && here.includes(tile) ? tile : undefined);
  const large = shown(pinned) ?? screen ?? shown(speaker) ?? here[0];
  for (const tile of tiles) {
    show(tile.root, tile.file !== null);
    tile.root.classList.toggle("large", tile === large);
    tile.root.classList.toggle("speaking", tile === speaker && playing);
    attr(tile.name, "aria-pressed", String(tile === pinned));
    const file = tile.file;
    const none = !file?.picture || file.gaps.some(([from, to]) => from <= now && now < to);
    show(tile.cover, none);
  }
  text(part("play"), (playing ? words.pause : words.play) ?? "");
  text(part("place"), `${clock(now - first)} / ${clock(last - first)}`);
  if (document.activeElement !== range) range.value = String(Math.round(now));
  attr(range, "aria-valuetext", clock(Number(range.value) - first));
  const broken = tiles.some((tile) => tile.broken);
  text(part("said"), broken ? (words.broken ?? "") : playing && waiting ? (words.waiting ?? "") : explained);
}

part("play").addEventListener("click", () => turn(!playing));
part("back").addEventListener("click", () => jump(place() - SKIP_MS));
part("on").addEventListener("click", () => jump(place() + SKIP_MS));
range.addEventListener("change", () => {
  const to = Number(range.value);
  range.blur();
  jump(to);
});
look();
setInterval(look, LOOK_MS);
