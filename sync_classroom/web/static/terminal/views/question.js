/** The quick question: the teacher puts it and ends it, rooms count their pupils, all see the result. */

import { attr, enable, h, keyed, show, text } from "../dom.js";
import { LETTERS, OPTIONS_MIN, PUPILS_MAX, resultOf } from "../interaction.js";
import { seatOf } from "../state.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("../types.js").Question} Question */

/** Options a new question begins with. */
const OPTIONS_USUAL = 4;

/** The result as bars, the same for teacher and rooms. */
class Result {
  constructor() {
    this.bars = h("ol", { class: "bars" });
    this.root = h("div", { class: "result" }, this.bars);
  }

  /** @param {Question} question @param {ReturnType<typeof resultOf>} result @param {Frame["t"]} t */
  update(question, result, t) {
    const most = Math.max(1, ...result.counts);
    keyed(
      this.bars,
      question.options.map((option, place) => ({ option, place })),
      ({ place }) => String(place),
      () => h("li", {}, h("b"), h("span", { class: "name" }), h("meter", { min: 0, "aria-hidden": "true" }), h("output")),
      (node, { option, place }) => {
        const [letter, name, bar, count] = [...node.children];
        if (!letter || !name || !(bar instanceof HTMLMeterElement) || !count) return;
        const pupils = result.counts[place] ?? 0;
        const share = result.pupils > 0 ? Math.round((100 * pupils) / result.pupils) : 0;
        text(letter, LETTERS[place] ?? "");
        text(name, option);
        if (bar.max !== most) bar.max = most;
        if (bar.value !== pupils) bar.value = pupils;
        text(count, t("question.count", { count: pupils, share }));
      },
    );
  }
}

/**
 * @typedef {object} HostQuestionActions
 * @property {(text: string, options: string[]) => void} ask
 * @property {(question: number, shown: boolean) => void} close
 */

/** On the teacher's panel: put, watch, end, put away. */
export class HostQuestion {
  /** @param {HostQuestionActions} actions */
  constructor(actions) {
    this.writing = false;
    this.options = OPTIONS_USUAL;
    this.title = h("h2");
    this.text = h("input", { type: "text", id: "question-text", maxLength: 200, autocomplete: "off" });
    this.textLabel = h("label", { for: "question-text" });
    this.fields = LETTERS.map((letter, place) => h("input", { type: "text", id: `option-${letter}`, maxLength: 60, autocomplete: "off", "data-place": place }));
    this.rows = this.fields.map((field, place) =>
      h("li", {}, h("label", { for: field.id }, LETTERS[place] ?? ""), field),
    );
    this.fewer = h("button", { type: "button", id: "fewer-options", onclick: () => this.resize(-1) });
    this.more = h("button", { type: "button", id: "more-options", onclick: () => this.resize(1) });
    this.put = h("button", { type: "submit", id: "ask", class: "act" });
    this.cancel = h("button", { type: "button", id: "ask-cancel", onclick: () => this.write(false) });
    this.form = h(
      "form",
      {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          const options = this.fields.slice(0, this.options).map((field) => field.value.trim());
          actions.ask(this.text.value.trim(), options);
          for (const field of [this.text, ...this.fields]) field.value = "";
          this.write(false);
        },
      },
      this.textLabel,
      this.text,
      h("ol", {}, ...this.rows),
      h("div", { class: "row" }, this.fewer, this.more, this.cancel, this.put),
    );
    this.words = h("p", { class: "words" });
    this.answered = h("p", { class: "hint" });
    this.result = new Result();
    this.end = h("button", { type: "button", id: "question-end", class: "act" });
    this.away = h("button", { type: "button", id: "question-away" });
    this.asked = h("div", { class: "asked" }, this.words, this.result.root, this.answered, h("div", { class: "row" }, this.end, this.away));
    this.root = h("section", { class: "question", id: "question" }, this.title, this.form, this.asked);
    /** @type {Question | null} */
    this.question = null;
    this.end.addEventListener("click", () => this.question && actions.close(this.question.number, true));
    this.away.addEventListener("click", () => this.question && actions.close(this.question.number, false));
  }

  /** @param {boolean} writing */
  write(writing) {
    this.writing = writing;
    if (!writing) return;
    show(this.root, true);
    show(this.form, true);
    this.text.focus();
  }

  /** @param {number} by */
  resize(by) {
    this.options = Math.min(LETTERS.length, Math.max(OPTIONS_MIN, this.options + by));
  }

  /** @param {Frame} frame @param {boolean} live */
  update({ t, lesson, live: told }, live) {
    const question = told?.question ?? null;
    this.question = question;
    const running = question !== null && (question.closed_at === null || question.shown);
    this.writing &&= live;
    show(this.root, live && (this.writing || running));
    show(this.form, this.writing);
    show(this.asked, running && !this.writing);
    text(this.title, t("question.title"));
    text(this.textLabel, t("question.text"));
    this.rows.forEach((row, place) => show(row, place < this.options));
    for (const field of this.fields) attr(field, "placeholder", t("question.option_hint"));
    text(this.fewer, t("question.fewer"));
    text(this.more, t("question.more"));
    enable(this.fewer, this.options > OPTIONS_MIN);
    enable(this.more, this.options < LETTERS.length);
    text(this.put, t("question.put"));
    text(this.cancel, t("question.cancel"));
    if (!question || !running) return;
    const result = resultOf(question, lesson?.seats?.length ?? 0);
    text(this.words, question.text);
    show(this.words, question.text !== "");
    this.result.update(question, result, t);
    text(this.answered, t("question.answered", { rooms: result.rooms, seats: result.seats, pupils: result.pupils }));
    text(this.end, t("question.end"));
    show(this.end, result.open);
    text(this.away, t("question.away"));
    show(this.away, !result.open);
  }
}

