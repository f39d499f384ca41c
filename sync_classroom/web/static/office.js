// What every office page does: keyboard rows, filters that apply at once, questions before harm.

import { moveByKeyboard } from "./rows.js";

/** A filter chosen from a list or calendar applies without pressing the button. */
function applyFiltersAtOnce() {
  for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
    form.addEventListener("change", () => /** @type {HTMLFormElement} */ (form).requestSubmit());
    const button = form.querySelector("button");
    if (button) button.hidden = true;
  }
}

/** Ask before something that cannot be taken back. */
function askFirst() {
  document.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    const question = form.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });
}

/** A page that came back with complaints begins at the first of them. */
function goToFirstComplaint() {
  const wrong = /** @type {HTMLElement | null} */ (document.querySelector("[aria-invalid='true']"));
  if (!wrong) return;
  const target = wrong.matches("fieldset") ? wrong.querySelector("input") : wrong;
  /** @type {HTMLElement | null} */ (target)?.focus();
}

/** Printing needs script, so its button appears only with script. */
function offerPrinting() {
  for (const button of document.querySelectorAll("[data-print]")) {
    /** @type {HTMLElement} */ (button).hidden = false;
    button.addEventListener("click", () => print());
  }
}

/** A formula card closes on Escape and when another opens. */
function oneCardAtATime() {
  const cards = /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll("details.about"));
  for (const card of cards) {
    card.addEventListener("toggle", () => {
      if (card.open) cards.forEach((other) => (other.open = other === card));
    });
    card.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !card.open) return;
      card.open = false;
      card.querySelector("summary")?.focus();
    });
  }
}

/** The name of a chosen file stands beside its button, which is ours and in our language. */
function nameChosenFiles() {
  document.addEventListener("change", (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    const name = input.type === "file" && input.parentElement?.querySelector("[data-none]");
    if (name instanceof HTMLElement) name.textContent = input.files?.[0]?.name ?? name.dataset.none ?? "";
  });
}

moveByKeyboard(document);
nameChosenFiles();
applyFiltersAtOnce();
askFirst();
goToFirstComplaint();
offerPrinting();
oneCardAtATime();
