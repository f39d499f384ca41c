/** What every screen shares: the head line, banners, and the values a view is drawn from. */

import { attr, enable, h, keyed, show, text } from "../dom.js";
import { civil, weekOf } from "../state.js";

/**
 * @typedef {object} Frame everything a view is drawn from, for one moment
 * @property {(key: string, params?: Record<string, string | number>) => string} t
 * @property {import("../types.js").Language} language
 * @property {number} now ms, server's clock
 * @property {string} zone
 * @property {import("../state.js").Inputs} inputs
 * @property {import("../types.js").Lesson | null} lesson
 * @property {import("../types.js").Live | undefined} live
 * @property {import("../types.js").Place | null} school
 * @property {import("../types.js").Place | null} classroom
 * @property {{week1_monday: string} | null} term
 * @property {import("../types.js").CheckResult} check
 * @property {MediaDeviceInfo[]} devices
 * @property {{camera: string | null, microphone: string | null}} chosen
 * @property {import("../lesson_media.js").LessonMedia | null} media
 * @property {(ReturnType<typeof import("../state.js").lineOf> & {path: import("../types.js").PathKind}) | null} line
 * @property {import("../inbox.js").Inbox} inbox what was pushed to this room
 * @property {{since: number, armedAt: number | null}} host
 * @property {boolean | null} handWish
 * @property {number | null} presentWish
 * @property {(question: import("../types.js").Question) => number[]} answer what this room counts
 * @property {import("../ink.js").InkBoard} ink
 * @property {import("../missed.js").Missed} missed
 * @property {ReturnType<import("../deck.js").Deck["shown"]>} page of a document, in the lesson
 * @property {import("../pages.js").Pages} pages their pictures
 * @property {import("../presenting.js").Presenting["given"]} given
 * @property {Banner[]} banners
 * @property {{call: import("../types.js").Help | null, sending: boolean}} help
 * @property {{key: string, params: Record<string, string | number>} | null} enrolProblem
 * @property {boolean} enrolBusy
 *
 * @typedef {object} Banner
 * @property {string} id
 * @property {"info" | "warn" | "bad"} tone
 * @property {string} text lines are kept apart
 * @property {"whole" | "small"} [size]
 * @property {string} [action] label
 * @property {() => void} [press]
 * @property {() => void} [dismiss]
 */

/** Longer names of a school and its room are written smaller, so that the lesson keeps its place. */
const LONG_PLACE = 36;

/** Room and clock, over every screen but enrolment. */
export class Head {
  /** @param {() => void} otherLanguage @param {import("./help.js").HelpCall} help */
  constructor(otherLanguage, help) {
    this.place = h("h1", { class: "place" });
    this.date = h("span", { class: "date" });
    this.time = h("time", { class: "time" });
    this.language = h("button", { type: "button", class: "quiet language", onclick: otherLanguage });
    this.root = h(
      "header",
      { class: "head" },
      this.place,
      h("div", { class: "when" }, help.state, help.opener, this.date, this.time, this.language),
    );
  }

  /** @param {Frame} frame */
  update({ t, now, zone, school, classroom, term }) {
    const { month, day, weekday, seconds } = civil(now, zone);
    const place = [school?.name, classroom?.name].filter(Boolean).join(" · ");
    text(this.place, place || t("app.title"));
    attr(this.place, "data-long", place.length > LONG_PLACE ? "" : null);
    const date = t("lobby.date", { month: t(`month.${month}`), day, weekday: t(`weekday.${weekday}`) });
    const week = weekOf(now, zone, term);
    text(this.date, week === null ? date : `${date} ${t("lobby.week", { week })}`);
    text(this.time, seconds);
    text(this.language, t("language.other"));
    attr(this.language, "aria-label", t("language.label"));
  }
}

/** The one place for messages; the newest at the top, polite to screen readers. */
export class Banners {
  constructor() {
    this.root = h("div", { class: "banners", role: "status", "aria-live": "polite" });
    /** @type {Map<string, Banner>} */
    this.shown = new Map();
  }

  /** @param {Frame} frame */
  update({ banners, t }) {
    this.shown = new Map(banners.map((b) => [b.id, b]));
    keyed(
      this.root,
      banners,
      (b) => b.id,
      (b) => this.make(b.id),
      (node, b) => this.draw(node, b, t),
    );
    show(this.root, banners.length > 0);
  }

  /** @param {string} id */
  make(id) {
    return h(
      "div",
      { class: "banner" },
      h("p"),
      h("button", { type: "button", class: "act", onclick: () => this.shown.get(id)?.press?.() }),
      h("button", { type: "button", class: "act", onclick: () => this.shown.get(id)?.dismiss?.() }),
    );
  }

  /** @param {HTMLElement} node @param {Banner} banner @param {Frame["t"]} t */
  draw(node, banner, t) {
    attr(node, "data-tone", banner.tone);
    attr(node, "data-banner", banner.id);
    attr(node, "data-size", banner.size ?? null);
    const [words, press, dismiss] = /** @type {HTMLElement[]} */ ([...node.children]);
    if (!words || !press || !dismiss) return;
    text(words, banner.text);
    text(press, banner.action ?? "");
    show(press, banner.press !== undefined);
    text(dismiss, t("banner.dismiss"));
    show(dismiss, banner.dismiss !== undefined);
  }
}

/** Another window has this classroom. */
export class Replaced {
  /** @param {() => void} take */
  constructor(take) {
    this.title = h("h2");
    this.lead = h("p");
    this.button = h("button", { type: "button", class: "main", id: "take-back", onclick: take });
    this.root = h("main", { class: "replaced" }, this.title, this.lead, this.button);
  }

  /** @param {Frame} frame */
  update({ t }) {
    text(this.title, t("replaced.title"));
    text(this.lead, t("replaced.lead"));
    text(this.button, t("replaced.take"));
  }
}

/** Enrolment: one field, one button, one sentence when something is wrong. */
export class Enrol {
  /** @param {(code: string) => void} submit @param {() => void} otherLanguage */
  constructor(submit, otherLanguage) {
    this.language = h("button", { type: "button", class: "quiet tongue", onclick: otherLanguage });
    this.title = h("h1");
    this.lead = h("p", { class: "lead" });
    this.label = h("label", { for: "code" });
    this.input = h("input", {
      id: "code",
      type: "text",
      autocomplete: "off",
      autocapitalize: "characters",
      spellcheck: false,
      maxLength: 32,
      "aria-describedby": "enrol-problem",
    });
    this.problem = h("p", { id: "enrol-problem", class: "problem", role: "alert" });
    this.button = h("button", { type: "submit", class: "main" });
    this.root = h(
      "main",
      { class: "enrol" },
      this.language,
      this.title,
      this.lead,
      h(
        "form",
        {
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            submit(this.input.value);
          },
        },
        this.label,
        this.input,
        this.button,
      ),
      this.problem,
    );
  }

  /** @param {Frame} frame */
  update({ t, enrolProblem, enrolBusy }) {
    text(this.language, t("language.other"));
    attr(this.language, "aria-label", t("language.label"));
    text(this.title, t("enrol.title"));
    text(this.lead, t("enrol.lead"));
    text(this.label, t("enrol.code"));
    text(this.button, t(enrolBusy ? "enrol.busy" : "enrol.submit"));
    enable(this.button, !enrolBusy);
    const insecure = globalThis.isSecureContext ? null : t("enrol.insecure");
    text(this.problem, enrolProblem ? t(enrolProblem.key, enrolProblem.params) : (insecure ?? ""));
    attr(this.input, "aria-invalid", enrolProblem ? "true" : null);
  }
}
