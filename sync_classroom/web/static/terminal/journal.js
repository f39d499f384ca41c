/**
 * What this room received, by its own account: a sample for every ten seconds of a lesson, from
 * the statistics of its media. A second opinion beside what the relay writes; nothing counts by
 * it. Pure: time and statistics are given.
 */

/** A sample covers at most this much, ms; the server takes up to 15 s. */
export const SAMPLE_MS = 10_000;
/** Media that came less long ago than this still moves, ms: statistics are read twice a second. */
export const QUIET_MS = 2_000;
/** Between two looks further apart than this the page slept, and knows nothing, ms. */
export const ASLEEP_MS = 4_000;
/** A shorter rest of a sample is not worth a line, ms. */
export const LEAST_MS = 500;

/** @typedef {import("./media.js").SlotStats} SlotStats */

/**
 * One sample as it is sent; instants in ms of the device's own clock.
 * @typedef {object} Sample
 * @property {string} lesson
 * @property {string} seat
 * @property {number} from
 * @property {number} to
 * @property {number | null} offset server minus device clock, ms; null: not compared
 * @property {number} moved ms of it in which picture or sound came
 * @property {number} frames decoded
 * @property {number} sound bytes received
 *
 * @typedef {object} Look
 * @property {string} lesson
 * @property {string} seat
 * @property {number} at monotonic ms
 * @property {number} clock device's clock, ms
 * @property {number | null} offset
 * @property {Record<string, SlotStats>} slots by mid, empty without a session
 */

/** Turns looks at a lesson into samples. */
export class Observer {
  /** @param {(sample: Sample) => void} note */
  constructor(note) {
    this.note = note;
    /** @type {{sample: Sample, began: number, at: number} | null} */
    this.open = null;
    /** @type {Record<string, SlotStats>} */
    this.slots = {};
  }

  /** @param {Look | null} look null: in no lesson that is received here */
  look(look) {
    const { open } = this;
    const same = open?.sample.lesson === look?.lesson && open?.sample.seat === look?.seat;
    if (open && (!look || !same || look.at - open.at > ASLEEP_MS)) this.close();
    if (!look) {
      this.slots = {};
      return;
    }
    if (this.open) this.add(look, this.open);
    this.slots = look.slots;
    if (this.open && look.at - this.open.began >= SAMPLE_MS) this.close();
    this.open ??= {
      began: look.at,
      at: look.at,
      sample: {
        lesson: look.lesson,
        seat: look.seat,
        from: Math.round(look.clock),
        to: 0,
        offset: look.offset === null ? null : Math.round(look.offset),
        moved: 0,
        frames: 0,
        sound: 0,
      },
    };
  }

  /**
   * @param {Look} look
   * @param {{sample: Sample, at: number}} open
   */
  add(look, open) {
    let movedAt = -Infinity;
    for (const [mid, slot] of Object.entries(look.slots)) {
      const before = this.slots[mid];
      if (slot.kind === "video") open.sample.frames += grown(slot.frames, before?.frames ?? 0);
      else open.sample.sound += grown(slot.bytes, before?.bytes ?? 0);
      movedAt = Math.max(movedAt, slot.movedAt);
    }
    if (look.at - movedAt < QUIET_MS) open.sample.moved += look.at - open.at;
    // Compared in the middle of it: that holds for its beginning, too.
    if (open.sample.offset === null && look.offset !== null) open.sample.offset = Math.round(look.offset);
    open.at = look.at;
  }

  close() {
    const { open } = this;
    this.open = null;
    if (!open) return;
    const length = Math.round(open.at - open.began);
    if (length < LEAST_MS) return;
    const { sample } = open;
    const moved = Math.min(length, Math.round(sample.moved));
    // By the monotonic clock: the other may be set in the middle of it.
    this.note({ ...sample, moved, to: sample.from + length });
  }
}

/**
 * How much a total of a session has grown; a new session counts from nothing again.
 * @param {number} now
 * @param {number} before
 */
function grown(now, before) {
  return now >= before ? now - before : now;
}
