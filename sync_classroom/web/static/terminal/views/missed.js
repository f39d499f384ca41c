/** What a room missed: a quiet offer over the picture, and the missed part in place of the live one. */

import { Picture, attr, h, show, text } from "../dom.js";
import { pageAt } from "../page_track.js";
import { Pages, sizeFor } from "../pages.js";
import { instantOf, ready, spanText } from "../missed_rules.js";
import { Replay } from "../replay.js";
import { civil, clockText } from "../state.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("../missed_rules.js").Loss} Loss */

/** How fast it may be played; a voice stays understood. */
const SPEEDS = [1, 1.5, 2];

export class MissedView {
  /** @param {{hush: (on: boolean) => void, token: () => string | null}} actions `hush`: the live sound */
  constructor(actions) {
    this.actions = actions;
    this.speed = 1;
    /** @type {Replay | null} */
    this.replay = null;
    /** @type {Frame["missed"] | null} */
    this.missed = null;
    this.failed = false;
    this.words = h("span");
    this.watch = h("button", { type: "button", class: "main", id: "missed-watch", onclick: () => this.begin() });
    this.leave = h("button", { type: "button", class: "quiet", id: "missed-leave", onclick: () => this.wave() });
    this.offer = h("div", { class: "missed-offer", id: "missed-offer", role: "status" }, this.words, this.watch, this.leave);

    this.teacher = h("video", { playsInline: true, disablePictureInPicture: true, id: "missed-teacher" });
    this.screen = h("video", { playsInline: true, disablePictureInPicture: true, id: "missed-screen" });
    this.page = h("img", { id: "missed-page", alt: "", hidden: true, draggable: false });
    this.pages = new Pages({ token: actions.token, changed: () => this.replay && this.drawPage(this.replay) });
    this.live = new Picture({ class: "picture missed-live" });
    this.when = h("p", { class: "missed-when" });
    this.hold = h("button", { type: "button", id: "missed-hold", onclick: () => this.turn() });
    this.speeds = SPEEDS.map((speed) =>
      h("button", { type: "button", "data-speed": speed, onclick: () => this.fast(speed) }, `${speed}×`),
    );
    this.speedGroup = h("div", { class: "speeds", role: "group" }, ...this.speeds);
    this.back = h("button", { type: "button", class: "main", id: "missed-back", onclick: () => this.end() });
    this.root = h(
      "section",
      {
        class: "missed",
        id: "missed",
        role: "region",
        onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this.end(),
      },
      h("div", { class: "reels" }, this.teacher, this.screen, this.page, this.live.root),
      h("div", { class: "controls" }, this.when, this.hold, this.speedGroup, this.back),
    );
  }

  /** Losses there is something of, the first one first. @returns {Loss[]} */
  list() {
    return this.missed?.offered() ?? [];
  }

  begin() {
    const [loss] = ready(this.list());
    if (!loss) return;
    this.failed = false;
    this.replay?.stop();
    this.actions.hush(true);
    this.replay = new Replay(loss, { camera: this.teacher, screen: this.screen }, this.actions.token, this.speed);
    show(this.root, true);
    this.back.focus();
  }

  /** Back to the live lesson. */
  end() {
    if (!this.replay) return;
    this.replay.stop();
    this.replay = null;
    this.pages.show(null, "small");
    this.actions.hush(false);
    if (this.root.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
    show(this.root, false);
  }

  /** Nobody here wants to see it. */
  wave() {
    for (const loss of this.list()) this.missed?.put(loss);
  }

  turn() {
    if (this.replay) this.replay.paused = !this.replay.paused;
  }

  /** @param {number} speed */
  fast(speed) {
    this.speed = speed;
    if (this.replay) this.replay.speed = speed;
  }

  /**
   * @param {Frame} frame
   * @param {{may: boolean, live: MediaStreamTrack | null}} now `may`: the lesson is live and the room
   *   not called on, which must hear the teacher; `live`: what goes on meanwhile
   */
  update({ t, missed, zone }, { may, live }) {
    this.missed = missed;
    if (!may) this.end();
    this.play();
    const losses = may ? this.list() : [];
    this.drawOffer(t, losses, zone);
    const { replay } = this;
    show(this.root, replay !== null);
    this.live.show(replay ? live : null);
    if (!replay) return;
    attr(this.root, "aria-label", t("missed.title"));
    const paged = this.drawPage(replay);
    attr(this.root, "data-page", paged ? "" : null);
    attr(this.root, "data-courseware", paged || replay.withScreen() ? "" : null);
    attr(this.root, "data-only-screen", replay.camera ? null : "");
    const seconds = (/** @type {number} */ at) => civil(at, zone).seconds;
    const left = clockText(Math.max(0, (replay.loss.to_s - replay.at) * 1000));
    text(this.when, t("missed.when", { time: seconds(instantOf(replay.loss, replay.at)), left }));
    text(this.hold, t(replay.paused ? "missed.go_on" : "missed.hold"));
    attr(this.speedGroup, "aria-label", t("missed.speed"));
    for (const button of this.speeds) attr(button, "aria-pressed", String(Number(button.dataset.speed) === this.speed));
    text(this.back, t("missed.back"));
    this.live.label(t("missed.live"), live ? null : t("remote.host_gone"));
  }

  /**
   * The page that was on the screens then, in front of what moved. @param {Replay} replay
   * @returns {boolean} whether there was one
   */
  drawPage(replay) {
    const { lesson, pages } = replay.loss;
    const page = pageAt(pages, replay.at);
    const place = { width: this.page.clientWidth * devicePixelRatio, height: this.page.clientHeight * devicePixelRatio };
    const found = this.pages.show(page && { ...page, lesson }, page ? sizeFor(page, place) : "small");
    show(this.page, page !== null);
    if (page) attr(this.page, "alt", `${page.name} ${page.page}/${page.pages}`);
    // Until it is here the one before it stays, as in the lesson.
    if (found && this.page.getAttribute("src") !== found.url) this.page.src = found.url;
    return page !== null;
  }

  play() {
    const { replay } = this;
    if (!replay) return;
    replay.tick();
    if (replay.state === "playing") return;
    this.failed = replay.state === "failed";
    if (!this.failed) this.missed?.put(replay.loss);
    this.end();
    // The next loss follows by itself: whoever began wants all of it.
    if (!this.failed && ready(this.list()).length) this.begin();
  }

  /** @param {Frame["t"]} t @param {Loss[]} losses @param {string} zone */
  drawOffer(t, losses, zone) {
    const there = ready(losses);
    const told = there[0] ?? losses[0];
    show(this.offer, told !== undefined && this.replay === null);
    if (!told) return;
    const span = spanText(told, (at) => civil(at, zone));
    const key = this.failed ? "missed.failed" : there.length === 0 ? "missed.not_yet" : there.length > 1 ? "missed.some" : "missed.one";
    text(this.words, t(key, { span, count: there.length }));
    show(this.watch, there.length > 0);
    text(this.watch, t("missed.watch"));
    text(this.leave, t("missed.leave"));
  }
}
