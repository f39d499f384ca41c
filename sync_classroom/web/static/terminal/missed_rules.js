/** What a room missed and may watch while the lesson goes on; the decisions, without a page. */

/**
 * The shapes of GET /api/terminal/lessons/{lesson}/missed; seconds count from the recording's start.
 * @typedef {object} Part
 * @property {"camera" | "screen"} source
 * @property {string} href
 * @property {number} start_s of the file
 * @property {number} from_s
 * @property {number} to_s
 *
 * @typedef {object} Loss
 * @property {string} from_at
 * @property {string} to_at
 * @property {number} from_s
 * @property {number} to_s
 * @property {Part[]} parts empty while the recording has not come so far
 * @property {(import("./page_track.js").TrackPage & {document: string})[]} pages of documents, shown
 *   meanwhile
 * @property {string} lesson whose documents they are of; this page adds it
 *
 * @typedef {object} Offer
 * @property {boolean} over
 * @property {boolean} make_up
 * @property {string | null} until how far the room's evidence goes
 * @property {Loss[]} missed
 *
 * @typedef {[from: number, to: number]} Range
 */

/** After a room is back it is asked this often until the evidence of its return is in, ms. */
const SOON_MS = 3_000;
/** Evidence is written every 10 s and read a little later; what takes longer is no matter of ours. */
const PATIENT_MS = 60_000;
/** A line that lost much without being lost: looked at now and then, ms. */
const SELDOM_MS = 60_000;
/** A loss of which so much was watched is not offered again. */
const SEEN_SHARE = 0.8;
/** Two buffered stretches this near are one to a player, s. */
const NEAR_S = 0.3;

/**
 * When the server is asked again; all instants in ms, monotonic.
 * @param {{at: number, backAt: number, first: string | null, until: string | null, waiting: boolean}} known
 *   `backAt`: when media began to come; `first`: how far the evidence went in the first answer after
 *   that, `until` in the latest; `waiting`: something is not written yet
 */
export function askAgainAt({ at, backAt, first, until, waiting }) {
  const settled = until !== first && !waiting;
  return at + (settled || at - backAt > PATIENT_MS ? SELDOM_MS : SOON_MS);
}

/** What can be watched now. @param {Loss[]} losses */
export function ready(losses) {
  return losses.filter((loss) => loss.parts.length > 0);
}

/**
 * Losses that nobody has watched or waved away: evidence that comes late moves their ends a little.
 * @param {Loss[]} losses
 * @param {Loss[]} done
 */
export function open(losses, done) {
  return losses.filter((loss) => {
    const [from, to] = [Date.parse(loss.from_at), Date.parse(loss.to_at)];
    const seen = done.reduce(
      (sum, one) => sum + Math.max(0, Math.min(to, Date.parse(one.to_at)) - Math.max(from, Date.parse(one.from_at))),
      0,
    );
    return seen < SEEN_SHARE * (to - from);
  });
}

/**
 * Where playing goes on from `at`: there, or behind a gap in what there is; null: nothing is there.
 * @param {Range[]} buffered in order
 * @param {number} at
 */
export function playableFrom(buffered, at) {
  for (const [from, to] of buffered) {
    if (at < from - NEAR_S) return from;
    if (at < to - NEAR_S / 10) return Math.max(at, from);
  }
  return null;
}

/** How much lies ahead of `at`, s. @param {Range[]} buffered @param {number} at */
export function ahead(buffered, at) {
  return buffered.reduce((sum, [from, to]) => sum + Math.max(0, to - Math.max(from, at)), 0);
}

/**
 * The instant of a place in a loss, ms.
 * @param {Loss} loss
 * @param {number} at
 */
export function instantOf(loss, at) {
  const inside = Math.min(loss.to_s, Math.max(loss.from_s, at));
  return Date.parse(loss.from_at) + (inside - loss.from_s) * 1000;
}

/**
 * `10:03–10:11`, with seconds where minutes would say nothing.
 * @param {Loss} loss
 * @param {(at: number) => {minutes: string, seconds: string}} civil
 */
export function spanText(loss, civil) {
  const [from, to] = [civil(Date.parse(loss.from_at)), civil(Date.parse(loss.to_at))];
  const minutes = Date.parse(loss.to_at) - Date.parse(loss.from_at) >= 120_000;
  return minutes ? `${from.minutes}–${to.minutes}` : `${from.seconds}–${to.seconds}`;
}
