// A part of the page that shows live things: fetched again when the server says something changed.

import { SignedOutError, fetchPart, listen } from "./server.js";
import { markCurrent } from "./rows.js";

/** A part that arrives sooner shows nothing; later, it says that it is being read. */
const SLOW_MS = 300;
/** Durations on the page move on even when nothing changes. */
const REFRESH_MS = 30_000;

/**
 * @param {HTMLElement} part an element with `data-live` (address), `data-failed`, `data-retry`
 * @param {{selector?: string, note?: HTMLElement | null}} [options] `selector`: take only this
 *   element out of the answer; `note`: says whether live changes arrive
 */
export function keepFresh(part, { selector, note = null } = {}) {
  const url = part.dataset.live ?? "";
  /** @type {AbortController | null} */
  let running = null;

  const refresh = async () => {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const slow = setTimeout(() => {
      part.classList.add("busy");
      part.setAttribute("aria-busy", "true");
    }, SLOW_MS);
    try {
      const html = await fetchPart(url, mine.signal);
      swap(part, html, selector);
    } catch (error) {
      // Loading the page again shows the door, and afterwards this page.
      if (error instanceof SignedOutError) location.reload();
      else if (!mine.signal.aborted) showFailure(part, refresh);
    } finally {
      clearTimeout(slow);
      part.classList.remove("busy");
      part.removeAttribute("aria-busy");
    }
  };

  listen("/api/events", {
    changed: refresh,
    connected: (on) => {
      if (!note) return;
      note.textContent = (on ? note.dataset.on : note.dataset.off) ?? "";
      note.classList.toggle("off", !on);
    },
  });
  setInterval(() => {
    if (document.visibilityState === "visible") void refresh();
  }, REFRESH_MS);
}

/**
 * Replace the content, leaving focus, open details and the scroll position where they were.
 * @param {HTMLElement} part
 * @param {string} html
 * @param {string | undefined} selector
 */
function swap(part, html, selector) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const fresh = /** @type {HTMLElement | null} */ (
    selector ? parsed.querySelector(selector) : parsed.body
  );
  if (!fresh || fresh.innerHTML === part.innerHTML) return;
  // What surrounds the part says the state too, and may offer other actions now.
  if (fresh.dataset.state !== undefined && fresh.dataset.state !== part.dataset.state) {
    location.reload();
    return;
  }
  const links = [...part.querySelectorAll("a[href], [tabindex='0'], button")];
  const focused = links.indexOf(/** @type {Element} */ (document.activeElement));
  part.replaceChildren(...document.adoptNode(fresh).childNodes);
  for (const table of part.querySelectorAll("[data-rows]")) markCurrent(table);
  if (focused >= 0) {
    const now = [...part.querySelectorAll("a[href], [tabindex='0'], button")];
    /** @type {HTMLElement | undefined} */ (now[focused])?.focus({ preventScroll: true });
  }
}

/**
 * @param {HTMLElement} part
 * @param {() => void} retry
 */
function showFailure(part, retry) {
  const messages = document.getElementById("messages");
  if (!messages || messages.querySelector("[data-live-failure]")) return;
  const notice = document.createElement("div");
  notice.className = "notice bad";
  notice.dataset.liveFailure = "";
  const words = document.createElement("p");
  words.textContent = part.dataset.failed ?? "";
  const button = document.createElement("button");
  button.className = "link-button";
  button.type = "button";
  button.textContent = part.dataset.retry ?? "";
  button.addEventListener("click", () => {
    notice.remove();
    retry();
  });
  words.append(" ", button);
  notice.append(words);
  messages.append(notice);
}
