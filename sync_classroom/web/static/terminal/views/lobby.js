/** Before and after lessons: what comes next, today, and whether everything works. */

import { waysText } from "../check.js";
import { attr, enable, h, keyed, show, text } from "../dom.js";
import {
  LEAD_MS,
  changeKey,
  civil,
  clockText,
  lobbyButton,
  nextLesson,
  phaseOf,
} from "../state.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("../types.js").Lesson} Lesson */
/** @typedef {import("../types.js").CheckItem} CheckItem */

/** A state never stands on colour alone. @type {Record<string, string>} */
const SHAPES = {
  planned: "○",
  open: "▷",
  live: "●",
  ended: "✔",
  missed: "✕",
  cancelled: "—",
};
/** @type {Record<string, string>} */
const CHECK_SHAPES = { ok: "✔", failed: "✕", unknown: "!" };
const ITEMS = /** @type {const} */ (["camera", "microphone", "speaker", "line", "clock"]);

/** A title of more letters is written smaller. */
const LONG_TITLE = 40;

/**
 * @typedef {object} LobbyActions
 * @property {(lesson: Lesson) => void} start
 * @property {() => void} check
 * @property {() => void} tone
 * @property {() => void} inbox
 * @property {(heard: boolean) => void} heard
 * @property {(kind: "camera" | "microphone", id: string | null) => void} choose
 */

export class Lobby {
  /** @param {LobbyActions} actions */
  constructor(actions) {
    this.next = new Next(actions);
    this.checkBox = new CheckBox(actions);
    this.today = h("ul", { class: "today" });
    this.todayTitle = h("h2");
    this.cached = h("p", { class: "hint" });
    this.inbox = h("button", { type: "button", id: "inbox-open", onclick: actions.inbox });
    this.root = h(
      "main",
      { class: "lobby" },
      this.next.root,
      this.checkBox.root,
      h("section", { class: "day" }, this.todayTitle, this.today, this.cached, this.inbox),
    );
  }

  /** @param {Frame} frame */
  update(frame) {
    const { t, inputs } = frame;
    this.next.update(frame);
    this.checkBox.update(frame);
    text(this.todayTitle, t("lobby.today"));
    show(this.todayTitle, inputs.lessons.length > 0);
    text(this.cached, t("lobby.cached"));
    show(this.cached, !inputs.welcomed && inputs.lessons.length > 0);
    const [fresh, all] = [frame.inbox.fresh(), frame.inbox.list().length];
    const reminded = frame.inbox.reminded();
    const some = fresh ? t("lobby.pushes_new", { fresh }) : t("lobby.pushes", { all });
    text(this.inbox, reminded ? t("lobby.pushes_reminded", { reminded }) : some);
    attr(this.inbox, "data-fresh", fresh || reminded ? "" : null);
    show(this.inbox, all > 0);
    keyed(
      this.today,
      [...inputs.lessons].sort((a, b) => Date.parse(a.starts_at) - Date.parse(b.starts_at)),
      (lesson) => lesson.id,
      () => h("li", {}, h("span", { class: "shape" }), h("time"), h("span", { class: "what" }), h("span", { class: "chip" })),
      (node, lesson) => this.drawLesson(node, lesson, frame),
    );
  }

  /** @param {HTMLElement} node @param {Lesson} lesson @param {Frame} frame */
  drawLesson(node, lesson, { t, inputs, zone }) {
    const [shape, time, what, chip] = /** @type {HTMLElement[]} */ ([...node.children]);
    if (!shape || !time || !what || !chip) return;
    const phase = phaseOf(lesson, inputs);
    attr(node, "data-state", phase);
    text(shape, SHAPES[phase] ?? "○");
    attr(shape, "title", t(`state.${phase}`));
    attr(shape, "aria-label", t(`state.${phase}`));
    attr(shape, "role", "img");
    text(time, civil(Date.parse(lesson.starts_at), zone).minutes);
    text(what, lesson.subject);
    const key = changeKey(lesson.change);
    text(chip, key ? [t(key), lesson.change?.reason].filter(Boolean).join("：") : "");
    show(chip, key !== null);
  }
}

/** The next lesson, large, with the host's one button. */
class Next {
  /** @param {LobbyActions} actions */
  constructor(actions) {
    /** @type {Lesson | null} */
    this.lesson = null;
    this.action = "check";
    this.kicker = h("p", { class: "kicker" });
    this.title = h("h2", { class: "lesson-title" });
    this.who = h("p", { class: "who" });
    this.whom = h("p", { class: "whom" });
    this.countLabel = h("span");
    this.count = h("strong", { class: "count" });
    this.countdown = h("p", { class: "countdown" }, this.countLabel, " ", this.count);
    this.button = h("button", {
      type: "button",
      class: "main",
      id: "main-button",
      onclick: () => {
        if (this.action === "start" && this.lesson) actions.start(this.lesson);
        else actions.check();
      },
    });
    this.root = h(
      "section",
      { class: "next" },
      this.kicker,
      this.title,
      this.who,
      this.whom,
      this.countdown,
      this.button,
    );
  }

