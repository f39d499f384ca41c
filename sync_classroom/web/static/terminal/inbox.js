/**
 * The pushes of this classroom: asks the server what there is, has the worker bring it, gives up
 * what must make room, and tells the server how far it came and was seen, until it is answered.
 * Knows nothing of the page.
 */

import {
  MOST_TRIES,
  decide,
  heard,
  isCompleted,
  isReminded,
  isShown,
  pauseAfter,
  sameWord,
  sourcesOf,
  union,
  watchedSeconds,
  wordOf,
} from "./inbox_rules.js";
import { InboxStore } from "./inbox_store.js";

const PATH = "/api/terminal/pushes";
/** The server says when there is something new, and is asked so often all the same, ms. */
const ASK_MS = 60_000;
/** How far a long fetch is, is said so often, ms. */
const SAY_MS = 15_000;
/** How much was played is said after so much more of it, seconds. */
const WATCHED_S = 60;
/** An answer that takes longer is not coming, ms. */
const ANSWER_MS = 20_000;
/** Pause after the server did not answer, ms. */
const AGAIN_MS = 10_000;
/** 48 rooms that find their server again do not all call at once, ms. */
const SPREAD_MS = 2_000;
/** Copies in one message; the server takes 100. */
const BATCH = 50;
/** The browser may use its share of the disk up to this, so that lessons keep room for theirs. */
const SHARE = 0.8;

/** @typedef {import("./inbox_rules.js").Copy} Copy */
/** @typedef {import("./inbox_rules.js").Push} Push */
/** @typedef {import("./fetcher.js").Told} Told */
/**
 * @typedef {object} Look
 * @property {boolean} online
 * @property {boolean} inLesson nothing is fetched then
 * @property {number} at monotonic ms
 * @property {number} now ms of the server's clock
 */

export class Inbox {
  /** @param {{token: () => string | null, changed: () => void}} options */
  constructor({ token, changed }) {
    this.token = token;
    this.changed = changed;
    /** @type {Copy[]} */
    this.copies = [];
    /** @type {string | null} key of what is on the screen */
    this.playing = null;
    /** Whether a person has the list on the screen. */
    this.shown = false;
    /** @type {InboxStore | null} null while, or where, nothing can be kept */
    this.store = null;
    /** @type {{begins: number, ends: number} | null} */
    this.quiet = null;
    this.quota = 0;
    this.told = false;
    this.now = Date.now();
    this.online = false;
    this.inLesson = false;
    this.askAt = 0;
    this.sayAt = Infinity;
    this.progressAt = 0;
    this.tryAt = 0;
    this.failures = 0;
    this.asking = false;
    this.saying = false;
    this.working = false;
    /** @type {string | null} what the worker brings */
    this.fetching = null;
    /** @type {Worker | null} */
    this.worker = null;
    /** Which cache it may ask. */
    this.allowed = "";
    this.ready = this.begin();
  }

  async begin() {
    try {
      this.store = await InboxStore.open();
      this.copies = await this.store.all();
      if (this.copies.some((copy) => copy.unsaid)) this.sayAt = 0;
      this.changed();
    } catch (error) {
      // A browser that keeps nothing shows no pushes; lessons go on.
      console.warn("pushes cannot be kept on this device", error);
    }
  }

  /** Copies that a person can see here, newest first. */
  list() {
    return this.copies
      .filter((copy) => isShown(copy, this.now))
      .sort((a, b) => Date.parse(b.push.sent_at) - Date.parse(a.push.sent_at));
  }

  /** How many are here that nobody opened yet. */
  fresh() {
    return this.list().filter((copy) => copy.state === "kept" && copy.opened === null).length;
  }

  /** How many are here that the teacher was reminded of and nobody opened. */
  reminded() {
    return this.list().filter(isReminded).length;
  }

  /** @param {string} key */
  find(key) {
    return this.copies.find((copy) => copy.key === key) ?? null;
  }

  /** Called several times a second. @param {Look} look */
  look({ online, inLesson, at, now }) {
    if (online && !this.online) {
      const soon = at + Math.random() * SPREAD_MS;
      this.askAt = Math.min(this.askAt, soon);
      this.sayAt = Math.min(this.sayAt, soon);
      this.tryAt = Math.min(this.tryAt, soon);
    }
    Object.assign(this, { online, inLesson, now });
    if (!this.store || !this.token()) return;
    if (inLesson && this.fetching) this.stop();
    if (online && at >= this.askAt && !this.asking) void this.ask();
    if (online && at >= this.sayAt && !this.saying) void this.say();
    if (!this.working && !this.fetching) void this.work(at);
  }

  /** The server says that there is something new, or something over. */
  heardOf() {
    this.askAt = Math.min(this.askAt, performance.now() + Math.random() * SPREAD_MS);
  }

  /** The device was given to another room. */
  async forget() {
    this.stop();
    this.copies = [];
    this.told = false;
    await this.ready;
    await this.store?.clear();
  }

