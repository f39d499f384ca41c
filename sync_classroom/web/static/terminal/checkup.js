/**
 * When the room looks at itself, and who hears of it. The look itself is `check.js`.
 */

import { SelfCheck } from "./check.js";
import { translate } from "./strings.js";

/** @typedef {import("./types.js").Lesson} Lesson */

/** A check is not begun with grants that may end before it does. */
const CHECK_TAKES_MS = 30_000;
/** A lesson that opens finds out again how the room is, unless that is known this freshly. */
const CHECK_FRESH_MS = 8 * 60_000;

export class Checkup {
  /**
   * @param {{
   *   devices: import("./devices.js").Devices, model: import("./model.js").Model,
   *   store: import("./store.js").Store, changed: () => void, now: () => number,
   *   connection: () => import("./connection.js").Connection | null,
   *   inLesson: () => boolean, ask: (heard: boolean) => void,
   * }} parts `inLesson`: devices and line belong to a lesson; `ask`: was the tone heard?
   */
  constructor({ devices, model, store, changed, now, connection, inLesson, ask }) {
    this.model = model;
    this.store = store;
    this.changed = changed;
    this.now = now;
    this.connection = connection;
    this.inLesson = inLesson;
    this.ask = ask;
    this.check = new SelfCheck({
      devices,
      grants: () => model.check,
      clock: () => connection()?.clock ?? { offset: store.offset, measured: false },
      now,
      microphone: () => store.devices.microphone,
      heard: store.speakerHeard !== null,
      changed,
    });
  }

  get result() {
    return this.check.result;
  }

  cancel() {
    this.check.cancel();
  }

  async run() {
    const expires = Date.parse(this.model.check?.expires_at ?? "");
    if (!this.result.running && expires - this.now() < CHECK_TAKES_MS) {
      await this.connection()?.renew();
    }
    if (!this.inLesson() && (await this.check.run())) this.say();
  }

  /** @param {boolean} first whether the server has not welcomed this page before */
  welcomed(first) {
    // A check that ran before there was a server to measure against is not worth much.
    if (first && !this.inLesson()) void Promise.resolve(this.check.running).then(() => this.run());
    else this.say();
  }

  async playTone() {
    await this.check.tone();
    this.ask(true);
    this.changed();
  }

  /** @param {boolean} heard */
  heard(heard) {
    this.check.heard(heard);
    this.store.speakerHeard = heard ? this.now() : null;
    this.ask(false);
    this.say();
  }

  say() {
    const { at, camera, microphone, speaker, path, clock_offset_ms } = this.result;
    if (at === null) return;
    // Shown to administrators, so in the source language whatever the room has chosen.
    const item = (/** @type {import("./types.js").CheckItem} */ { state, detail, params }) => ({
      state,
      detail: detail ? translate("zh", detail, params) : "",
    });
    this.connection()?.send({
      type: "selfcheck",
      camera: item(camera),
      microphone: item(microphone),
      speaker: item(speaker),
      path,
      clock_offset_ms,
    });
  }

  /**
   * A room whose lesson has just opened looks at itself before it joins; a live lesson waits for
   * nothing.
   * @param {Lesson} lesson
   */
  isFirst(lesson) {
    const early = lesson.role === "remote" && this.now() < Date.parse(lesson.starts_at);
    if (!early || this.model.live[lesson.id]?.state === "live") return false;
    return this.afresh();
  }

  /** @returns {boolean} whether a self-check is under way that is worth waiting for */
  afresh() {
    const { at, running } = this.result;
    if (running) return true;
    const fresh = at !== null && Date.now() - at < CHECK_FRESH_MS;
    if (fresh || this.connection()?.state !== "online") return false;
    void this.run();
    return true;
  }
}
