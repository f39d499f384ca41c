/**
 * What this device knows of the pushes it was told of, in IndexedDB, and their files in the
 * browser's own file system (OPFS): both survive a reload, a reboot and weeks without a server.
 */

const NAME = "sync-classroom-pushes";
const COPIES = "copies";
/** Folder of the files; the service worker looks there, too. */
export const FOLDER = "pushes";

/** @typedef {import("./inbox_rules.js").Copy} Copy */

export class InboxStore {
  /** @param {IDBDatabase} db */
  constructor(db) {
    this.db = db;
  }

  /** @returns {Promise<InboxStore>} rejects where the browser lets nothing be kept */
  static async open() {
    const asking = indexedDB.open(NAME, 1);
    asking.onupgradeneeded = () => asking.result.createObjectStore(COPIES, { keyPath: "key" });
    const db = await settled(asking);
    await navigator.storage.getDirectory();
    void navigator.storage.persist?.();
    return new InboxStore(db);
  }

  /** @returns {Promise<Copy[]>} */
  all() {
    return settled(this.db.transaction(COPIES).objectStore(COPIES).getAll());
  }

  /** @param {Copy} copy @returns {Promise<void>} */
  put(copy) {
    return this.write((copies) => copies.put(copy));
  }

  /** Forget one, and its file. @param {Copy} copy */
  async forget(copy) {
    await this.removeFile(copy.key);
    await this.write((copies) => copies.delete(copy.key));
  }

  /** @param {string} key */
  async removeFile(key) {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    try {
      await folder.removeEntry(key);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "NotFoundError")) throw error;
    }
  }

  /** Forget everything: the device was given to another room. */
  async clear() {
    for (const copy of await this.all()) await this.forget(copy);
  }

  /**
   * @param {(copies: IDBObjectStore) => void} change
   * @returns {Promise<void>}
   */
  write(change) {
    const work = this.db.transaction(COPIES, "readwrite", { durability: "strict" });
    change(work.objectStore(COPIES));
    return new Promise((resolve, reject) => {
      work.oncomplete = () => resolve();
      work.onabort = () => reject(work.error);
    });
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
