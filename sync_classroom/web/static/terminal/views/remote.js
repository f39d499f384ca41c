/** A listening classroom: teacher and courseware, the hand, the head count, the line in words. */

import { Picture, attr, enable, h, show, sounding, text } from "../dom.js";
import { loudness } from "../interaction.js";
import { HeadcountAsked } from "./headcount.js";
import { InkLayer } from "./ink.js";
import { RoomMessage } from "./message.js";
import { MissedView } from "./missed.js";
import { drawPage } from "./pages.js";
import { RoomQuestion } from "./question.js";
import { clockText, phaseOf, roomName, seatOf } from "../state.js";

/** @typedef {import("./frame.js").Frame} Frame */

/** Slots of a remote classroom's subscription. */
const CAMERA = 0;
const SCREEN = 1;
const OTHER = 2;
/** Courseware may stand still; a shared screen still repeats a frame every second, ms. */
const SCREEN_STALE_MS = 6_000;
/** A camera without frames for this long has gone, ms. */
const CAMERA_STALE_MS = 4_000;

/**
 * @typedef {object} RemoteActions
 * @property {() => void} hand
 * @property {(present: number) => void} present
 * @property {(place: number, count: number) => void} answer
 * @property {(text: string) => void} message
 * @property {ConstructorParameters<typeof MissedView>[0]} missed
 */

export class Remote {
  /** @param {RemoteActions} actions */
  constructor(actions) {
    this.swapped = false;
    const swap = { role: "button", tabIndex: 0, onclick: () => this.swap(), onkeydown: onEnter(() => this.swap()) };
    this.teacher = new Picture({ class: "picture teacher", id: "teacher", ...swap });
    this.screen = new Picture({ class: "picture courseware", id: "courseware", ...swap });
    this.ink = new InkLayer(this.screen);
    this.other = new Picture({ class: "picture other", id: "other" });
    this.own = new Picture({ class: "picture own", id: "own" });
    this.pictures = h(
      "section",
      { class: "pictures" },
      this.teacher.root,
      this.screen.root,
      h("div", { class: "small" }, this.other.root, this.own.root),
    );
    this.waitTitle = h("p", { class: "wait-title" });
    this.waitLesson = h("p", { class: "wait-lesson" });
    this.waitCount = h("p", { class: "wait-count" });
    this.waitLead = h("p", { class: "hint" });
    this.wait = h("div", { class: "wait" }, this.waitTitle, this.waitLesson, this.waitCount, this.waitLead);
    this.onAir = h("p", { class: "on-air", role: "status" });
    this.question = new RoomQuestion(actions.answer);
    this.headcount = new HeadcountAsked(actions.present);
    this.message = new RoomMessage(actions.message);
    this.asking = h("div", { class: "asking" }, this.question.root, this.headcount.root, this.message.root);
    this.bar = new RemoteBar(actions, this.message.opener);
    this.missed = new MissedView(actions.missed);
    this.root = h(
      "main",
      { class: "remote" },
      this.pictures,
      this.missed.root,
      this.missed.offer,
      this.asking,
      this.wait,
      this.onAir,
      this.bar.root,
    );
    /** @type {MediaStreamTrack[]} */
    this.tracks = [];
  }

  swap() {
    this.swapped = !this.swapped;
    attr(this.pictures, "data-swapped", this.swapped ? "" : null);
  }

  /** @param {MediaStreamTrack[]} video */
  showTracks(video) {
    this.tracks = video;
    this.teacher.show(video[CAMERA] ?? null);
    this.screen.show(video[SCREEN] ?? null);
  }

  /** @param {MediaStream | null} stream */
  showOwn(stream) {
    this.own.show(stream?.getVideoTracks()[0] ?? null);
  }

