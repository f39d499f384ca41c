/**
 * The page: one place where everything that happened (server, media, device, person) becomes the
 * next picture. Events change the model and call `changed()`; `render()` decides, reconciles the
 * media sessions with what was decided, and draws.
 */

import { SelfCheck } from "./check.js";
import { Connection } from "./connection.js";
import { Devices } from "./devices.js";
import { Sounds, show } from "./dom.js";
import { LessonMedia } from "./lesson_media.js";
import { STALL_MS, lineOf, readCode, screenOf, todays } from "./state.js";
import { Store } from "./store.js";
import { translate } from "./strings.js";
import { Banners, Enrol, Head, Replaced } from "./views/frame.js";
import { Host } from "./views/host.js";
import { Lobby } from "./views/lobby.js";
import { Remote } from "./views/remote.js";

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./types.js").Live} Live */
/** @typedef {import("./views/frame.js").Frame} Frame */
/** @typedef {import("./views/frame.js").Banner} Banner */

/** Drawn at least this often: clocks and countdowns move. */
const TICK_MS = 250;
/** The protocol's `line` report. */
const LINE_EVERY_MS = 5_000;
/** The head count is sent when the presses have paused for this long. */
const HEADCOUNT_PAUSE_MS = 700;
/** A message that needs no answer goes away by itself after this. */
const NOTICE_MS = 12_000;
/** A server that has not welcomed us by then is taken to be away for the self-check. */
const WELCOME_WAIT_MS = 4_000;
/** A lesson that opens finds out again how the room is, unless that is known this freshly. */
const CHECK_FRESH_MS = 8 * 60_000;
/** A wish older than this without the server's word is no longer shown as done. */
const WISH_MS = 4_000;

class Terminal {
  /**
   * @param {HTMLElement} root
   * @param {{version: string, zone: string}} config
   */
  constructor(root, config) {
    this.root = root;
    this.zone = config.zone;
    this.version = config.version;
    this.store = new Store(localStorage);
    const { plan } = this.store;
    this.lessons = plan?.lessons ?? [];
    this.school = plan?.school ?? null;
    this.classroom = plan?.classroom ?? null;
    this.checkGrants = plan?.check ?? null;
    this.iceServers = plan?.ice_servers ?? [];
    /** @type {Record<string, Live>} */
    this.live = this.store.read("live") ?? {};
    this.welcomed = false;
    this.giving = this.store.giving;
    this.left = this.store.left;
    /** @type {number | null} */
    this.armedAt = null;
    /** @type {{raised: boolean, at: number} | null} */
    this.handWish = null;
    /** @type {{present: number, at: number, sent: boolean} | null} */
    this.presentWish = null;
    /** @type {Map<string, Banner & {until: number}>} */
    this.notices = new Map();
    /** @type {Frame["enrolProblem"]} */
    this.enrolProblem = null;
    this.enrolBusy = false;
    this.soundBlocked = false;
    this.screenWasShared = this.giving?.screen ?? false;
    /** @type {Connection | null} */
    this.connection = null;
    /** @type {LessonMedia | null} */
    this.media = null;
    /** @type {WakeLockSentinel | null} */
    this.wakeLock = null;
    this.lineSaidAt = 0;
    this.planned = false;

    this.devices = new Devices(
      () => this.store.devices,
      () => this.changed(),
    );
    this.check = new SelfCheck({
      devices: this.devices,
      room: () => ({ grants: this.checkGrants, iceServers: this.iceServers }),
      clock: () => this.connection?.clock ?? { offset: this.store.offset, measured: false },
      microphone: () => this.store.devices.microphone,
      heard: this.store.speakerHeard !== null,
      changed: () => this.changed(),
    });
    this.sounds = new Sounds((blocked) => {
      this.soundBlocked = blocked;
      this.changed();
    });
    this.banners = new Banners();
    this.head = new Head(() => {
      this.store.language = this.store.language === "zh" ? "en" : "zh";
      document.documentElement.lang = this.store.language === "en" ? "en" : "zh-CN";
      this.changed();
    });
    this.views = this.build();
    this.root.replaceChildren(
      this.head.root,
      this.banners.root,
      ...Object.values(this.views).map((view) => view.root),
      this.sounds.root,
    );
    document.documentElement.lang = this.store.language === "en" ? "en" : "zh-CN";
  }

