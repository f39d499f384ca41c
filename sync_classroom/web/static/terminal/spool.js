/**
 * Samples that the server has not answered yet, in IndexedDB: they survive a reload, a reboot and
 * weeks without a server. Each has a number that is never used again, so that the server knows what
 * it has been sent before.
 */

import { randomId } from "./connection.js";

const NAME = "sync-classroom-terminal";
const SAMPLES = "samples";
const ABOUT = "about";
/** Fifty hours of lessons, some 3 MB; beyond this the oldest are thrown away, and counted. */
export const MOST = 20_000;
/** Thrown away at once when it is full: making room for each would cost a write more every time. */
const ROOM = 200;

/** @typedef {import("./journal.js").Sample} Sample */
/** @typedef {Sample & {n: number}} Numbered */

export class Spool {
  /**
   * @param {IDBDatabase} db
   * @param {string} id of this spool; numbers mean something within it
   * @param {number} count of samples kept
   * @param {number} lost thrown away unsent
   * @param {number} most
   */
  constructor(db, id, count, lost, most) {
    this.db = db;
    this.id = id;
    this.count = count;
    this.lost = lost;
    this.most = most;
  }

  /**
   * @param {{name?: string, most?: number}} [options] for tests
   * @returns {Promise<Spool>} rejects where the browser lets nothing be kept
   */
  static async open({ name = NAME, most = MOST } = {}) {
    const asking = indexedDB.open(name, 1);
    asking.onupgradeneeded = () => {
      asking.result.createObjectStore(SAMPLES, { keyPath: "n", autoIncrement: true });
      asking.result.createObjectStore(ABOUT).put(randomId(), "id");
    };
    const db = await settled(asking);
    const about = db.transaction([ABOUT, SAMPLES]);
    const [id, lost, count] = await Promise.all([
      settled(about.objectStore(ABOUT).get("id")),
      settled(about.objectStore(ABOUT).get("lost")),
      settled(about.objectStore(SAMPLES).count()),
    ]);
    // Kept also when the disk runs full, if the browser grants it; a kiosk's does.
    void navigator.storage?.persist?.();
    return new Spool(db, String(id), count, Number(lost ?? 0), most);
  }

  /** @param {Sample} sample */
  async add(sample) {
    const work = this.db.transaction([SAMPLES, ABOUT], "readwrite", { durability: "strict" });
    const samples = work.objectStore(SAMPLES);
    samples.add(sample);
    let [kept, lost] = [this.count + 1, this.lost];
    if (kept > this.most) {
      const oldest = await settled(samples.getAllKeys(null, Math.min(ROOM, this.most)));
      for (const n of oldest) samples.delete(n);
      kept -= oldest.length;
      lost += oldest.length;
      work.objectStore(ABOUT).put(lost, "lost");
    }
    await done(work);
    this.count = kept;
    this.lost = lost;
  }

  /**
   * @param {number} most
   * @returns {Promise<Numbered[]>} the oldest samples, in the order of their numbers
   */
  oldest(most) {
    return settled(this.db.transaction(SAMPLES).objectStore(SAMPLES).getAll(null, most));
  }

  /**
   * Forget what was answered.
   * @param {Numbered[]} answered
   * @param {number} lost of which the server was told
   */
  async remove(answered, lost) {
    const work = this.db.transaction([SAMPLES, ABOUT], "readwrite", { durability: "strict" });
    const samples = work.objectStore(SAMPLES);
    for (const { n } of answered) samples.delete(n);
    const left = Math.max(0, this.lost - lost);
    work.objectStore(ABOUT).put(left, "lost");
    const counting = settled(samples.count());
    await done(work);
    this.lost = left;
    this.count = await counting;
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} work @returns {Promise<void>} */
function done(work) {
  return new Promise((resolve, reject) => {
    work.oncomplete = () => resolve();
    work.onabort = () => reject(work.error);
  });
}
