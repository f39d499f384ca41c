// The day's list follows what happens.

import { keepFresh } from "./live.js";

const part = document.getElementById("live");
if (part) keepFresh(part, { note: document.querySelector("[data-live-note]") });
