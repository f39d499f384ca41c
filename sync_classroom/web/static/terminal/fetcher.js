/**
 * A worker that brings one file to the disk: goes on from what is there, writes each piece in its
 * place, and compares the SHA-256 of what lies on the disk with the server's. A worker, because only
 * there a file may be written in place, and hashing would stop the picture of a lesson.
 */

import { FOLDER } from "./inbox_store.js";
import { Sha256 } from "./sha256.js";

/**
 * A file open in place, which only workers have (FileSystemSyncAccessHandle).
 * @typedef {object} SyncFile
 * @property {() => number} getSize
 * @property {(size: number) => void} truncate
 * @property {(bytes: Uint8Array, options: {at: number}) => number} read
 * @property {(bytes: Uint8Array, options: {at: number}) => number} write
 * @property {() => void} flush
 * @property {() => void} close
 */

const worker = /** @type {Pick<Worker, "postMessage"> & EventTarget} */ (/** @type {unknown} */ (self));

/** The page is told this often how far it is, ms. */
const TELL_MS = 500;
/** On the disk for good at least so often, bytes: what a power cut may cost. */
const FLUSH_BYTES = 4 * 1024 * 1024;
/** A line that carries nothing for so long has broken, ms. */
const IDLE_MS = 30_000;
/** A school's cache that has not begun to answer by then is away, ms: at 200 kbit/s it waits ten
 * seconds for the quarter of a megabyte that it gives out at once (deploy/nginx/school-cache.conf). */
const CACHE_MS = 20_000;
const READ_BYTES = 1024 * 1024;

/**
 * @typedef {object} Task
 * @property {string} key
 * @property {string} url
 * @property {string | null} cached where the school's cache has the same bytes, which is asked first
 * @property {string} token
 * @property {number} bytes
 * @property {string} sha256
 *
 * @typedef {{type: "progress", key: string, bytes: number}
 *   | {type: "done", key: string}
 *   | {type: "broken", key: string, bytes: number, status: number, waitMs: number}
 *   | {type: "wrong", key: string}
 *   | {type: "full", key: string}} Told
 */

worker.addEventListener("message", (event) => {
  void bring(/** @type {MessageEvent<Task>} */ (event).data);
});

/** @param {Told} told */
function tell(told) {
  worker.postMessage(told);
}

/** One at a time; whoever wants another ends the worker. @param {Task} task */
async function bring(task) {
  const { key } = task;
  /** @type {SyncFile | null} */
  let file = null;
  try {
    file = await open(key);
    if (file.getSize() > task.bytes) file.truncate(0);
    if (file.getSize() < task.bytes) await download(task, file);
    if (hashOf(file) === task.sha256) {
      tell({ type: "done", key });
    } else {
      file.truncate(0);
      file.flush();
      tell({ type: "wrong", key });
    }
  } catch (error) {
    const bytes = file ? file.getSize() : 0;
    if (error instanceof DOMException && error.name === "QuotaExceededError") {
      tell({ type: "full", key });
    } else {
      const { status, waitMs } = error instanceof AnswerError ? error : { status: 0, waitMs: 0 };
      console.debug("push not fetched", key, error);
      tell({ type: "broken", key, bytes, status, waitMs });
    }
  } finally {
    file?.close();
  }
}

/** @param {string} key @returns {Promise<SyncFile>} */
async function open(key) {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  const handle = await folder.getFileHandle(key, { create: true });
  return /** @type {any} */ (handle).createSyncAccessHandle();
}

/**
 * @param {Task} task
 * @param {SyncFile} file
 */
async function download(task, file) {
  const from = file.getSize();
  const { key, bytes } = task;
  const idle = new AbortController();
  let timer = 0;
  const wait = (/** @type {number} */ ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(), ms);
  };
  try {
    const response = (await fromCache(task, from)) ?? (await fromServer(task, from, wait, idle.signal));
    // The whole file instead of the rest: what is here is of another one.
    let at = response.status === 206 ? from : 0;
    if (!at) file.truncate(0);
    let [flushed, told] = [at, 0];
    const reader = body(response).getReader();
    idle.signal.addEventListener("abort", () => void reader.cancel(idle.signal.reason).catch(() => {}));
    for (;;) {
      wait(IDLE_MS);
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > bytes) throw new Error("more came than the file has");
      at += file.write(value, { at });
      if (at - flushed >= FLUSH_BYTES) {
        file.flush();
        flushed = at;
      }
      if (performance.now() - told > TELL_MS) {
        told = performance.now();
        tell({ type: "progress", key, bytes: at });
      }
    }
    if (at < bytes) throw new Error("the line broke");
  } finally {
    clearTimeout(timer);
    file.flush();
  }
}

/**
 * The file from `from` on, from the school's cache; null where there is none, or it gives nothing:
 * then the server does. Its address names the file by its hash, so a range is always of this one.
 * @param {Task} task
 * @param {number} from
 */
async function fromCache({ cached, bytes }, from) {
  if (!cached) return null;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), CACHE_MS);
  try {
    /** @type {Record<string, string>} */
    const headers = from ? { Range: `bytes=${from}-` } : {};
    const options = { headers, credentials: /** @type {const} */ ("omit"), signal: late.signal };
    const response = await fetch(cached, { ...options, cache: "no-store" });
    // A page that some other machine shows instead has another length.
    const length = response.headers.get("Content-Length");
    const whole = response.status === 206 ? bytes - from : bytes;
    if (response.ok && (length === null || Number(length) === whole)) return response;
    console.debug("the school's cache has no push", response.status);
  } catch (error) {
    console.debug("the school's cache does not answer", error);
  } finally {
    clearTimeout(timer);
  }
  return null;
}

/**
 * @param {Task} task
 * @param {number} from
 * @param {(ms: number) => void} wait
 * @param {AbortSignal} signal
 */
async function fromServer({ url, token, sha256 }, from, wait, signal) {
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${token}` };
  if (from) Object.assign(headers, { Range: `bytes=${from}-`, "If-Range": `"${sha256}"` });
  wait(IDLE_MS);
  const response = await fetch(url, { headers, cache: "no-store", signal });
  if (!response.ok) throw new AnswerError(response);
  return response;
}

/** @param {Response} response @returns {ReadableStream<Uint8Array>} */
function body(response) {
  if (!response.body) throw new AnswerError(response);
  return response.body;
}

/** @param {SyncFile} file */
function hashOf(file) {
  const hash = new Sha256();
  const buffer = new Uint8Array(READ_BYTES);
  for (let at = 0; ; ) {
    const read = file.read(buffer, { at });
    if (!read) return hash.hex();
    hash.update(buffer.subarray(0, read));
    at += read;
  }
}

/** The server gave no file now. */
class AnswerError extends Error {
  /** @param {Response} response */
  constructor(response) {
    super(`server answered ${response.status}`);
    this.status = response.status;
    this.waitMs = Number(response.headers.get("Retry-After") ?? 0) * 1000;
  }
}
