/**
 * The one lesson this device is in: its media sessions begin and end as the screen needs them, and
 * the screen stays on meanwhile.
 */

import { LessonMedia } from "./lesson_media.js";
import { Missed } from "./missed.js";
import { lineOf } from "./state.js";

/** @typedef {import("./types.js").Lesson} Lesson */

export class Stage {
  /**
   * @param {{
   *   devices: import("./devices.js").Devices, model: import("./model.js").Model,
   *   sounds: import("./dom.js").Sounds, changed: () => void,
   *   views: {host: import("./views/host.js").Host, remote: import("./views/remote.js").Remote},
   *   entering: () => void, say: (key: string) => void,
   * }} parts `entering`: the lesson is about to take devices and line; `say` something about one
   *   that is over
   */
  constructor({ devices, model, sounds, changed, views, entering, say }) {
    this.devices = devices;
    this.model = model;
    this.sounds = sounds;
    this.changed = changed;
    this.views = views;
    this.entering = entering;
    this.missed = new Missed({ token: () => model.store.token, changed, say });
    /** @type {LessonMedia | null} */
    this.media = null;
    /** @type {WakeLockSentinel | null} */
    this.wakeLock = null;
  }

  /**
   * The media sessions that the screen needs, and no others.
   * @param {Lesson | null} wanted
   * @param {{online: boolean, waits: (lesson: Lesson) => boolean}} state `waits`: not yet
   */
  reconcile(wanted, { online, waits }) {
    if (this.media && this.media.lesson.id !== wanted?.id) this.exit();
    if (wanted?.grants && !this.media && !waits(wanted)) this.enter(wanted);
    const listens = wanted?.role === "remote" && this.model.live[wanted.id]?.state === "live";
    const lesson = listens ? wanted.id : null;
    this.missed.look({ lesson, online, flowing: this.flowing(), at: performance.now() });
    if (!this.media || !wanted) return;
    this.media.renew(wanted);
    const live = this.model.live[wanted.id];
    this.media.hostIsThere(online && live ? live.host_media : true);
    if (wanted.role === "remote") {
      const called = live?.called_on === wanted.seat?.id && live?.state === "live";
      void this.media.setCalled(called, live?.muted ?? false);
    }
  }

  /** @param {Lesson} lesson */
  enter(lesson) {
    this.entering();
    const { host, remote } = this.views;
    const view = lesson.role === "host" ? host : remote;
    this.media = new LessonMedia(lesson, this.devices, {
      changed: this.changed,
      own: (stream) => {
        view.showOwn(stream);
        this.changed();
      },
      screen: (stream) => {
        host.showScreen(stream);
        this.changed();
      },
      tracks: ({ audio, video }) => {
        this.sounds.show(audio);
        view.showTracks(video);
        this.changed();
      },
    });
    void this.media.start();
    void this.keepAwake();
  }

  exit() {
    this.media?.stop();
    this.media = null;
    this.sounds.show([]);
    this.views.remote.missed.end();
    for (const view of [this.views.host, this.views.remote]) {
      view.showOwn(null);
      view.showTracks([]);
    }
    void this.wakeLock?.release();
    this.wakeLock = null;
  }

  async keepAwake() {
    const wanted = this.media !== null && document.visibilityState === "visible";
    if (!wanted || (this.wakeLock && !this.wakeLock.released)) return;
    try {
      this.wakeLock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch (error) {
      // Some systems refuse on battery; the kiosk's own settings keep the screen on there.
      console.debug("no wake lock", error);
    }
  }

  /** The connection that says how the lesson goes: what the host sends, what a room receives. */
  link() {
    const { media } = this;
    if (!media) return null;
    return media.lesson.role === "host" ? media.up.link : media.down.link;
  }

  /**
   * What a room receives just now, for its own journal; null where nothing is received.
   * @param {{at: number, clock: number, offset: number | null}} now
   * @returns {import("./journal.js").Look | null}
   */
  received(now) {
    const { media } = this;
    const seat = media?.lesson.seat?.id;
    if (!media || media.lesson.role !== "remote" || !seat) return null;
    return { ...now, lesson: media.lesson.id, seat, slots: media.down.link.status.slots };
  }

  flowing() {
    return this.link()?.status.flowing ?? false;
  }

  line() {
    const status = this.link()?.status;
    if (!this.media || !status) return null;
    const line = lineOf(status.samples, {
      now: performance.now(),
      expected: this.media.hostMedia,
      downSince: status.downSince,
      waiting: status.state === "waiting",
    });
    const { path, sentLoss } = status;
    return this.media.lesson.role === "host" ? { ...line, path, loss: sentLoss } : { ...line, path };
  }
}
