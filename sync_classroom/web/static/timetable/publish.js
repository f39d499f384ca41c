// Publishing: what will change, read once more, and why.

import { fetchPart } from "../server.js";
import { Refusal, newKey } from "./api.js";

/**
 * @param {HTMLDialogElement} dialog
 * @param {{draft: import("./api.js").Draft, seen: () => number, url: string,
 *   failed: (error: unknown) => void, changed: () => Promise<void>}} host
 * @returns {{open: () => Promise<void>}}
 */
export function publishing(dialog, host) {
  // The same until it was published: a second press, or a press after no answer, is the same one.
  let key = newKey();

  const open = async () => {
    try {
      const html = await fetchPart(host.url);
      const parsed = new DOMParser().parseFromString(html, "text/html");
      dialog.replaceChildren(...document.adoptNode(parsed.body).childNodes);
      key = newKey();
      if (!dialog.open) dialog.showModal();
      /** @type {HTMLElement | null} */ (dialog.querySelector("[name='note']"))?.focus();
    } catch (error) {
      host.failed(error);
    }
  };

  /** @param {string} text */
  const complain = (text) => {
    const place = /** @type {HTMLElement | null} */ (dialog.querySelector("[data-publish-error]"));
    if (!place) return;
    place.textContent = text;
    place.hidden = false;
  };

  dialog.addEventListener("click", (event) => {
    if (/** @type {HTMLElement} */ (event.target).closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const note = String(new FormData(form).get("note") ?? "").trim();
    const button = /** @type {HTMLButtonElement | null} */ (form.querySelector("[data-publish-now]"));
    const seen = Number(form.dataset.seen);
    if (button) button.disabled = true;
    try {
      const version = await host.draft.publish(seen, note, key);
      location.assign(`/timetable/versions/${version.no}?done=published`);
      return;
    } catch (error) {
      if (error instanceof Refusal) {
        complain(error.sentence(document.documentElement.lang));
        if (error.problem.code === "draft_changed") {
          const said = /** @type {HTMLElement | null} */ (dialog.querySelector("[data-publish-error]"))?.textContent;
          await host.changed();
          await open();
          complain(said ?? "");
        }
      } else {
        dialog.close();
        host.failed(error);
      }
    }
    if (button) button.disabled = false;
  });
  return { open };
}