  // ------------------------------------------------------------------ person

  /** A person wants it now, whatever the hour. @param {string} key */
  want(key) {
    const copy = this.find(key);
    if (!copy) return;
    const again = copy.state === "failed" || copy.state === "evicted";
    this.keep({ ...copy, asked: true, failure: null, tries: 0, state: again ? "waiting" : copy.state });
    if (this.fetching && this.fetching !== key) this.stop();
    this.failures = 0;
    this.tryAt = 0;
  }

  /** A person opens it. @param {string} key */
  open(key) {
    const copy = this.find(key);
    if (copy?.state !== "kept") return;
    this.playing = key;
    if (copy.opened === null) this.step({ ...copy, opened: Date.now() });
  }

  /** @param {boolean} shown the list, with nothing playing */
  show(shown) {
    this.shown = shown;
    this.playing = null;
    this.changed();
  }

  /** From what is open to the list, from the list to the lobby. */
  back() {
    if (this.shown) this.show(this.playing !== null);
  }

  /**
   * So much of what is on the screen was played.
   * @param {import("./inbox_rules.js").Span[]} spans since it was opened
   * @param {number} duration seconds
   */
  played(spans, duration) {
    const copy = this.find(this.playing ?? "");
    if (!copy) return;
    const played = union(copy.played, spans);
    const [before, after] = [watchedSeconds(copy.played), watchedSeconds(played)];
    if (after <= before) return;
    if (copy.completed === null && isCompleted(played, duration)) {
      this.step({ ...copy, played, completed: Date.now() });
    } else {
      const told = Math.floor(after / WATCHED_S) > Math.floor(before / WATCHED_S);
      this.keep({ ...copy, played, unsaid: copy.unsaid || told });
      if (told) this.sayAt = Math.min(this.sayAt, performance.now() + SAY_MS);
    }
  }

  /** A person says that it was seen to the end. */
  complete() {
    const copy = this.find(this.playing ?? "");
    if (copy && copy.completed === null) this.step({ ...copy, completed: Date.now() });
  }

  /** Something happened that counts: kept first, then said. @param {Copy} copy */
  step(copy) {
    this.keep({ ...copy, unsaid: true });
    this.sayAt = 0;
  }

  // ------------------------------------------------------------------ server

  async ask() {
    this.asking = true;
    this.askAt = performance.now() + ASK_MS;
    try {
      const told = await this.call("GET");
      this.quota = await quotaOf(told.quota_bytes);
      this.quiet = told.quiet && {
        begins: Date.parse(told.quiet.begins),
        ends: Date.parse(told.quiet.ends),
      };
      this.told = true;
      this.replace(heard(this.copies, told.pushes));
    } catch (error) {
      this.askAt = performance.now() + AGAIN_MS;
      console.debug("pushes not asked for", error);
    } finally {
      this.asking = false;
    }
  }

  /** Say everything that was not said, until it is answered. */
  async say() {
    this.saying = true;
    this.sayAt = Infinity;
    try {
      for (;;) {
        const some = this.copies.filter((copy) => copy.unsaid).slice(0, BATCH);
        if (!some.length) break;
        const told = await this.call("POST", { sent: Date.now(), copies: some.map(wordOf) });
        for (const { push, code, en } of told.refused.slice(0, 3)) {
          console.warn("the server does not take what is said of a push", push, code, en);
        }
        for (const said of some) {
          const now = this.find(said.key);
          // What happened meanwhile is said next time.
          if (now && sameWord(now, said)) this.keep({ ...now, unsaid: false });
        }
        if (some.some((said) => this.find(said.key)?.unsaid)) {
          this.sayAt = performance.now() + AGAIN_MS / 10;
          break;
        }
      }
    } catch (error) {
      this.sayAt = performance.now() + AGAIN_MS;
      console.debug("progress of pushes not said", error);
    } finally {
      this.saying = false;
    }
  }