  /** @param {Frame} frame */
  update(frame) {
    const { t, lesson, live, media, handWish } = frame;
    if (!lesson) return;
    const seat = seatOf(lesson, live, handWish);
    const link = media?.down.link.status;
    const teacher = age(media, CAMERA);
    const screen = age(media, SCREEN);
    // While the line is away nothing can be said about the pictures: the last ones stay.
    const away = link?.state !== "connected";
    const page = frame.page !== null;
    const fresh = drawPage(this.screen, frame);
    const shown = { teacher: teacher.ever && (away || teacher.ms < CAMERA_STALE_MS), screen: page || (screen.ever && (away || screen.ms < SCREEN_STALE_MS)) };
    attr(this.pictures, "data-screen", shown.screen ? "" : null);
    attr(this.pictures, "data-picture", teacher.ever || shown.screen ? "" : null);
    const { school, teacher: name } = lesson.host;
    const gone = !shown.teacher && teacher.ever;
    this.teacher.label(name || school, gone ? t("remote.host_gone") : shown.teacher ? null : t("remote.waiting"));
    const number = frame.page ? t("page.of", { name: frame.page.name, page: frame.page.page, pages: frame.page.pages }) : "";
    const none = page && this.screen.page.hidden ? t("page.loading") : null;
    this.screen.label(number && !fresh ? t("page.loading") : number || t("remote.screen"), none);
    this.ink.draw(frame.ink, shown.screen);
    attr(this.teacher.root, "title", t("remote.swap"));
    attr(this.screen.root, "title", t("remote.swap"));
    this.drawOther(seat.other, frame);
    this.own.label(t("remote.own"), this.own.track ? null : t("remote.own_off"));
    this.drawLevels(seat, media);
    this.drawWait(frame, teacher.ever || shown.screen);
    attr(this.root, "data-on-air", seat.called ? "" : null);
    attr(this.root, "data-muted", seat.muted ? "" : null);
    show(this.onAir, seat.called);
    text(this.onAir, seat.called ? t(seat.muted ? "remote.speaking_muted" : "remote.speaking") : "");
    const isLive = phaseOf(lesson, frame.inputs) === "live";
    this.missed.update(frame, { may: isLive && !seat.called, live: this.teacher.track });
    this.question.update(frame, seat, isLive);
    this.message.update(frame, isLive, this.question.root.hidden);
    // Nobody must count pupils before he may say that the sound is gone.
    this.headcount.update(frame, seat, this.question.root.hidden && this.message.root.hidden);
    this.bar.update(frame, seat);
  }

  /** @param {string | null} seat @param {Frame} frame */
  drawOther(seat, { t, live, media }) {
    show(this.other.root, seat !== null);
    this.other.show(seat === null ? null : (this.tracks[OTHER] ?? null));
    if (seat === null) return;
    const room = live?.called_room ?? null;
    const caption = room ? t("remote.other_named", { room: roomName(room) }) : t("remote.other");
    this.other.label(caption, age(media, OTHER).ms < CAMERA_STALE_MS ? null : t("line.connecting"));
  }

  /** Who is heard here, and whether we are. @param {ReturnType<typeof seatOf>} seat @param {Frame["media"]} media */
  drawLevels(seat, media) {
    const heard = (/** @type {number} */ slot) => loudness(media?.down.slot("audio", slot)?.level ?? 0);
    sounding(this.teacher.meter, heard(0));
    sounding(this.other.meter, seat.other === null ? null : heard(1));
    sounding(this.own.meter, seat.onAir ? loudness(media?.up.link.status.level ?? 0) : null);
  }

  /** @param {Frame} frame @param {boolean} picture */
  drawWait({ t, lesson, now, live }, picture) {
    show(this.wait, !picture);
    if (picture || !lesson) return;
    const start = Date.parse(lesson.starts_at);
    const begun = live?.live_at !== null && live?.live_at !== undefined;
    text(this.waitTitle, t(begun && !live?.host_media ? "remote.host_gone" : "remote.waiting"));
    text(this.waitLesson, [lesson.subject, lesson.title, lesson.host.teacher].filter(Boolean).join(" · "));
    text(this.waitCount, now < start ? `${t("lobby.in")} ${clockText(start - now)}` : "");
    text(this.waitLead, t("remote.waiting_lead"));
  }
}

