// The day's list follows what happens.

import { keepFresh } from "./live.js";

const part = document.getElementById("live");
if (part) {
  const note = /** @type {HTMLElement | null} */ (document.querySelector("[data-live-note]"));
  keepFresh(part, { note });
}
