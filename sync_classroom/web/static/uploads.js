// Sends a file piece by piece (tus 1.0.0) and goes on where a broken line left it. No page here.

/** Where uploads are announced. */
const UPLOADS = "/api/library/uploads";
/** Sent at once: a line of 2 Mbit/s takes half a minute, and a break costs no more than that. */
const PIECE_BYTES = 8 * 1024 * 1024;
/** Between two tries over a line that broke, ms; the last one repeats. */
const AGAIN_MS = [1_000, 2_000, 5_000, 10_000, 30_000];
/** Nobody waits longer than this many tries for a server that does not come back: an hour. */
const MOST_TRIES = 120;
/** Remembered uploads, so that a file chosen again goes on where it was. */
const MEMORY = "sync-classroom/uploads";
const MOST_REMEMBERED = 20;
const VERSION = { "Tus-Resumable": "1.0.0" };

/** The server's refusal, in both languages. */
export class RefusedError extends Error {
  /** @param {number} status @param {{code?: string, zh?: string, en?: string}} body */
  constructor(status, body) {
    super(body.code ?? String(status));
    this.status = status;
    this.zh = body.zh ?? "";
    this.en = body.en ?? "";
  }

  /** What the server said, in the page's language; empty if nothing. */
  get said() {
    return document.documentElement.lang === "en" ? this.en : this.zh;
  }
}

/**
 * Shows how far an upload is.
 * @param {HTMLProgressElement} bar @param {HTMLElement} text @param {DOMStringMap} words
 * @returns {Pick<Listener, "sent" | "waiting">}
 */
export function shownBy(bar, text, words) {
  return {
    sent: (share) => {
      bar.value = share;
      text.textContent = `${words.sending} ${Math.floor(100 * share)} %`;
    },
    waiting: () => (text.textContent = words.waiting ?? ""),
  };
}

/**
 * @typedef {object} Listener
 * @property {(share: number) => void} sent
 * @property {() => void} waiting the line broke; it is tried again
 * @property {AbortSignal} signal
 * @property {string} [token] a classroom's; without it the signed-in person's cookie counts
 */

/** @param {{token?: string}} who @returns {Record<string, string>} */
function authority({ token }) {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}

/** @param {File} file */
function fingerprint(file) {
  return `${file.name}/${file.size}/${file.lastModified}`;
}

/** @returns {Record<string, string>} addresses by fingerprint */
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(MEMORY) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {File} file @param {string | null} address null: forget it */
function remember(file, address) {
  const known = Object.entries(remembered()).filter(([name]) => name !== fingerprint(file));
  if (address) known.push([fingerprint(file), address]);
  try {
    localStorage.setItem(MEMORY, JSON.stringify(Object.fromEntries(known.slice(-MOST_REMEMBERED))));
  } catch {
    // Without memory an upload cannot be resumed after a reload; it goes on all the same.
  }
}

/** @param {Response} response */
async function refusal(response) {
  return new RefusedError(response.status, await response.json().catch(() => ({})));
}

/** @param {File} file @param {Listener} listener @returns {Promise<string>} */
async function announce(file, { signal, token }) {
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
  const response = await fetch(UPLOADS, {
    method: "POST",
    headers: { ...VERSION, ...authority({ token }), "Upload-Length": String(file.size), "Upload-Metadata": `filename ${name}` },
    signal,
  });
  if (response.status !== 201) throw await refusal(response);
  return response.headers.get("Location") ?? "";
}

/** @param {string} address @param {Listener} listener @returns {Promise<number | null>} null: gone */
async function offsetOf(address, { signal, token }) {
  const response = await fetch(address, { method: "HEAD", headers: { ...VERSION, ...authority({ token }) }, signal });
  if (response.status === 404) return null;
  if (!response.ok) throw await refusal(response);
  return Number(response.headers.get("Upload-Offset"));
}

/**
 * One piece; XMLHttpRequest, because fetch does not tell how much has been sent.
 * @param {string} address
 * @param {File} file
 * @param {number} offset
 * @param {Listener} listener
 * @returns {Promise<number>} the next offset
 */
function sendPiece(address, file, offset, { sent, signal, token }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("PATCH", address);
    const headers = { ...VERSION, ...authority({ token }) };
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.setRequestHeader("Upload-Offset", String(offset));
    request.responseType = "json";
    request.upload.onprogress = (event) => sent((offset + event.loaded) / file.size);
    request.onload = () => {
      if (request.status === 204) resolve(Number(request.getResponseHeader("Upload-Offset")));
      else reject(new RefusedError(request.status, request.response ?? {}));
    };
    request.onerror = () => reject(new TypeError("unreachable"));
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop);
    request.send(file.slice(offset, offset + PIECE_BYTES));
  });
}

/** A broken line, a server that starts anew or is busy with us; not a refusal. @param {unknown} error */
function passes(error) {
  if (error instanceof RefusedError) return [408, 409, 502, 503, 504].includes(error.status);
  return error instanceof TypeError;
}

/**
 * Send a whole file, however often the line breaks.
 * @param {File} file
 * @param {Listener} listener
 * @returns {Promise<string>} the upload's id; rejects with a RefusedError, the signal's reason, or a
 *   TypeError when the server stayed away
 */
export async function upload(file, listener) {
  let address = remembered()[fingerprint(file)] ?? null;
  let tries = 0;
  for (;;) {
    try {
      let offset = address ? await offsetOf(address, listener) : null;
      if (address === null || offset === null) {
        address = await announce(file, listener);
        remember(file, address);
        offset = 0;
      }
      listener.sent(offset / file.size);
      while (offset < file.size) {
        offset = await sendPiece(address, file, offset, listener);
        tries = 0;
      }
      return address.slice(UPLOADS.length + 1);
    } catch (error) {
      if (!passes(error) || tries >= MOST_TRIES) throw error;
      listener.waiting();
      await pause(AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)] ?? 0, listener.signal);
      tries += 1;
    }
  }
}

/** Forget an upload here and on the server. @param {File} file */
export async function forget(file) {
  const address = remembered()[fingerprint(file)];
  remember(file, null);
  if (address) await fetch(address, { method: "DELETE", headers: VERSION }).catch(() => undefined);
}

/**
 * Have a finished upload taken in; asked again with the same key until it is checked.
 * @param {File} file
 * @param {string} path where: `/api/library`, or a lesson's documents
 * @param {object} wanted the body of the request
 * @param {string} key
 * @param {{signal: AbortSignal, token?: string}} listener
 * @returns {Promise<{id: string}>}
 */
export async function takeIn(file, path, wanted, key, { signal, token }) {
  for (let tries = 0; ; tries += 1) {
    try {
      const response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key, ...authority({ token }) },
        body: JSON.stringify(wanted),
        signal,
      });
      if (response.status === 201) {
        remember(file, null);
        return await response.json();
      }
      if (response.status !== 202) throw await refusal(response);
    } catch (error) {
      if (!(error instanceof TypeError) || tries >= MOST_TRIES) throw error;
      await pause(AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)] ?? 0, signal);
    }
  }
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
