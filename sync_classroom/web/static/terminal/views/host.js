/** The teacher's panel: what the rooms see, the rooms, who wants to speak, and the one bar. */

import { Picture, attr, enable, h, keyed, show, sounding, text } from "../dom.js";
import { handsOf, headcountDue, loudness, troublesOf, withoutTurn } from "../interaction.js";
import { hostBar, phaseOf, pressEnd, roomsOf } from "../state.js";
import { Annotate } from "./ink.js";
import { HostMessages } from "./message.js";
import { Documents, PageStrip, drawPage } from "./pages.js";
import { HostQuestion } from "./question.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("../state.js").Room} Room */

/** Rooms that the relay shows at once; slot 0 is whoever is called on. */
export const WALL_SLOTS = 12;
/** So few rooms fit at twice the size. */
const FEW_ROOMS = 4;
/** Rooms whose trouble is told in words; more would only be noise. */
const TROUBLES_TOLD = 3;
/** Rooms named that had no turn yet. */
const WAITING_NAMED = 3;
/** A picture older than this is no picture, ms. */
const STALE_MS = 5_000;

/** @type {Record<Room["line"], string>} */
const LINE_SHAPES = {
  good: "✔",
  weak: "◐",
  reconnecting: "◌",
  offline: "✕",
  waiting: "○",
  unknown: "○",
};

/** Short enough for a tile. @type {Record<Room["line"], string>} */
const LINE_WORDS = {
  good: "line.good",
  weak: "seat.weak",
  reconnecting: "line.connecting",
  offline: "seat.offline",
  waiting: "seat.waiting",
  unknown: "line.unknown",
};

/**
 * @typedef {object} HostActions
 * @property {() => void} end
 * @property {() => void} arm
 * @property {() => void} cancel
 * @property {() => void} extend
 * @property {(seat: string | null) => void} call
 * @property {(muted: boolean) => void} mute
 * @property {(quiet: boolean) => void} quiet
 * @property {() => void} screen
 * @property {import("../presenting.js").Presenting} documents
 * @property {() => void} camera
 * @property {() => void} voice
 * @property {(text: string, options: string[]) => void} ask
 * @property {(question: number, shown: boolean) => void} close
 * @property {() => import("../ink.js").InkBoard} ink
 */

export class Host {
  /** @param {HostActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.preview = new Picture({ class: "picture preview", id: "preview" });
    this.inset = new Picture({ class: "picture inset", id: "preview-camera" });
    this.floor = new Floor(actions);
    this.rooms = new Rooms(actions);
    this.question = new HostQuestion(actions);
    this.annotate = new Annotate(this.preview, actions.ink);
    const { documents } = actions;
    const given = {
      open: (/** @type {string} */ document) => documents.open(document),
      turn: (/** @type {number} */ by) => documents.turn(by),
      page: (/** @type {number} */ page) => documents.page(page),
      away: () => documents.away(),
      give: (/** @type {File} */ file) => void documents.give(file),
    };
    this.documents = new Documents(given);
    this.strip = new PageStrip(given);
    this.bar = new Bar(actions, () => this.question.write(true), [this.documents.opener, this.annotate.opener]);
    this.shown = h(
      "section",
      { class: "shown" },
      this.floor.root,
      this.preview.root,
      this.inset.root,
      this.strip.root,
      this.annotate.tools,
      this.question.root,
      this.documents.root,
    );
    this.root = h(
      "main",
      { class: "host" },
      this.shown,
      this.rooms.root,
      this.bar.root,
    );
    /** @type {MediaStreamTrack | null} */
    this.own = null;
    /** @type {MediaStreamTrack | null} */
    this.screen = null;
  }

  /** @param {MediaStream | null} stream */
  showOwn(stream) {
    this.own = stream?.getVideoTracks()[0] ?? null;
    this.place();
  }

  /** @param {MediaStream | null} stream */
  showScreen(stream) {
    this.screen = stream?.getVideoTracks()[0] ?? null;
    this.place();
  }

  place() {
    this.preview.show(this.screen ?? this.own);
  }

  /** @param {MediaStreamTrack[]} video slots of the subscription */
  showTracks(video) {
    this.rooms.tracks = video;
  }

  /** @param {Frame} frame */
  update(frame) {
    const { t, lesson, live, media } = frame;
    if (!lesson) return;
    const instead = this.own ? null : t("host.no_picture");
    const off = media && !media.cameraOn ? t("host.camera_off") : instead;
    const page = frame.page !== null;
    const fresh = drawPage(this.preview, frame);
    const covered = page || this.screen !== null;
    const seen = t(page && !fresh ? "page.loading" : "host.what_rooms_see");
    this.preview.label(seen, covered ? null : off);
    this.inset.label("", off);
    this.inset.show(covered ? this.own : null);
    this.annotate.update(frame, covered);
    this.documents.update(frame, Boolean(live));
    this.strip.update(frame);
    const rooms = roomsOf(lesson, live, WALL_SLOTS);
    const called = rooms.find((r) => r.called) ?? null;
    attr(this.shown, "data-called", called ? "" : null);
    show(this.inset.root, covered && !called);
    this.floor.update(called, live?.muted ?? false, t, media, this.rooms.tracks[0] ?? null);
    this.rooms.update(frame, rooms);
    this.question.update(frame, phaseOf(lesson, frame.inputs) === "live");
    this.bar.update(frame);
  }
}

