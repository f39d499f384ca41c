// The lesson page: the evidence picture follows a running lesson, and a gap says what is known.

import { keepFresh } from "./live.js";

const part = document.getElementById("live");
if (part?.dataset.live) keepFresh(part, { selector: "#live" });

/** Distance of the tip from the gap it speaks of. */
const TIP_DISTANCE_PX = 10;

const tip = document.createElement("div");
tip.className = "gap-tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);

/** @param {EventTarget | null} target */
function gapOf(target) {
  return target instanceof Element ? target.closest(".gap") : null;
}

/** @param {Event} event */
function show(event) {
  const gap = gapOf(event.target);
  if (!gap) return hide();
  const sentence = gap.getAttribute("aria-label") ?? "";
  tip.textContent = sentence;
  tip.hidden = false;
  const place = gap.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const middle = place.left + place.width / 2 - size.width / 2;
  const left = Math.min(Math.max(middle, TIP_DISTANCE_PX), innerWidth - size.width - TIP_DISTANCE_PX);
  const above = place.top - size.height - TIP_DISTANCE_PX;
  const top = above > 0 ? above : place.bottom + TIP_DISTANCE_PX;
  // The policy forbids style attributes in the document; the style object of script is allowed.
  tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  const words = document.querySelector("[data-gap-words]");
  if (words) {
    words.textContent = sentence;
    words.classList.add("known");
  }
}

function hide() {
  tip.hidden = true;
}

document.addEventListener("pointerover", show);
document.addEventListener("focusin", show);
document.addEventListener("focusout", hide);
addEventListener("scroll", hide, { passive: true });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});
