/**
 * Takes what this room noted to the server: spools it first, and sends it in batches whenever the
 * server is there, until each sample is answered. Knows nothing of the page.
 */

import { Observer } from "./journal.js";
import { Spool } from "./spool.js";

const PATH = "/api/terminal/journal";
/** Samples in one message; the server takes 150. */
const BATCH = 100;
/** In a lesson what was noted is sent this often, ms: few messages, few seals among the facts. */
const EVERY_MS = 120_000;
/** An answer that takes longer is not coming, ms. */
const ANSWER_MS = 20_000;
/** First and longest pause after a failure, ms. */
const AGAIN_FIRST_MS = 2_000;
const AGAIN_LAST_MS = 300_000;
/** 48 rooms that find their server again do not all call at once, ms. */
const SPREAD_MS = 3_000;

/** @typedef {import("./journal.js").Look} Look */
/** @typedef {import("./journal.js").Sample} Sample */

export class Courier {
  /** @param {{token: () => string | null}} options */
  constructor({ token }) {
    this.token = token;
    /** @type {Spool | null} */
    this.spool = null;
    this.observer = new Observer((sample) => void this.keep(sample));
    this.busy = false;
    this.online = false;
    this.failures = 0;
    this.dueAt = Infinity;
    /** @type {Promise<void>} samples are kept one after the other */
    this.keeping = this.open();
  }

  async open() {
    try {
      this.spool = await Spool.open();
      if (this.spool.count) this.due(0);
    } catch (error) {
      // A browser that keeps nothing costs the second opinion, never the lesson.
      console.warn("the journal of this terminal cannot be kept", error);
    }
  }

  /**
   * Called several times a second.
   * @param {Look | null} look at the lesson that is received here, or null
   * @param {{online: boolean, at: number}} now
   */
  look(look, { online, at }) {
    const was = this.observer.open?.sample.lesson;
    this.observer.look(look);
    if (was && was !== look?.lesson) this.due(at);
    // The server is back: what waits is sent soon, whatever pause there was.
    if (online && !this.online) this.soon(at);
    this.online = online;
    if (online && !this.busy && at >= this.dueAt) void this.send();
  }

  /** @param {number} at monotonic ms */
  due(at) {
    this.dueAt = Math.min(this.dueAt, at);
  }

  /** @param {number} at monotonic ms */
  soon(at) {
    this.failures = 0;
    this.due(at + Math.random() * SPREAD_MS);
  }

  /** @param {Sample} sample */
  keep(sample) {
    this.keeping = this.keeping.then(async () => {
      try {
        await this.spool?.add(sample);
        this.due(performance.now() + EVERY_MS);
      } catch (error) {
        console.warn("a sample of this terminal could not be kept", error);
      }
    });
    return this.keeping;
  }

  /** Send until nothing is left, or until it fails. */
  async send() {
    this.busy = true;
    this.dueAt = Infinity;
    try {
      await this.keeping;
      while (this.online && this.spool && (await this.sendSome(this.spool)));
      this.failures = 0;
    } catch (error) {
      const pause = error instanceof LaterError ? error.ms : 0;
      const again = Math.min(AGAIN_LAST_MS, AGAIN_FIRST_MS * 2 ** Math.min(this.failures, 10));
      this.failures += 1;
      this.due(performance.now() + Math.max(pause, again * (0.75 + Math.random() / 2)));
      console.debug("journal not sent", error);
    } finally {
      this.busy = false;
    }
  }

  /** @param {Spool} spool @returns {Promise<boolean>} whether there may be more */
  async sendSome(spool) {
    const samples = await spool.oldest(BATCH);
    const token = this.token();
    if (!samples.length || token === null) return false;
    const { lost } = spool;
    const response = await fetch(PATH, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: JSON.stringify({ spool: spool.id, sent: Date.now(), lost, samples }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!response.ok) {
      throw new LaterError(response.status, Number(response.headers.get("Retry-After") ?? 0) * 1000);
    }
    const told = await response.json();
    for (const { n, code, en } of told.refused.slice(0, 3)) {
      console.warn("the server does not take a sample of this terminal", n, code, en);
    }
    await spool.remove(samples, lost);
    return samples.length === BATCH;
  }
}

/** The server did not take a message; it may later. */
class LaterError extends Error {
  /** @param {number} status @param {number} ms */
  constructor(status, ms) {
    super(`server answered ${status}`);
    this.ms = ms;
  }
}
