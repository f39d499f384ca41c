// The timetable page: who edits gets the desk, who reads the grid; both by keyboard.

import { SignedOutError, listen } from "../server.js";
import { moveFocus, openToTab } from "./cells.js";
import { Office } from "./desk.js";
import { narrow } from "./picker.js";
import { prove, renew } from "./renew.js";

const page = /** @type {HTMLElement | null} */ (document.querySelector("[data-timetable]"));

/** Whoever only reads: focus by keyboard, the picker, and no more. @param {HTMLElement} root */
function reading(root) {
  openToTab(root);
  root.addEventListener("keydown", (event) => {
    const from = /** @type {HTMLElement} */ (event.target);
    const grid = from.closest("[data-grid]");
    if (grid && !event.altKey && !event.ctrlKey && !event.metaKey && moveFocus(grid, from, event.key)) {
      event.preventDefault();
    }
  });
  // What cannot be fetched now is fetched with the next change; what is shown stays true until then.
  const changed = () =>
    void renew(root, ["tt-grid"]).catch((error) => {
      // Loading the page again shows the door, and afterwards this page.
      if (error instanceof SignedOutError) location.reload();
    });
  listen("/api/events", { changed, connected: () => {} }, ["plan", "lesson", "resync"]);
}

/** A mark of an overview says in full what it is when somebody points at it. @param {Event} event */
function describe(event) {
  const mark = /** @type {HTMLElement | null} */ (
    /** @type {Element} */ (event.target).closest?.("[aria-describedby^='d-']") ?? null
  );
  if (!mark || mark.title) return;
  mark.title = document.getElementById(mark.getAttribute("aria-describedby") ?? "")?.textContent ?? "";
}

const picker = /** @type {HTMLDetailsElement | null} */ (document.querySelector("[data-picker]"));
if (picker) narrow(picker);
page?.addEventListener("pointerover", describe);
if (page) void prove(page);
if (page && "editing" in page.dataset) new Office(page).start();
else if (page) reading(page);