/** The room that speaks, as large as what the rooms see otherwise. */
class Floor {
  /** @param {HostActions} actions */
  constructor(actions) {
    this.called = new Picture({ class: "picture called", id: "called" });
    this.mute = h("button", { type: "button", id: "mute" });
    this.release = h("button", { type: "button", id: "release", onclick: () => actions.call(null) });
    this.root = h(
      "div",
      { class: "floor" },
      this.called.root,
      h("div", { class: "row" }, this.mute, this.release),
    );
    this.muted = false;
    this.mute.addEventListener("click", () => actions.mute(!this.muted));
  }

  /**
   * @param {Room | null} room
   * @param {boolean} muted
   * @param {Frame["t"]} t
   * @param {Frame["media"]} media
   * @param {MediaStreamTrack | null} track of slot 0
   */
  update(room, muted, t, media, track) {
    show(this.root, room !== null);
    this.muted = muted;
    if (!room) {
      this.called.show(null);
      return;
    }
    this.called.show(track);
    const fresh = isFresh(media, 0);
    const heard = media?.down.slot("audio", 0);
    sounding(this.called.meter, muted ? null : loudness(heard?.level ?? 0));
    this.called.label(`${room.name}  ${t("host.speaking")}`, fresh ? null : t("line.connecting"));
    text(this.mute, t(muted ? "host.unmute" : "host.mute"));
    attr(this.mute, "aria-pressed", String(muted));
    text(this.release, t("host.release"));
  }

}

/** The wall and the queue. */
class Rooms {
  /** @param {HostActions} actions */
  constructor(actions) {
    this.actions = actions;
    /** @type {MediaStreamTrack[]} */
    this.tracks = [];
    /** @type {Map<string, Picture>} */
    this.pictures = new Map();
    this.title = h("h2");
    this.present = h("span", { class: "sum" });
    this.wall = h("div", { class: "wall" });
    this.handsTitle = h("h2");
    this.isQuiet = false;
    this.quiet = h("button", {
      type: "button",
      id: "quiet",
      onclick: () => actions.quiet(!this.isQuiet),
    });
    this.hands = h("ol", { class: "hands" });
    this.noHands = h("p", { class: "hint" });
    this.turns = h("p", { class: "turns" });
    this.messages = new HostMessages();
    this.troubles = h("div", { class: "troubles", role: "status" });
    this.root = h(
      "aside",
      { class: "rooms" },
      h("div", { class: "heading" }, this.title, this.present),
      this.wall,
      this.troubles,
      h("div", { class: "heading" }, this.handsTitle, this.quiet),
      this.hands,
      this.noHands,
      this.turns,
      this.messages.root,
    );
  }

