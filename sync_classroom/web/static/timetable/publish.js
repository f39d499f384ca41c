// Publishing: what will change, read once more, and why.

import { fetchPart } from "../server.js";
import { Refusal, newKey } from "./api.js";

/**
 * @param {HTMLDialogElement} dialog
 * @param {{draft: import("./api.js").Draft, seen: () => number, url: string,
 *   failed: (error: unknown) => void, changed: () => Promise<void>, drop: () => Promise<void>}} host
 *   `drop` takes out of the draft what has come too late
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

  /** What has come too late is taken out of the draft; then one reads again what is left. */
  const dropLate = async (/** @type {HTMLButtonElement} */ button) => {
    button.disabled = true;
    try {
      await host.drop();
      await open();
    } catch (error) {
      button.disabled = false;
      if (error instanceof Refusal) {
        const said = error.sentence(document.documentElement.lang);
        await host.changed();
        await open();
        complain(said);
      } else {
        dialog.close();
        host.failed(error);
      }
    }
  };

  dialog.addEventListener("click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("[data-close]")) dialog.close();
    const late = /** @type {HTMLButtonElement | null} */ (target.closest("[data-drop-late]"));
    if (late) void dropLate(late);
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
        // Whatever it was about stands in the dialog when that is read again.
        if (["draft_changed", "draft_overtaken"].includes(error.problem.code)) {
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