  /** @param {Frame} frame */
  update(frame) {
    const { t, inputs, zone, now, check, school } = frame;
    const lesson = nextLesson(inputs);
    this.lesson = lesson;
    const host = lesson?.role === "host" || (!lesson && school?.role === "host");
    const button = lobbyButton(lesson, inputs, check.running);
    this.action = button.action;
    text(this.button, t(button.key));
    attr(this.button, "data-action", button.action);
    enable(this.button, button.enabled);
    show(this.button, host);
    show(this.countdown, lesson !== null);
    if (!lesson) {
      const done = inputs.lessons.length > 0;
      text(this.kicker, "");
      text(this.title, t(done ? "lobby.done" : "lobby.none"));
      attr(this.title, "data-long", null);
      text(this.who, done ? "" : t("lobby.none_lead"));
      text(this.whom, "");
      return;
    }
    this.drawLesson(lesson, frame);
    const start = Date.parse(lesson.starts_at);
    const live = phaseOf(lesson, inputs) === "live";
    const [from, to] = [start, Date.parse(lesson.ends_at)].map((at) => civil(at, zone).minutes);
    text(this.kicker, `${t(live ? "lobby.now" : "lobby.next")}  ${from}–${to}`);
    text(this.countLabel, t(now < start ? "lobby.in" : "lobby.late"));
    text(this.count, clockText(Math.abs(start - now)));
    attr(this.countdown, "data-soon", start - now < LEAD_MS ? "" : null);
  }

  /** @param {Lesson} lesson @param {Frame} frame */
  drawLesson(lesson, { t }) {
    const { school, teacher } = lesson.host;
    const title = lesson.title ? `${lesson.subject} · ${lesson.title}` : lesson.subject;
    text(this.title, title);
    attr(this.title, "data-long", title.length > LONG_TITLE ? "" : null);
    text(this.who, t("lobby.teacher", { school, teacher }));
    if (lesson.role === "host") {
      text(this.whom, t("lobby.rooms", { count: lesson.seats?.length ?? 0 }));
      return;
    }
    const expected = lesson.seat?.expected ?? null;
    const count = expected === null ? null : t("lobby.expected", { expected });
    text(this.whom, [lesson.seat?.class, count].filter(Boolean).join(" · "));
  }
}

/** Five lines, each with what to touch when it fails. */
class CheckBox {
  /** @param {LobbyActions} actions */
  constructor(actions) {
    this.title = h("h2");
    this.list = h("ul", { class: "checks" });
    this.ways = h("p", { class: "hint", id: "check-ways" });
    this.again = h("button", { type: "button", id: "check-again", onclick: actions.check });
    this.tone = h("button", { type: "button", id: "tone", onclick: actions.tone });
    this.yes = h("button", { type: "button", id: "heard", onclick: () => actions.heard(true) });
    this.no = h("button", { type: "button", id: "not-heard", onclick: () => actions.heard(false) });
    this.pickers = /** @type {const} */ (["camera", "microphone"]).map((kind) => ({
      kind,
      select: h("select", {
        onchange: (/** @type {Event} */ event) =>
          actions.choose(kind, /** @type {HTMLSelectElement} */ (event.target).value || null),
      }),
    }));
    this.root = h(
      "section",
      { class: "check" },
      this.title,
      this.list,
      this.ways,
      h("div", { class: "row" }, ...this.pickers.map((p) => p.select)),
      h("div", { class: "row" }, this.again, this.tone, this.yes, this.no),
    );
  }

  /** @param {Frame} frame */
  update(frame) {
    const { t, check } = frame;
    text(this.title, check.running ? t("check.running") : t("check.title"));
    keyed(
      this.list,
      [...ITEMS],
      (name) => name,
      () => h("li", {}, h("span", { class: "shape" }), h("b"), h("span", { class: "detail" })),
      (node, name) => drawCheck(node, name, check[name], t),
    );
    const ways = waysText(check.path.ways);
    text(this.ways, ways ? t("check.ways", { ways }) : "");
    show(this.ways, ways !== "");
    text(this.again, t("check.again"));
    enable(this.again, !check.running);
    text(this.tone, t("check.speaker.play"));
    text(this.yes, t("check.speaker.heard"));
    text(this.no, t("check.speaker.not_heard"));
    const asked = this.root.dataset.asked === "";
    show(this.yes, asked);
    show(this.no, asked);
    for (const { kind, select } of this.pickers) drawPicker(kind, select, frame);
  }

  /** @param {boolean} asked after the tone, until answered */
  ask(asked) {
    attr(this.root, "data-asked", asked ? "" : null);
  }
}

/** @param {HTMLElement} node @param {string} name @param {CheckItem} item @param {Frame["t"]} t */
function drawCheck(node, name, item, t) {
  const [shape, label, detail] = /** @type {HTMLElement[]} */ ([...node.children]);
  if (!shape || !label || !detail) return;
  attr(node, "data-state", item.state);
  attr(node, "data-check", name);
  text(shape, CHECK_SHAPES[item.state] ?? "!");
  attr(shape, "role", "img");
  attr(shape, "aria-label", t(`check.state.${item.state}`));
  text(label, t(`check.${name}`));
  text(detail, item.detail ? t(item.detail, item.params) : t(`check.state.${item.state}`));
}

/**
 * Shown only where there is a choice.
 * @param {"camera" | "microphone"} kind
 * @param {HTMLSelectElement} select
 * @param {Frame} frame
 */
function drawPicker(kind, select, { t, devices, chosen }) {
  const list = devices.filter((d) => d.kind === (kind === "camera" ? "videoinput" : "audioinput"));
  show(select, list.length > 1);
  attr(select, "aria-label", t(`check.device.${kind}`));
  // Two pickers stand side by side, so each says what it picks.
  const automatic = { id: "", label: t("check.device.default", { device: t(`check.${kind}`) }) };
  const options = [automatic, ...list.map((d) => ({ id: d.deviceId, label: d.label }))];
  keyed(
    select,
    options,
    (o) => o.id,
    (o) => h("option", { value: o.id }),
    (node, o) => text(node, o.label),
  );
  const value = chosen[kind] ?? "";
  if (document.activeElement !== select && select.value !== value) select.value = value;
}
