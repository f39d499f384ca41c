/** Asks a room how many pupils it has, large and once; the small counter of the bar corrects it. */

import { attr, h, show, text } from "../dom.js";
import { PUPILS_MAX, headcountDue } from "../interaction.js";
import { seatOf } from "../state.js";

/** @typedef {import("./frame.js").Frame} Frame */

export class HeadcountAsked {
  /** @param {(present: number) => void} say */
  constructor(say) {
    /** @type {number | null} */
    this.expected = null;
    this.title = h("h2", { class: "words" });
    this.lead = h("p", { class: "hint" });
    this.label = h("label", { for: "headcount-asked" });
    this.field = h("input", { type: "number", id: "headcount-asked", min: "0", max: String(PUPILS_MAX), required: true, inputMode: "numeric" });
    this.put = h("button", { type: "submit", id: "headcount-put" });
    this.all = h("button", {
      type: "button",
      id: "headcount-all",
      onclick: () => this.expected !== null && say(this.expected),
    });
    this.form = h(
      "form",
      {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          say(Math.round(Number(this.field.value)));
        },
      },
      this.all,
      this.label,
      this.field,
      this.put,
    );
    this.root = h("section", { class: "question headcount-asked", id: "headcount-due", role: "region" }, this.title, this.lead, this.form);
  }

  /** @param {Frame} frame @param {ReturnType<typeof seatOf>} seat @param {boolean} free nothing else is asked */
  update({ t, live, now, presentWish }, seat, free) {
    this.expected = seat.expected;
    const due = free && headcountDue(live, now) && (presentWish ?? seat.present) === null;
    show(this.root, due);
    if (!due) return;
    text(this.title, t("headcount.title"));
    attr(this.root, "aria-label", t("headcount.title"));
    text(this.lead, t("headcount.lead"));
    text(this.label, t("headcount.label"));
    text(this.put, t("headcount.put"));
    text(this.all, t("headcount.all", { expected: seat.expected ?? "" }));
    show(this.all, seat.expected !== null);
  }
}