  build() {
    return {
      enrol: new Enrol((code) => void this.enrol(code)),
      replaced: new Replaced(() => this.connection?.takeBack()),
      lobby: new Lobby({
        start: (lesson) => this.startLesson(lesson),
        check: () => void this.runCheck(),
        tone: () => void this.playTone(),
        heard: (heard) => this.heard(heard),
        choose: (kind, id) => this.choose(kind, id),
      }),
      host: new Host({
        end: () => this.endLesson(),
        arm: () => {
          this.armedAt = this.now();
          this.changed();
        },
        cancel: () => this.leave(),
        extend: () => this.say("extend", {}),
        call: (seat) => this.say("call", { seat }),
        mute: (muted) => this.say("mute", { muted }),
        screen: () => void this.toggleScreen(),
        camera: () => this.media?.setCamera(!this.media.cameraOn),
        voice: () => this.media?.setVoice(!this.media.voiceOn),
      }),
      remote: new Remote({
        hand: () => this.toggleHand(),
        present: (present) => {
          this.presentWish = { present, at: performance.now(), sent: false };
          this.changed();
        },
      }),
    };
  }

  start() {
    setInterval(() => this.changed(), TICK_MS);
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("visibilitychange", () => void this.keepAwake());
    if (this.store.token) this.connect(this.store.token);
    this.render();
  }

  now() {
    return this.connection?.now() ?? Date.now() + this.store.offset;
  }

  /** @param {string} key @param {Record<string, string | number>} [params] */
  t(key, params) {
    return translate(this.store.language, key, params);
  }

  /** Draw soon; any number of calls before that are one. */
  changed() {
    if (this.planned) return;
    this.planned = true;
    // Not requestAnimationFrame: a hidden page must still join its lesson.
    queueMicrotask(() => {
      this.planned = false;
      this.render();
    });
  }

  // ------------------------------------------------------------------ server

