/**
 * How long received media waits before it is played. A browser that only receives knows no round
 * trip to the relay and plays so soon that what was sent again comes too late; so on a line that
 * loses packets we ask it to wait until a second attempt has had its chance. Pure: no clock, no
 * connection of its own.
 */

/** Beyond this share of packets asked for again, repair is part of what must be waited for. */
export const ASKED_BAD = 0.01;
/** What a repair takes beside its round trips: finding the gap, and the browser's pause, ms. */
export const FIND_MS = 100;
/** Attempts that are waited for: at 5 % loss one in ten fails, two in two hundred. */
export const ATTEMPTS = 2;
/** Shortest and longest wait, ms. Longer than the last, a question and its answer fall apart. */
export const LEAST_MS = 200;
export const MOST_MS = 600;
/** The wait grows by so much when picture or sound still failed, ms. */
export const STEP_MS = 100;
/** And ends when nothing was wrong for so long, ms: a bad quarter of an hour comes in waves. */
export const CALM_MS = 60_000;
/** Share of sound that was made up: below it nobody hears it. */
export const MADE_UP_BAD = 0.01;
/** Share of the latest round trip in the one that is believed: on a bad line each is another. */
export const RTT_SHARE = 0.25;
/** Fewer packets than this in a look say nothing. */
export const LEAST_PACKETS = 20;

/**
 * Running totals of one session's receivers.
 * @typedef {object} PlayoutSample
 * @property {number} at monotonic ms
 * @property {number} received packets
 * @property {number} asked packets asked for again
 * @property {number} freezes
 * @property {number} madeUp samples of sound that were concealed, silence not counted
 * @property {number} samples of sound in all
 * @property {number | null} rttMs
 */

/** The waiting of one session; another one begins with another. */
export class Playout {
  constructor() {
    /** @type {PlayoutSample | null} */
    this.before = null;
    /** @type {number | null} null: the browser decides */
    this.target = null;
    this.badAt = -Infinity;
    /** @type {number | null} */
    this.rttMs = null;
  }

  /**
   * @param {PlayoutSample} sample about two a second
   * @returns {number | null} what `jitterBufferTarget` should be now, ms
   */
  look(sample) {
    const before = this.before;
    if (before && sample.received - before.received < LEAST_PACKETS) return this.target;
    this.before = sample;
    const rtt = sample.rttMs;
    if (rtt !== null) this.rttMs = this.rttMs === null ? rtt : this.rttMs + RTT_SHARE * (rtt - this.rttMs);
    if (!before) return this.target;
    const asked = (sample.asked - before.asked) / (sample.received - before.received);
    const sound = sample.samples - before.samples;
    const failed =
      sample.freezes > before.freezes ||
      (sound > 0 && (sample.madeUp - before.madeUp) / sound > MADE_UP_BAD);
    if (asked > ASKED_BAD) {
      this.badAt = sample.at;
      const needed = ATTEMPTS * (this.rttMs ?? FIND_MS) + FIND_MS;
      const grown = this.target !== null && failed ? this.target + STEP_MS : 0;
      // Never shorter while it is bad: each change is a moment of faster or slower sound.
      this.target = Math.min(MOST_MS, Math.max(LEAST_MS, needed, grown, this.target ?? 0));
    } else if (this.target !== null && sample.at - this.badAt > CALM_MS) {
      this.target = null;
    }
    return this.target;
  }
}
