// The board follows what happens; an enrolment code counts down.

import { keepFresh } from "./live.js";

const part = document.getElementById("live");
if (part) keepFresh(part);

/** @param {HTMLElement} card */
function countDown(card) {
  const counter = card.querySelector("[data-count]");
  if (!counter) return;
  // A monotonic clock: the computer's own clock may be wrong, and may be set while we count.
  const ends = performance.now() + Number(card.dataset.left) * 1000;
  const timer = setInterval(() => {
    const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
    counter.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0) return;
    clearInterval(timer);
    card.classList.add("expired");
    counter.textContent = card.dataset.expired ?? "";
  }, 250);
}

const card = /** @type {HTMLElement | null} */ (document.querySelector("[data-code]"));
if (card) countDown(card);