  /** @param {string} token */
  connect(token) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.connection = new Connection({
      url: `${scheme}//${location.host}/ws/terminal`,
      token,
      version: this.version,
      offset: this.store.offset,
      listener: {
        state: (state) => this.linkChanged(state),
        message: (message) => this.receive(message),
        refused: (command, error) => this.refused(command, error),
        clock: (offset) => {
          this.store.offset = offset;
        },
      },
    });
    this.connection.start();
    // With the server away there is no welcome to wait for; the cached grants may do.
    setTimeout(() => {
      if (!this.welcomed && !this.media) void this.runCheck();
    }, WELCOME_WAIT_MS);
  }

  /** @param {import("./connection.js").LinkState} state */
  linkChanged(state) {
    if (state === "revoked") {
      this.connection?.stop();
      this.connection = null;
      this.store.forget();
      this.lessons = [];
      this.giving = null;
      this.enrolProblem = { key: "enrol.revoked", params: {} };
    }
    this.changed();
  }

  /** @param {any} message */
  receive(message) {
    if (message.type === "welcome") this.welcome(message);
    else if (message.type === "plan") this.setPlan(message.lessons);
    else if (message.type === "lesson") this.setLive(message);
    else if (message.type === "relay") this.media?.relayRestarted(String(message.boot));
    this.changed();
  }

  /** @param {import("./types.js").Welcome} message */
  welcome(message) {
    const first = !this.welcomed;
    this.welcomed = true;
    this.school = message.school;
    this.classroom = message.classroom;
    this.zone = message.zone || this.zone;
    this.checkGrants = message.check;
    this.iceServers = message.ice_servers ?? [];
    this.setPlan(Array.isArray(message.plan) ? message.plan : message.plan.lessons);
    // An end that was pressed while the server was away, before the page was loaded again.
    for (const id of this.left) {
      const lesson = this.lessons.find((l) => l.id === id);
      const running = lesson?.role === "host" && (lesson.state === "open" || lesson.state === "live");
      if (running && !this.connection?.unacknowledged("end", id)) {
        this.connection?.command("end", { lesson: id });
      }
    }
    // A check that ran before there was a server to measure against is not worth much.
    if (first && !this.media) void Promise.resolve(this.check.running).then(() => this.runCheck());
    else this.sayCheck();
  }

  /** @param {Lesson[]} lessons */
  setPlan(lessons) {
    this.lessons = lessons;
    for (const lesson of lessons) {
      const live = this.live[lesson.id];
      // The plan is the newer word: what ended while this terminal was away has ended.
      if (live && live.state !== lesson.state) this.live[lesson.id] = { ...live, state: lesson.state };
    }
    const known = new Set(lessons.map((l) => l.id));
    this.live = Object.fromEntries(Object.entries(this.live).filter(([id]) => known.has(id)));
    const { school, classroom, checkGrants: check, iceServers: ice_servers } = this;
    if (school && classroom) {
      this.store.plan = { lessons, school, classroom, check, ice_servers, boot: "" };
    }
    this.store.write("live", this.live);
  }

  /** @param {Live} live */
  setLive(live) {
    const before = this.live[live.id];
    this.live = { ...this.live, [live.id]: live };
    const lasting = (/** @type {Live | undefined} */ l) => [l?.state, l?.ends_at, l?.live_at].join();
    if (lasting(before) !== lasting(live)) this.store.write("live", this.live);
    const seat = live.seats.find((s) => s.id === this.lessonOf(live.id)?.seat?.id);
    if (this.presentWish?.sent && seat?.present === this.presentWish.present) this.presentWish = null;
    if (this.giving?.lesson === live.id && live.state === "ended") this.over(live.id);
  }

  /** @param {string} id */
  lessonOf(id) {
    return this.lessons.find((l) => l.id === id);
  }

  /** @param {any} command @param {{code: string, zh: string, en: string}} error */
  refused(command, error) {
    const sentence = this.store.language === "en" ? error.en : error.zh;
    this.notice("refused", "warn", this.t("refused.title", { sentence }));
    if (command.type === "hand") this.handWish = null;
    if (command.type === "headcount") this.presentWish = null;
    if (command.type === "end") {
      this.left = this.left.filter((id) => id !== command.lesson);
      this.store.left = this.left;
    }
    this.changed();
  }

  /** @param {string} type @param {Record<string, unknown>} fields */
  say(type, fields) {
    const { lesson } = screenOf(this.inputs());
    if (lesson) this.connection?.command(type, { lesson: lesson.id, ...fields });
    this.changed();
  }

  // ------------------------------------------------------------------ person

  /** @param {string} typed */
  async enrol(typed) {
    const { code, problem } = readCode(typed);
    this.enrolProblem = problem;
    this.changed();
    if (problem || this.enrolBusy) return;
    this.enrolBusy = true;
    this.changed();
    try {
      const response = await fetch("/api/terminal/enrol", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ code, label: deviceLabel() }),
      });
      await this.enrolled(response, code);
    } catch {
      this.enrolProblem = { key: "enrol.unreachable", params: {} };
    } finally {
      this.enrolBusy = false;
      this.changed();
    }
  }

  /** @param {Response} response @param {string} code */
  async enrolled(response, code) {
    if (response.status === 201) {
      const { token, school, classroom } = await response.json();
      this.store.forget();
      this.store.token = token;
      this.school = school;
      this.classroom = classroom;
      this.enrolProblem = null;
      this.connect(token);
    } else if (response.status === 429) {
      const seconds = Number(response.headers.get("Retry-After") ?? 60);
      this.enrolProblem = { key: "enrol.too_many", params: { seconds } };
    } else if (response.status === 403) {
      this.enrolProblem = { key: "enrol.refused", params: { code } };
    } else {
      this.enrolProblem = { key: "enrol.unreachable", params: {} };
    }
  }

  async runCheck() {
    if (!this.media && (await this.check.run())) this.sayCheck();
  }

  async playTone() {
    await this.check.tone();
    this.views.lobby.checkBox.ask(true);
    this.changed();
  }

  /** @param {boolean} heard */
  heard(heard) {
    this.check.heard(heard);
    this.store.speakerHeard = heard ? this.now() : null;
    this.views.lobby.checkBox.ask(false);
    this.sayCheck();
  }

  sayCheck() {
    const { at, camera, microphone, speaker, path, clock_offset_ms } = this.check.result;
    if (at === null) return;
    // Shown to administrators, so in the source language whatever the room has chosen.
    const item = (/** @type {import("./types.js").CheckItem} */ { state, detail, params }) => ({
      state,
      detail: detail ? translate("zh", detail, params) : "",
    });
    this.connection?.send({
      type: "selfcheck",
      camera: item(camera),
      microphone: item(microphone),
      speaker: item(speaker),
      path,
      clock_offset_ms,
    });
  }

  /** @param {"camera" | "microphone"} kind @param {string | null} id */
  choose(kind, id) {
    this.store.devices = { ...this.store.devices, [kind]: id };
    void this.devices.change(kind).then(() => this.runCheck());
  }

  /** @param {Lesson} lesson */
  startLesson(lesson) {
    this.check.cancel();
    this.giving = { lesson: lesson.id, since: this.now(), screen: false };
    this.store.giving = this.giving;
    this.connection?.command("start", { lesson: lesson.id });
    // A press is what the browser wants before it lets sound out.
    this.sounds.unlock();
    this.changed();
  }

  endLesson() {
    const id = this.giving?.lesson;
    if (!id) return;
    this.connection?.command("end", { lesson: id });
    this.left = [...this.left, id];
    this.store.left = this.left;
    this.over(id);
  }

  /** @param {string} id */
  over(id) {
    const title = this.lessonOf(id)?.title ?? "";
    this.notice("ended", "info", this.t("banner.ended", { title }));
    this.leave();
  }

  /** Out of the lesson as its host, whether or not it is over. */
  leave() {
    this.giving = null;
    this.store.giving = null;
    this.armedAt = null;
    this.screenWasShared = false;
    this.changed();
  }

  async toggleScreen() {
    const { media } = this;
    if (!media) return;
    this.screenWasShared = false;
    if (media.screen) {
      media.stopScreen();
      this.rememberScreen(false);
      return;
    }
    try {
      await media.startScreen(() => {
        this.rememberScreen(false);
        this.notice("screen", "warn", this.t("banner.screen_stopped"));
      });
      this.rememberScreen(media.screen !== null);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.notice("screen", "warn", this.t("host.screen_failed", { reason }));
    }
  }

  /** @param {boolean} screen */
  rememberScreen(screen) {
    if (this.giving) {
      this.giving = { ...this.giving, screen };
      this.store.giving = this.giving;
    }
    this.changed();
  }

  toggleHand() {
    const { name, lesson } = screenOf(this.inputs());
    if (name !== "remote" || !lesson) return;
    const live = this.live[lesson.id];
    const shown = this.handWish?.raised ?? (live?.hands ?? []).some((h) => h.seat === lesson.seat?.id);
    this.handWish = { raised: !shown, at: performance.now() };
    this.say("hand", { raised: !shown });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== " " || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const target = /** @type {HTMLElement | null} */ (event.target);
    // A focused control keeps its own meaning of the space bar.
    if (target?.closest("button, input, select, [role=button]")) return;
    if (screenOf(this.inputs()).name !== "remote") return;
    event.preventDefault();
    const { hand } = this.views.remote.bar;
    if (!hand.disabled) this.toggleHand();
  }

  /**
   * @param {string} id
   * @param {Banner["tone"]} tone
   * @param {string} words
   */
  notice(id, tone, words) {
    const dismiss = () => {
      this.notices.delete(id);
      this.changed();
    };
    this.notices.set(id, { id, tone, text: words, dismiss, until: performance.now() + NOTICE_MS });
    this.changed();
  }

  // ------------------------------------------------------------------ decide

  /** @returns {import("./state.js").Inputs} */
  inputs() {
    const now = this.now();
    const lessons = todays(this.lessons, now, this.zone);
    return {
      enrolled: this.store.token !== null,
      link: this.connection?.state ?? "offline",
      welcomed: this.welcomed,
      lessons,
      live: this.live,
      now,
      giving: this.giving?.lesson ?? null,
      flowing: this.flowing(),
      left: this.left,
    };
  }

  flowing() {
    if (!this.media) return false;
    const link = this.media.lesson.role === "host" ? this.media.up.link : this.media.down.link;
    return link.status.flowing;
  }

  /** The media sessions that the screen needs, and no others. @param {ReturnType<typeof screenOf>} screen */
  reconcile({ name, lesson }) {
    const wanted = name === "host" || name === "remote" ? lesson : null;
    if (this.media && this.media.lesson.id !== wanted?.id) {
      this.media.stop();
      this.media = null;
      this.sounds.show([]);
      this.views.host.showScreen(null);
    }
    if (wanted?.grants && !this.media && !this.checksFirst(wanted)) this.enter(wanted);
    if (!this.media || !wanted) return;
    this.media.renew(wanted);
    const live = this.live[wanted.id];
    const online = this.connection?.state === "online";
    this.media.hostIsThere(online && live ? live.host_media : true);
    if (wanted.role === "remote") {
      const called = live?.called_on === wanted.seat?.id && live?.state === "live";
      void this.media.setCalled(called, live?.muted ?? false);
    }
  }

  /**
   * A room whose lesson has just opened looks at itself before it joins; a live lesson waits for
   * nothing.
   * @param {Lesson} lesson
   */
  checksFirst(lesson) {
    const { at, running } = this.check.result;
    const fresh = at !== null && Date.now() - at < CHECK_FRESH_MS;
    const early = lesson.role === "remote" && this.now() < Date.parse(lesson.starts_at);
    if (!early || fresh || this.live[lesson.id]?.state === "live") return false;
    if (!running && this.welcomed) void this.runCheck();
    return running || this.welcomed;
  }

  /** @param {Lesson} lesson */
  enter(lesson) {
    this.check.cancel();
    const view = lesson.role === "host" ? this.views.host : this.views.remote;
    this.media = new LessonMedia(lesson, this.devices, this.iceServers, {
      changed: () => this.changed(),
      own: (stream) => {
        view?.showOwn(stream);
        this.changed();
      },
      screen: (stream) => {
        this.views.host.showScreen(stream);
        this.changed();
      },
      tracks: ({ audio, video }) => {
        this.sounds.show(audio);
        if (lesson.role === "host") this.views.host.showRooms(video);
        else this.views.remote.showTracks(video);
        this.changed();
      },
    });
    void this.media.start();
    void this.keepAwake();
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

  // ------------------------------------------------------------------ draw

  render() {
    const inputs = this.inputs();
    const screen = screenOf(inputs);
    this.reconcile(screen);
    if (!this.media && this.wakeLock) {
      void this.wakeLock.release();
      this.wakeLock = null;
    }
    this.expire();
    this.sayPresent(screen.lesson);
    const frame = this.frame(inputs, screen.lesson);
    this.sayLine(frame);
    const { documentElement: page } = document;
    if (page.dataset.screen !== screen.name) page.dataset.screen = screen.name;
    for (const [name, view] of Object.entries(this.views)) show(view.root, name === screen.name);
    this.head.update(frame);
    show(this.head.root, screen.name !== "enrol");
    this.banners.update(frame);
    this.views[screen.name].update(frame);
  }

  expire() {
    const now = performance.now();
    for (const [id, notice] of this.notices) if (now > notice.until) this.notices.delete(id);
    const said = this.connection;
    const lesson = this.media?.lesson.id ?? "";
    if (this.handWish && !said?.unacknowledged("hand", lesson) && now - this.handWish.at > WISH_MS / 4) {
      this.handWish = null;
    }
  }

  /** @param {Lesson | null} lesson */
  sayPresent(lesson) {
    const wish = this.presentWish;
    if (!wish) return;
    const waited = performance.now() - wish.at;
    if (!lesson) this.presentWish = null;
    else if (!wish.sent && waited > HEADCOUNT_PAUSE_MS) {
      wish.sent = true;
      this.connection?.command("headcount", { lesson: lesson.id, present: wish.present });
    } else if (wish.sent && waited > WISH_MS && !this.connection?.unacknowledged("headcount", lesson.id)) {
      this.presentWish = null;
    }
  }

  /** @param {Frame} frame */
  sayLine({ line, lesson }) {
    const now = performance.now();
    if (!line || !lesson || now - this.lineSaidAt < LINE_EVERY_MS) return;
    this.lineSaidAt = now;
    this.connection?.send({
      type: "line",
      lesson: lesson.id,
      state: line.state === "connecting" ? "reconnecting" : line.state,
      kbps: Math.round(line.kbps),
      loss: line.loss === null ? null : Math.round(line.loss * 10_000) / 10_000,
      frames: line.frames,
    });
  }

  line() {
    if (!this.media) return null;
    const { role } = this.media.lesson;
    const { status } = role === "host" ? this.media.up.link : this.media.down.link;
    const context = { now: performance.now(), expected: this.media.hostMedia, downSince: status.downSince };
    if (status.state === "waiting") return { state: /** @type {const} */ ("good"), seconds: 0, kbps: 0, loss: null, frames: 0 };
    const line = lineOf(status.samples, context);
    return role === "host" ? { ...line, loss: status.sentLoss } : line;
  }

  /**
   * @param {import("./state.js").Inputs} inputs
   * @param {Lesson | null} lesson
   * @returns {Frame}
   */
  frame(inputs, lesson) {
    const line = this.line();
    return {
      t: (key, params) => this.t(key, params),
      language: this.store.language,
      now: inputs.now,
      zone: this.zone,
      inputs,
      lesson,
      live: lesson ? this.live[lesson.id] : undefined,
      school: this.school,
      classroom: this.classroom,
      check: this.check.result,
      devices: this.devices.list,
      chosen: this.store.devices,
      media: this.media,
      line,
      host: { since: this.giving?.since ?? inputs.now, armedAt: this.armedAt },
      handWish: this.handWish?.raised ?? null,
      presentWish: this.presentWish?.present ?? null,
      banners: this.bannersOf(inputs, line),
      enrolProblem: this.enrolProblem,
      enrolBusy: this.enrolBusy,
    };
  }

  /**
   * @param {import("./state.js").Inputs} inputs
   * @param {Frame["line"]} line
   * @returns {Banner[]}
   */
  bannersOf(inputs, line) {
    /** @type {Banner[]} */
    const list = [];
    const { media } = this;
    if (this.soundBlocked) {
      list.push({ id: "sound", tone: "bad", text: "", action: this.t("banner.sound"), press: () => this.sounds.unlock() });
    }
    if (inputs.link === "offline" && inputs.enrolled) {
      list.push({ id: "offline", tone: "warn", text: this.t(media ? "banner.offline_lesson" : "banner.offline") });
    }
    if (media) {
      if (media.links().some((link) => link.status.state === "denied")) {
        list.push({ id: "token", tone: "bad", text: this.t("banner.token") });
      }
      if (media.lesson.role === "host" && line?.state === "reconnecting" && line.seconds * 1000 > STALL_MS) {
        list.push({ id: "relay", tone: "bad", text: this.t("banner.relay", { seconds: line.seconds }) });
      }
      for (const kind of /** @type {const} */ (["camera", "microphone"])) {
        if (this.devices.problem(kind)) {
          list.push({ id: `${kind}-lost`, tone: "bad", text: this.t(`banner.${kind}_lost`) });
        }
      }
      if (this.screenWasShared && media.lesson.role === "host") {
        list.push({
          id: "screen-again",
          tone: "warn",
          text: this.t("banner.screen_again"),
          action: this.t("banner.screen_again_action"),
          press: () => void this.toggleScreen(),
        });
      }
    }
    return [...list, ...this.notices.values()];
  }
}

/** What the administrator reads about this device. */
function deviceLabel() {
  const { userAgent } = navigator;
  const browser = /(Edg|Chrome|Chromium)\/(\d+)/.exec(userAgent);
  const system = /Windows|Linux|Mac OS X|Android/.exec(userAgent)?.[0] ?? "";
  return `${browser ? `${browser[1]} ${browser[2]}` : "Browser"} / ${system}`.slice(0, 80);
}

/** The shell is kept for a boot with the server away; without HTTPS there is no service worker. */
async function keepShell() {
  try {
    await navigator.serviceWorker?.register("/terminal-sw.js", { scope: "/terminal" });
  } catch (error) {
    console.warn("the page will not open with the server away", error);
  }
}

const root = /** @type {HTMLElement} */ (document.getElementById("terminal"));
const { version = "", zone = "Asia/Shanghai" } = root.dataset;
new Terminal(root, { version, zone }).start();
void keepShell();
