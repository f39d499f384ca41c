/**
 * Asks the server what this room missed of the lesson it is in: when media come (again), until the
 * evidence of that is in, and now and then. The server remembers; this page only what was watched.
 */

import { askAgainAt, open, ready } from "./missed_rules.js";

/** @typedef {import("./missed_rules.js").Offer} Offer */
/** @typedef {import("./missed_rules.js").Loss} Loss */

/** A failed question is asked again after this, ms. */
const FAILED_MS = 8_000;
/** An answer that takes longer is none, ms. */
const ANSWER_MS = 10_000;
/** A lesson's end is told to the evidence a little later, ms. */
const END_MS = 12_000;

export class Missed {
  /**
   * @param {object} parts
   * @param {() => string | null} parts.token
   * @param {() => void} parts.changed
   * @param {(key: string) => void} parts.say a sentence about a lesson that is over
   */
  constructor({ token, changed, say }) {
    this.token = token;
    this.changed = changed;
    this.say = say;
    /** @type {string | null} */
    this.lesson = null;
    /** @type {Loss[]} */
    this.losses = [];
    /** Watched or waved away here. @type {Loss[]} */
    this.done = [];
    this.flowing = false;
    this.asking = false;
    /** When media began to come, and when to ask next; ms, monotonic. */
    this.backAt = 0;
    this.dueAt = 0;
    /** @type {string | null | undefined} how far the evidence went in the first answer after that */
    this.first = undefined;
  }

  /** What is offered now. */
  offered() {
    return open(this.losses, this.done);
  }

  /**
   * As often as you like.
   * @param {{lesson: string | null, flowing: boolean, online: boolean, at: number}} now
   *   `lesson`: the live one this room listens to; `at`: monotonic ms
   */
  look({ lesson, flowing, online, at }) {
    if (lesson !== this.lesson) {
      if (this.lesson !== null && this.losses.length) this.ended(this.lesson);
      this.lesson = lesson;
      this.losses = [];
      this.done = [];
      this.flowing = this.asking = false;
    }
    if (flowing && !this.flowing) {
      this.backAt = this.dueAt = at;
      this.first = undefined;
    }
    this.flowing = flowing;
    if (lesson !== null && online && flowing && !this.asking && at >= this.dueAt) void this.ask(lesson);
  }

  /** @param {string} lesson */
  async ask(lesson) {
    this.asking = true;
    const answer = await this.question(lesson);
    if (lesson !== this.lesson) return;
    this.asking = false;
    const at = performance.now();
    if (!answer) {
      this.dueAt = at + FAILED_MS;
      return;
    }
    this.losses = answer.missed.map((loss) => ({ ...loss, lesson }));
    const { until } = answer;
    if (this.first === undefined) this.first = until;
    const waiting = ready(this.losses).length < this.losses.length;
    this.dueAt = askAgainAt({ at, backAt: this.backAt, first: this.first, until, waiting });
    this.changed();
  }

  /** @param {string} lesson @returns {Promise<Offer | null>} */
  async question(lesson) {
    try {
      const response = await fetch(`/api/terminal/lessons/${encodeURIComponent(lesson)}/missed`, {
        headers: { Authorization: `Bearer ${this.token() ?? ""}` },
        cache: "no-store",
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  /** The lesson is over, and so is watching: who makes up for what was missed? @param {string} lesson */
  ended(lesson) {
    setTimeout(() => {
      void this.question(lesson).then((answer) => {
        if (answer?.over) this.say(answer.make_up ? "missed.made_up" : "missed.over");
      });
    }, END_MS);
  }

  /** @param {Loss} loss watched to its end, or not wanted */
  put(loss) {
    this.done.push(loss);
    this.changed();
  }
}