/** @param {() => void} act @returns {(event: KeyboardEvent) => void} */
function onEnter(act) {
  return (event) => {
    if (event.key === "Enter") act();
  };
}

/** How long ago a slot last gave a frame. @param {Frame["media"]} media @param {number} slot */
function age(media, slot) {
  const stats = media?.down.slot("video", slot);
  const ever = (stats?.frames ?? 0) > 0;
  return { ever, ms: ever && stats ? performance.now() - stats.movedAt : Infinity };
}

/** The hand, the head count and the line, large. */
class RemoteBar {
  /** @param {RemoteActions} actions @param {HTMLElement} message opens the messages */
  constructor(actions, message) {
    this.actions = actions;
    /** @type {{present: number | null, expected: number | null}} */
    this.count = { present: null, expected: null };
    this.handWord = h("span");
    this.handPlace = h("small");
    this.hand = h("button", { type: "button", class: "hand", id: "hand", onclick: actions.hand }, this.handWord, this.handPlace);
    this.label = h("span", { class: "label" });
    this.expected = h("small");
    this.value = h("output", { id: "present" });
    this.fewer = h("button", { type: "button", id: "fewer", onclick: () => this.step(-1) }, "−");
    this.more = h("button", { type: "button", id: "more", onclick: () => this.step(1) }, "+");
    this.all = h("button", { type: "button", id: "all", onclick: () => this.step(null) });
    this.line = h("p", { class: "line", id: "line", role: "status" });
    this.time = h("p", { class: "lesson-state" });
    this.root = h(
      "footer",
      { class: "bar" },
      h("div", { class: "words" }, h("div", {}, this.line, this.time), message),
      this.hand,
      h(
        "div",
        { class: "headcount" },
        h("span", { class: "legend" }, this.label, this.expected),
        this.fewer,
        this.value,
        this.more,
        this.all,
      ),
    );
  }

  /** @param {number | null} by null: everybody who was expected */
  step(by) {
    const { present, expected } = this.count;
    if (by === null) {
      if (expected !== null) this.actions.present(expected);
      return;
    }
    // The first press starts from the expected number: most rooms miss one or two.
    this.actions.present(Math.min(200, Math.max(0, (present ?? expected ?? 0) + by)));
  }

  /** @param {Frame} frame @param {ReturnType<typeof seatOf>} seat */
  update({ t, line, live, lesson, inputs, now, presentWish }, seat) {
    const present = presentWish ?? seat.present;
    this.count = { present, expected: seat.expected };
    const quiet = (live?.quiet ?? false) && !seat.called;
    const up = seat.place ? "remote.hand_place" : "remote.hand_queued";
    const key = quiet ? "remote.hand_closed" : seat.raised ? up : "remote.hand";
    text(this.handWord, t(key, { place: seat.place ?? "" }));
    text(this.handPlace, seat.raised ? t("remote.hand_lower") : "");
    show(this.handPlace, seat.raised);
    attr(this.hand, "aria-pressed", String(seat.raised));
    const isLive = lesson !== null && phaseOf(lesson, inputs) === "live";
    enable(this.hand, isLive && !seat.called && !quiet);
    text(this.label, t("remote.present"));
    text(this.expected, seat.expected === null ? "" : t("remote.expected", { expected: seat.expected }));
    text(this.value, present === null ? "–" : String(present));
    text(this.all, t("remote.all_present"));
    show(this.all, seat.expected !== null && present !== seat.expected);
    attr(this.fewer, "aria-label", t("remote.fewer"));
    attr(this.more, "aria-label", t("remote.more"));
    text(this.line, line ? t(`line.${line.state}`, { seconds: line.seconds }) : t("line.connecting"));
    attr(this.line, "data-line", line?.state ?? "connecting");
    const begun = live?.live_at ? Date.parse(live.live_at) : null;
    text(this.time, isLive && begun !== null ? t("remote.live", { time: clockText(Math.max(0, now - begun)) }) : "");
  }
}