  /** @param {Frame} frame @param {Room[]} rooms */
  update(frame, rooms) {
    const { t, lesson, live, now, media } = frame;
    if (!lesson) return;
    this.messages.update(frame);
    const online = rooms.filter((r) => r.line !== "offline").length;
    const present = rooms.reduce((sum, r) => sum + (r.present ?? 0), 0);
    text(this.title, t("host.rooms", { online, total: rooms.length }));
    const missing = rooms.filter((r) => r.line !== "offline" && r.present === null).length;
    const key = missing > 0 && headcountDue(live, now) ? "host.present_missing" : "host.present";
    const counted = present > 0 || key === "host.present_missing";
    text(this.present, counted ? t(key, { count: present, missing }) : "");
    keyed(
      this.wall,
      rooms,
      (room) => room.id,
      (room) => this.makeTile(room.id),
      (node, room) => this.drawTile(node, room, t, media),
    );
    for (const id of this.pictures.keys()) {
      if (!rooms.some((r) => r.id === id)) this.pictures.delete(id);
    }
    attr(this.wall, "data-few", rooms.length <= FEW_ROOMS ? "" : null);
    this.drawTroubles(t, troublesOf(rooms, live));
    const hands = handsOf(lesson, live, now);
    text(this.handsTitle, t("host.hands"));
    this.isQuiet = live?.quiet ?? false;
    text(this.quiet, t(this.isQuiet ? "host.quiet_end" : "host.quiet"));
    attr(this.quiet, "aria-pressed", String(this.isQuiet));
    text(this.noHands, t(this.isQuiet ? "host.hands_closed" : "host.hands_none"));
    show(this.noHands, hands.length === 0);
    this.drawTurns(t, lesson, live);
    keyed(
      this.hands,
      hands,
      (hand) => hand.seat,
      ({ seat }) => this.makeHand(seat),
      (node, hand) => drawHand(node, hand, t),
    );
  }

  /** @param {Frame["t"]} t @param {ReturnType<typeof troublesOf>} all */
  drawTroubles(t, all) {
    const told = all.slice(0, TROUBLES_TOLD).map(({ id, name, key, percent, detour }) => {
      const words = t("trouble.of", { room: name, words: t(key, { percent }) });
      return { id, words: detour ? words + t("trouble.detour", { path: detour.toUpperCase() }) : words };
    });
    const more = all.length - told.length;
    if (more > 0) told.push({ id: "more", words: t("trouble.more", { count: more }) });
    keyed(
      this.troubles,
      told,
      ({ id }) => id,
      () => h("p"),
      (node, { words }) => text(node, words),
    );
    show(this.troubles, told.length > 0);
  }

  /** @param {Frame["t"]} t @param {NonNullable<Frame["lesson"]>} lesson @param {Frame["live"]} live */
  drawTurns(t, lesson, live) {
    const waiting = withoutTurn(lesson, live);
    const rooms = waiting.slice(0, WAITING_NAMED).join("、");
    const more = waiting.length - WAITING_NAMED;
    const key = more > 0 ? "host.no_turn_more" : "host.no_turn";
    text(this.turns, waiting.length ? t(key, { rooms, more }) : "");
    show(this.turns, waiting.length > 0);
  }

  /** @param {string} id */
  makeTile(id) {
    const picture = new Picture({ class: "picture" });
    this.pictures.set(id, picture);
    return h(
      "button",
      { type: "button", class: "tile", onclick: () => this.toggle(id) },
      picture.root,
      h("span", { class: "state" }),
      h("span", { class: "name" }),
      h("span", { class: "heads" }),
    );
  }

  /** A tile calls on its room, hand or no hand; the room that speaks sits down. @param {string} id */
  toggle(id) {
    const node = /** @type {HTMLElement | null} */ (
      [...this.wall.children].find((c) => /** @type {HTMLElement} */ (c).dataset.key === id) ?? null
    );
    this.actions.call(node?.dataset.called === "" ? null : id);
  }

  /** @param {HTMLElement} node @param {Room} room @param {Frame["t"]} t @param {Frame["media"]} media */
  drawTile(node, room, t, media) {
    const [, state, name, heads] = /** @type {HTMLElement[]} */ ([...node.children]);
    if (!state || !name || !heads) return;
    const picture = this.pictures.get(room.id);
    const slot = room.slot === null ? null : room.slot + 1;
    picture?.show(slot === null ? null : (this.tracks[slot] ?? null));
    const fresh = slot !== null && isFresh(media, slot);
    const words = t(LINE_WORDS[room.line]);
    picture?.label("", fresh ? null : words);
    text(name, room.lines.join("\n"));
    text(heads, room.present === null ? "" : String(room.present));
    text(state, LINE_SHAPES[room.line]);
    attr(state, "aria-label", words);
    attr(state, "role", "img");
    attr(node, "data-line", room.line);
    attr(node, "data-called", room.called ? "" : null);
    attr(node, "data-hand", room.hand === null ? null : String(room.hand));
    attr(node, "title", `${room.name} · ${words}`);
  }

  /** @param {string} seat */
  makeHand(seat) {
    return h(
      "li",
      {},
      h("span", { class: "place" }),
      h("span", { class: "who" }, h("span", { class: "name" }), h("span", { class: "fair" })),
      h("time"),
      h("button", { type: "button", class: "act", onclick: () => this.actions.call(seat) }),
    );
  }
}