  /**
   * @param {"GET" | "POST"} method
   * @param {unknown} [body]
   */
  async call(method, body) {
    const response = await fetch(PATH, {
      method,
      headers: {
        Authorization: `Bearer ${this.token()}`,
        ...(body ? { "Content-Type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!response.ok) throw new Error(`server answered ${response.status}`);
    return response.json();
  }

  // ------------------------------------------------------------------ disk

  /** Remove what is over, make room, begin what is next. @param {number} at monotonic ms */
  async work(at) {
    const { now, quota, playing } = this;
    const quiet = this.quiet !== null && this.quiet.begins <= now && now < this.quiet.ends;
    const { remove, evict, refuse, fetch } = decide(this.copies, { now, quota, quiet, playing });
    const may = this.online && !this.inLesson && this.told && at >= this.tryAt;
    if (!remove.length && !(may && (fetch || refuse.length))) return;
    this.working = true;
    try {
      for (const copy of remove) await this.drop(copy, { state: "waiting", asked: false });
      if (!may) return;
      for (const copy of refuse) this.fail(copy, "too_large");
      for (const copy of evict) await this.drop(copy, { state: "evicted", unsaid: true, asked: false });
      if (evict.length) this.sayAt = 0;
      if (fetch) this.start(fetch);
    } catch (error) {
      this.tryAt = performance.now() + AGAIN_MS;
      console.warn("pushes: the disk does not answer", error);
    } finally {
      this.working = false;
    }
  }

  /** @param {Copy} copy @param {Partial<Copy>} after */
  async drop(copy, after) {
    await this.store?.removeFile(copy.key);
    this.keep({ ...copy, ...after, bytes: 0 });
  }

  /** @param {Copy} copy */
  start(copy) {
    const { url, cached } = sourcesOf(copy, this.failures);
    // What a worker may ask is said with its file, and kept with it: another cache, another file.
    const allowed = cached ? new URL(cached).origin : "";
    if (this.worker && this.allowed !== allowed) this.stop();
    if (!this.worker) {
      const file = new URL("./fetcher.js", import.meta.url);
      if (allowed) file.searchParams.set("cache", allowed);
      this.worker = new Worker(file, { type: "module" });
      this.worker.onmessage = (event) => this.hear(event.data);
      this.worker.onerror = () => this.died();
      this.allowed = allowed;
    }
    this.fetching = copy.key;
    const { bytes, sha256 } = copy.push;
    this.worker.postMessage({ key: copy.key, url, cached, token: this.token(), bytes, sha256 });
    this.keep({ ...copy, state: "fetching", unsaid: true });
    this.sayAt = Math.min(this.sayAt, performance.now() + SAY_MS);
  }

  stop() {
    // The file is let go with the worker.
    this.worker?.terminate();
    this.worker = null;
    this.fetching = null;
  }

  /** The worker's file did not come, or it ended of an error: another one, after a pause. */
  died() {
    const key = this.fetching;
    this.stop();
    this.failures += 1;
    this.tryAt = performance.now() + pauseAfter(this.failures);
    console.warn("the worker that fetches pushes ended", key);
  }

  /** @param {Told} told by the worker */
  hear(told) {
    const copy = this.find(told.key);
    if (!copy || told.key !== this.fetching) return;
    if (told.type === "progress") {
      this.failures = 0;
      const at = performance.now();
      const due = at >= this.progressAt;
      if (due) {
        this.progressAt = at + SAY_MS;
        this.sayAt = 0;
      }
      this.keep({ ...copy, bytes: told.bytes, unsaid: copy.unsaid || due });
      return;
    }
    this.fetching = null;
    if (told.type === "done") {
      this.failures = 0;
      const delivered = copy.delivered ?? Date.now();
      this.step({ ...copy, state: "kept", bytes: copy.push.bytes, failure: null, asked: false, delivered });
    } else if (told.type === "wrong") {
      const tries = copy.tries + 1;
      if (tries >= MOST_TRIES) this.fail({ ...copy, tries, bytes: 0 }, "hash");
      else this.keep({ ...copy, tries, bytes: 0, state: "waiting" });
    } else if (told.type === "full") {
      this.store?.removeFile(copy.key).catch((error) => console.warn("a push is not removed", error));
      this.fail({ ...copy, bytes: 0 }, "disk");
    } else {
      this.failures += 1;
      this.tryAt = performance.now() + Math.max(told.waitMs, pauseAfter(this.failures));
      this.keep({ ...copy, bytes: told.bytes });
      // Another version of the list may say why: it is over, or the hours are.
      if (told.status) this.askAt = 0;
    }
  }

  /** @param {Copy} copy @param {"too_large" | "hash" | "disk"} failure */
  fail(copy, failure) {
    this.step({ ...copy, state: "failed", failure, asked: false });
  }

  // ------------------------------------------------------------------ memory

  /** @param {Copy} copy */
  keep(copy) {
    this.copies = this.copies.map((known) => (known.key === copy.key ? copy : known));
    this.store?.put(copy).catch((error) => console.warn("a push is not remembered", error));
    this.changed();
  }

  /** @param {Copy[]} copies */
  replace(copies) {
    const known = new Map(this.copies.map((copy) => [copy.key, copy]));
    for (const copy of copies) {
      if (JSON.stringify(known.get(copy.key)) !== JSON.stringify(copy)) {
        this.store?.put(copy).catch((error) => console.warn("a push is not remembered", error));
      }
      known.delete(copy.key);
    }
    for (const gone of known.values()) {
      this.store?.forget(gone).catch((error) => console.warn("a push is not forgotten", error));
    }
    this.copies = copies;
    this.changed();
  }
}

/** What the server allows, and the browser. @param {number} allowed bytes */
async function quotaOf(allowed) {
  const { quota = Infinity } = await navigator.storage.estimate();
  return Math.min(allowed, quota * SHARE);
}
