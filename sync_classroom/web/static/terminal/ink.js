/**
 * Annotations over the shared courseware. `Ink` is what is drawn, bounded as the server's; `InkBoard`
 * is a lesson's ink on this page: drawn here by the host and said, or heard by a room. No page.
 */

/** Ten-thousandths of the picture's width and height. */
export const SCALE = 10_000;
export const COLOURS = ["red", "yellow", "blue", "white"];
const STROKES_MAX = 200;
const POINTS_MAX = 5_000;
/** Points of one message. */
const BATCH_MAX = 400;
/** Pages whose strokes are kept while others are shown; a lesson turns some dozen. */
const PAGES_KEPT = 60;
/** What a hand makes is gathered for so long, ms: the server takes 20 messages a second. */
const FLUSH_MS = 60;

/** @typedef {[number, number]} Point */
/** @typedef {{id: number, colour: string, points: Point[]}} Stroke */

export class Ink {
  constructor() {
    /** @type {Map<number, Stroke>} oldest first */
    this.strokes = new Map();
    this.count = 0;
    /** Grows with every change, so that whoever draws it knows. */
    this.version = 0;
  }

  /** @param {Stroke[]} strokes begun or continued */
  draw(strokes) {
    for (const { id, colour, points } of strokes) {
      const known = this.strokes.get(id);
      if (known) known.points.push(...points);
      else this.strokes.set(id, { id, colour, points: [...points] });
      this.count += points.length;
      while (this.strokes.size > STROKES_MAX || this.count > POINTS_MAX) {
        this.wipe(this.strokes.keys().next().value ?? null);
      }
    }
    this.version += 1;
  }

  /** @param {number | null} stroke null: all */
  wipe(stroke) {
    this.version += 1;
    if (stroke === null) {
      this.strokes.clear();
      this.count = 0;
      return;
    }
    this.count -= this.strokes.get(stroke)?.points.length ?? 0;
    this.strokes.delete(stroke);
  }
}

/**
 * Strokes in messages that the server takes.
 * @param {Iterable<Stroke>} strokes
 * @returns {Stroke[][]}
 */
export function batches(strokes) {
  /** @type {Stroke[][]} */
  const all = [[]];
  let left = BATCH_MAX;
  for (const { id, colour, points } of strokes) {
    for (let from = 0; from < points.length; ) {
      if (left === 0) {
        all.push([]);
        left = BATCH_MAX;
      }
      const some = points.slice(from, from + left);
      all.at(-1)?.push({ id, colour, points: some });
      from += some.length;
      left -= some.length;
    }
  }
  return all.filter((batch) => batch.length > 0);
}

export class InkBoard {
  /**
   * @param {{send: (message: object) => void, changed: () => void,
   *   later?: (act: () => void, ms: number) => unknown, now?: () => number}} options
   */
  constructor({ send, changed, later = (act, ms) => setTimeout(act, ms), now = () => performance.now() }) {
    this.sendNow = send;
    this.changed = changed;
    this.later = later;
    this.now = now;
    this.flushedAt = -Infinity;
    /** @type {string | null} */
    this.lesson = null;
    this.ink = new Ink();
    /** @type {Point | null} */
    this.pointer = null;
    /** Whether this page, as the host, says what is true. */
    this.ours = false;
    /** @type {Stroke[]} */
    this.waiting = [];
    /** @type {Point | null | undefined} undefined: nothing new */
    this.pointed = undefined;
    this.planned = false;
    /** The page that is drawn on; undefined: not known yet. @type {string | null | undefined} */
    this.page = undefined;
    /** Strokes of pages that are not shown now. @type {Map<string, Ink>} */
    this.kept = new Map();
    /** Strokes of this page that the rooms have not been told again yet. */
    this.owed = false;
  }

  /** @param {string | null} lesson */
  reset(lesson) {
    this.lesson = lesson;
    this.page = undefined;
    this.kept = new Map();
    this.owed = false;
    this.ink = new Ink();
    this.pointer = null;
    this.ours = false;
    this.waiting = [];
    this.pointed = undefined;
  }

