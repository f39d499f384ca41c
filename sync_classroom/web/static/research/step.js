/**
 * Watching in step: where a recording should be now, and how a player gets there. Pure: no page, no
 * clock of its own.
 *
 * @typedef {object} Study
 * @property {number} version
 * @property {number} now_ms the server's clock when it was at `position_ms`
 * @property {boolean} playing
 * @property {number} position_ms on the recording's time
 * @property {number} rate percent
 * @property {number} comments how many there are
 * @property {Watched | null} watched
 *
 * @typedef {{lesson: string, file: string, title: string, start_ms: number, end_ms: number}} Watched
 *
 * @typedef {object} Anchor a study as it was at a moment of this page's own clock
 * @property {Study} study
 * @property {number} at ms of `performance.now()`
 * @property {number} trip ms that the answer took
 */

/** An answer that travelled longer may be this much older and still replace a better one, ms. */
const AGES_MS = 30_000;
/** Nobody hears or sees so little, ms. */
export const NEAR_MS = 60;
/** From here on a jump is better than a minute of hurry, ms. */
export const FAR_MS = 1_500;
/** How much faster or slower a player goes to catch up; speech still sounds right. */
const HURRY = 0.06;

/**
 * The better of two accounts: a newer version; of one version the one that travelled less, for half
 * the way is how wrong it can be.
 * @param {Anchor | null} known
 * @param {Anchor} next
 * @returns {Anchor}
 */
export function better(known, next) {
  if (!known || next.study.version > known.study.version) return next;
  if (next.study.version < known.study.version) return known;
  const fresh = next.trip <= known.trip || next.at - known.at > AGES_MS;
  // How many comments there are is news all the same.
  return fresh ? next : { ...known, study: { ...known.study, comments: next.study.comments } };
}

/**
 * Where it should be at this moment, ms on the recording's time.
 * @param {Anchor} anchor
 * @param {number} now ms of `performance.now()`
 */
export function place(anchor, now) {
  const { playing, position_ms, rate, watched } = anchor.study;
  const passed = playing ? ((now - anchor.at) * rate) / 100 : 0;
  return Math.min(position_ms + passed, watched?.end_ms ?? 0);
}

/**
 * What a player does that is `ahead` (negative: behind) of where it should be: jump, or play a
 * little slower or faster, or go on.
 * @param {number} ahead ms
 * @param {number} rate percent
 * @returns {{jump: boolean, rate: number}}
 */
export function step(ahead, rate) {
  const normal = rate / 100;
  if (Math.abs(ahead) > FAR_MS) return { jump: true, rate: normal };
  if (Math.abs(ahead) < NEAR_MS) return { jump: false, rate: normal };
  return { jump: false, rate: normal * (ahead > 0 ? 1 - HURRY : 1 + HURRY) };
}

/** `12:05`, `1:02:03`. @param {number} ms */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}