/** @param {HTMLElement} node @param {ReturnType<typeof handsOf>[number]} hand @param {Frame["t"]} t */
function drawHand(node, hand, t) {
  const [place, who, waited, call] = /** @type {HTMLElement[]} */ ([...node.children]);
  const [name, fair] = /** @type {HTMLElement[]} */ ([...(who?.children ?? [])]);
  if (!place || !name || !fair || !waited || !call) return;
  text(place, String(hand.place));
  text(name, hand.name);
  text(fair, hand.fair ? t(`host.fair.${hand.fair}`) : "");
  show(fair, hand.fair !== null);
  text(waited, hand.waited);
  text(call, t("host.call"));
  attr(node, "data-seat", hand.seat);
}

/** @param {Frame["media"]} media @param {number} slot */
function isFresh(media, slot) {
  const stats = media?.down.slot("video", slot);
  if (!stats || stats.frames === 0) return false;
  return media?.down.link.status.state === "down" || performance.now() - stats.movedAt < STALE_MS;
}

/** What the teacher does, and how far the lesson is. */
class Bar {
  /** @param {HostActions} actions @param {() => void} ask @param {HTMLElement[]} openers of what lies over the picture */
  constructor(actions, ask, openers) {
    /** @type {ReturnType<typeof hostBar> | null} */
    this.last = null;
    /** @type {{armedAt: number | null, now: number}} */
    this.moment = { armedAt: null, now: 0 };
    this.screen = h("button", { type: "button", id: "screen", onclick: actions.screen });
    this.camera = h("button", { type: "button", id: "camera", onclick: actions.camera });
    this.level = h("meter", { min: 0, max: 1, "aria-hidden": "true" });
    this.voiceLabel = h("span");
    this.voice = h("button", { type: "button", id: "voice", onclick: actions.voice }, this.voiceLabel, this.level);
    this.ask = h("button", { type: "button", id: "question-new", onclick: ask });
    this.state = h("p", { class: "lesson-state", id: "lesson-state" });
    this.left = h("p", { class: "left" });
    this.extend = h("button", { type: "button", id: "extend", onclick: actions.extend });
    this.end = h("button", {
      type: "button",
      class: "end",
      id: "end",
      onclick: () => {
        if (!this.last) return;
        const { armedAt, now } = this.moment;
        const meaning = pressEnd(this.last, armedAt, now);
        if (meaning === "cancel") actions.cancel();
        else if (meaning === "arm") actions.arm();
        else if (meaning === "end") actions.end();
      },
    });
    this.root = h(
      "footer",
      { class: "bar" },
      h("div", { class: "row" }, this.screen, ...openers, this.camera, this.voice, this.ask),
      h("div", { class: "lesson" }, this.state, this.left),
      h("div", { class: "row" }, this.extend, this.end),
    );
  }

  /** @param {Frame} frame */
  update(frame) {
    const { t, lesson, inputs, host, media, now } = frame;
    if (!lesson) return;
    const bar = hostBar(lesson, inputs, host);
    this.last = bar;
    this.moment = { armedAt: host.armedAt, now };
    text(this.state, t(bar.label.key, { time: bar.label.time }));
    attr(this.state, "data-live", bar.live ? "" : null);
    text(this.left, bar.left ? t("host.left", { time: bar.left }) : "");
    text(this.extend, t("host.extend"));
    show(this.extend, bar.extend);
    enable(this.extend, bar.canExtend);
    attr(this.extend, "title", bar.canExtend ? null : t("host.extend_not"));
    text(this.end, t(bar.end));
    attr(this.end, "data-armed", bar.armed ? "" : null);
    const sharing = media?.screen !== null && media?.screen !== undefined;
    text(this.screen, t(sharing ? "host.screen_stop" : "host.screen"));
    attr(this.screen, "aria-pressed", String(sharing));
    text(this.camera, t(media?.cameraOn === false ? "host.camera_off" : "host.camera"));
    attr(this.camera, "aria-pressed", String(media?.cameraOn !== false));
    text(this.voiceLabel, t(media?.voiceOn === false ? "host.microphone_off" : "host.microphone"));
    attr(this.voice, "aria-pressed", String(media?.voiceOn !== false));
    text(this.ask, t("question.title"));
    enable(this.ask, bar.live);
    sounding(this.level, loudness(media?.up.link.status.level ?? 0));
  }
}