/** In a room: a counter for each option while it is open, then the result of all rooms. */
export class RoomQuestion {
  /** @param {(place: number, count: number) => void} count */
  constructor(count) {
    this.count = count;
    this.title = h("h2");
    this.words = h("p", { class: "words" });
    this.lead = h("p", { class: "hint" });
    this.counters = h("ol", { class: "counters" });
    this.result = new Result();
    this.sum = h("p", { class: "hint", role: "status" });
    this.root = h(
      "section",
      { class: "question", id: "question", role: "region" },
      this.title,
      this.words,
      this.lead,
      this.counters,
      this.result.root,
      this.sum,
    );
    /** @type {number[]} */
    this.counts = [];
  }

  /** @param {number} place @param {number} by */
  step(place, by) {
    this.count(place, (this.counts[place] ?? 0) + by);
  }

  /** @param {Frame} frame @param {ReturnType<typeof seatOf>} seat @param {boolean} live */
  update({ t, live: told, answer }, seat, live) {
    const question = told?.question ?? null;
    const open = question !== null && question.closed_at === null;
    show(this.root, live && question !== null && (open || question.shown));
    if (!question) return;
    text(this.title, t(open ? "question.title" : "question.result"));
    attr(this.root, "aria-label", t("question.title"));
    text(this.words, question.text);
    show(this.words, question.text !== "");
    text(this.lead, t("question.lead"));
    show(this.lead, open);
    show(this.counters, open);
    show(this.result.root, !open);
    this.counts = answer(question);
    if (open) this.drawCounters(question, t);
    const result = resultOf(question, 0);
    if (!open) this.result.update(question, result, t);
    const mine = this.counts.reduce((sum, n) => sum + n, 0);
    const key = open ? "question.mine" : "question.all";
    text(this.sum, t(key, { pupils: open ? mine : result.pupils, rooms: result.rooms, present: seat.present ?? "–" }));
  }

  /** @param {Question} question @param {Frame["t"]} t */
  drawCounters(question, t) {
    keyed(
      this.counters,
      question.options.map((option, place) => ({ option, place })),
      ({ place }) => `${question.number}-${place}`,
      ({ place }) => this.makeCounter(place),
      (node, { option, place }) => {
        const [choose, fewer, field, more] = [...node.children];
        if (!(choose instanceof HTMLElement) || !fewer || !(field instanceof HTMLInputElement) || !more) return;
        const letter = LETTERS[place] ?? "";
        text(choose, option ? `${letter}  ${option}` : letter);
        const value = String(this.counts[place] ?? 0);
        // What is being typed is not overwritten; it is counted when the field is left.
        if (document.activeElement !== field && field.value !== value) field.value = value;
        attr(field, "aria-label", t("question.pupils", { letter }));
        attr(fewer, "aria-label", t("question.one_fewer", { letter }));
        attr(more, "aria-label", t("question.one_more", { letter }));
      },
    );
  }

  /** @param {number} place */
  makeCounter(place) {
    const field = h("input", { type: "number", min: "0", max: String(PUPILS_MAX), inputMode: "numeric" });
    field.addEventListener("change", () => {
      this.count(place, Number(field.value));
      field.blur();
    });
    return h(
      "li",
      { "data-option": LETTERS[place] ?? "" },
      h("button", { type: "button", class: "choose", onclick: () => this.step(place, 1) }),
      h("button", { type: "button", onclick: () => this.step(place, -1) }, "−"),
      field,
      h("button", { type: "button", onclick: () => this.step(place, 1) }, "+"),
    );
  }
}