  /** The lesson on the screen. @param {string | null} lesson */
  enter(lesson) {
    if (lesson !== this.lesson) this.reset(lesson);
  }

  /** From the server. @param {any} message `ink`, `wipe` or `point` */
  receive(message) {
    // A page that joins is told before it has decided that it is in the lesson.
    if (this.lesson === null) this.reset(message.lesson);
    if (message.lesson !== this.lesson || this.ours) return;
    if (message.type === "point") this.pointer = message.at;
    else if (message.type === "wipe") this.ink.wipe(message.stroke);
    else {
      if (message.whole) this.ink.wipe(null);
      this.ink.draw(message.strokes);
    }
    this.changed();
  }

  /**
   * Host: another page is drawn on. Its strokes are taken away everywhere, and those that the new
   * page had before are back here at once, in the rooms when they have turned, too.
   * @param {string | null} page null: what is drawn on is no page of a document
   * @param {boolean} turned whether the rooms see that page
   */
  turn(page, turned) {
    if (this.page === undefined) this.page = page;
    if (page !== this.page) {
      const before = this.ink;
      if (before.strokes.size > 0) this.wipe(null, new Ink());
      if (this.page && before.strokes.size > 0) this.kept.set(this.page, before);
      while (this.kept.size > PAGES_KEPT) this.kept.delete(this.kept.keys().next().value ?? "");
      this.page = page;
      const again = page === null ? undefined : this.kept.get(page);
      if (page !== null) this.kept.delete(page);
      if (again) {
        this.ours = true;
        this.ink = again;
        this.owed = true;
      }
    }
    if (turned) this.settle();
  }

  /** Host: say what the rooms have not been told again. */
  settle() {
    if (!this.owed) return;
    this.owed = false;
    for (const strokes of batches(this.ink.strokes.values())) this.say({ type: "ink", strokes });
  }

  /** The server is back, and may have forgotten: the host says everything again. */
  welcomed() {
    if (!this.ours) return;
    this.waiting = [];
    this.owed = false;
    this.say({ type: "wipe", stroke: null });
    for (const strokes of batches(this.ink.strokes.values())) this.say({ type: "ink", strokes });
  }

  /** Host: a new stroke's number. */
  next() {
    return Math.max(0, ...this.ink.strokes.keys()) + 1;
  }

  /** Host. @param {number} id @param {string} colour @param {Point[]} points */
  draw(id, colour, points) {
    this.ours = true;
    this.settle();
    this.ink.draw([{ id, colour, points }]);
    const last = this.waiting.at(-1);
    if (last?.id === id) last.points.push(...points);
    else this.waiting.push({ id, colour, points: [...points] });
    this.flushSoon();
    this.changed();
  }

  /** Host. @param {number | null} stroke null: all @param {Ink} [instead] for what is wiped */
  wipe(stroke, instead) {
    this.ours = true;
    this.flush();
    this.settle();
    if (instead) this.ink = instead;
    else this.ink.wipe(stroke);
    this.say({ type: "wipe", stroke });
    this.changed();
  }

  /** Host: the last stroke away. */
  undo() {
    const last = [...this.ink.strokes.keys()].at(-1);
    if (last !== undefined) this.wipe(last);
  }

  /** Host. @param {Point | null} at */
  point(at) {
    this.pointer = at;
    this.pointed = at;
    this.flushSoon();
    this.changed();
  }

  /** The first point after a pause is said at once. */
  flushSoon() {
    if (this.planned) return;
    this.planned = true;
    this.later(() => {
      this.planned = false;
      this.flush();
    }, Math.max(0, FLUSH_MS - (this.now() - this.flushedAt)));
  }

  flush() {
    this.flushedAt = this.now();
    for (const strokes of batches(this.waiting)) this.say({ type: "ink", strokes });
    this.waiting = [];
    if (this.pointed !== undefined) this.say({ type: "point", at: this.pointed });
    this.pointed = undefined;
  }

  /** @param {object} message */
  say(message) {
    if (this.lesson !== null) this.sendNow({ ...message, lesson: this.lesson });
  }
}
