// Speaks to the server and never touches the page: fetching a part of a page, hearing of changes.

/** How long a fetch may take before the page says that it failed. */
const PATIENCE_MS = 15_000;
/** Changes that arrive together are one reason to look again. */
const SETTLE_MS = 250;
/** The browser reconnects an event stream by itself, except after an answer that is not one. */
const RECONNECT_MS = 5_000;

/** The server sends a page's part to nobody but who is signed in; it sends others to its door. */
export class SignedOutError extends Error {}

/**
 * Fetch the HTML of a part of a page.
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>} rejects with a SignedOutError when the session has ended, with an
 *   Error when the server does not give the part
 */
export async function fetchPart(url, signal) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(url, {
    credentials: "same-origin",
    headers: { Accept: "text/html" },
    redirect: "manual",
    signal: signal ? AbortSignal.any([signal, patience]) : patience,
  });
  if (response.type === "opaqueredirect") throw new SignedOutError(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.text();
}

/**
 * Hear of changes on the server. `changed` is called once for a burst of them, and once whenever
 * the connection is (re)made, because anything may have happened in between.
 * @param {string} url
 * @param {{changed: () => void, connected: (on: boolean) => void}} listener
 * @param {string[]} [kinds] the changes to hear of
 * @returns {() => void} stop
 */
export function listen(url, listener, kinds = ["lesson", "plan", "terminal", "report", "resync"]) {
  /** @type {EventSource | null} */
  let source = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let settling;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retry;
  let first = true;

  const soon = () => {
    clearTimeout(settling);
    settling = setTimeout(listener.changed, SETTLE_MS);
  };
  const open = () => {
    source = new EventSource(url);
    source.onopen = () => {
      listener.connected(true);
      if (!first) soon();
      first = false;
    };
    source.onerror = () => {
      listener.connected(false);
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(open, RECONNECT_MS);
    };
    source.onmessage = soon;
    for (const name of kinds) {
      source.addEventListener(name, soon);
    }
  };
  open();
  return () => {
    clearTimeout(settling);
    clearTimeout(retry);
    source?.close();
  };
}
