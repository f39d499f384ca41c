/**
 * The page: one place where everything that happened (server, media, device, person) becomes the
 * next picture. Events change the model and call `changed()`; `render()` decides, reconciles the
 * media sessions with what was decided, and draws.
 */

import { Checkup } from "./checkup.js";
import { Connection } from "./connection.js";
import { Courier } from "./courier.js";
import { Devices } from "./devices.js";
import { Sounds, show } from "./dom.js";
import { enrol } from "./enrolment.js";
import { Faults } from "./faults.js";
import { Inbox } from "./inbox.js";
import { InkBoard } from "./ink.js";
import { LineReports } from "./line_reports.js";
import { Model } from "./model.js";
import { Notices, conditions } from "./notices.js";
import { Pages } from "./pages.js";
import { PlanNotices } from "./plan_notices.js";
import { Presenting } from "./presenting.js";
import { Sharing } from "./sharing.js";
import { isOutdated, keepShell } from "./shell.js";
import { Stage } from "./stage.js";
import { mayStart, nextLesson, readCode, screenOf } from "./state.js";
import { Store } from "./store.js";
import { translate } from "./strings.js";
import { Banners, Enrol, Head, Replaced } from "./views/frame.js";
import { HelpCall } from "./views/help.js";
import { Host } from "./views/host.js";
import { InboxView } from "./views/inbox.js";
import { Lobby } from "./views/lobby.js";
import { Remote } from "./views/remote.js";

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./views/frame.js").Frame} Frame */

/** Drawn at least this often: clocks and countdowns move. */
const TICK_MS = 250;
/** A server that has not welcomed us by then is taken to be away for the self-check. */
const WELCOME_WAIT_MS = 4_000;

class Terminal {
  /**
   * @param {HTMLElement} root
   * @param {{version: string, zone: string}} config
   */
  constructor(root, config) {
    this.version = config.version;
    this.store = new Store(localStorage);
    this.model = new Model(this.store, config.zone);
    const changed = () => this.changed();
    this.notices = new Notices(changed);
    this.planNotices = new PlanNotices(
      (notice, state) => this.connection?.send({ type: "noticed", notice, state }) ?? false,
    );
    this.courier = new Courier({ token: () => this.store.token });
    this.inbox = new Inbox({ token: () => this.store.token, changed });
    this.devices = new Devices(() => this.store.devices, changed);
    /** @type {Connection | null} */
    this.connection = null;
    /** @type {number | null} */
    this.armedAt = null;
    /** @type {Frame["enrolProblem"]} */
    this.enrolProblem = null;
    this.enrolBusy = false;
    this.soundBlocked = false;
    this.lines = new LineReports();
    this.faults = new Faults();
    this.faults.listen(window);
    this.outdated = false;
    this.planned = false;

    this.sounds = new Sounds((blocked) => {
      this.soundBlocked = blocked;
      this.changed();
    });
    this.banners = new Banners();
    this.help = new HelpCall((words) => this.callForHelp(words));
    this.head = new Head(() => {
      this.store.language = this.store.language === "zh" ? "en" : "zh";
      this.changed();
    }, this.help);
    this.ink = new InkBoard({ send: (message) => this.connection?.send(message), changed });
    const token = () => this.store.token;
    this.pages = new Pages({ token, changed });
    this.presenting = new Presenting({
      deck: this.model.deck,
      ink: this.ink,
      now: () => {
        const { lesson } = screenOf(this.inputs());
        return { lesson, live: this.model.live[lesson?.id ?? ""] };
      },
      token,
      changed,
      sharing: /** @returns {Sharing} */ () => this.sharing,
      say: (type, fields) => this.say(type, fields),
    });
    this.views = this.build();
    const { devices, model, store, sounds, views, notices } = this;
    const entering = () => this.checkup.cancel();
    const say = (/** @type {string} */ key) => this.notices.add("missed", "info", this.t(key));
    const stage = (this.stage = new Stage({ devices, model, sounds, views, changed, entering, say }));
    this.sharing = new Sharing({ stage, model, notices, changed, begun: () => this.presenting.away(), t: this.t.bind(this) });
    this.checkup = new Checkup({
      devices,
      model,
      store,
      changed,
      now: () => this.now(),
      connection: () => this.connection,
      inLesson: () => this.stage.media !== null,
      ask: (heard) => views.lobby.checkBox.ask(heard),
    });
    root.replaceChildren(
      this.head.root,
      this.help.root,
      this.banners.root,
      ...Object.values(this.views).map((view) => view.root),
      this.sounds.root,
    );
  }

  build() {
    return {
      enrol: new Enrol((code) => void this.enrol(code), () => this.head.language.click()),
      replaced: new Replaced(() => this.connection?.takeBack()),
      lobby: new Lobby({
        start: (lesson) => this.startLesson(lesson),
        check: () => void this.checkup.run(),
        tone: () => void this.checkup.playTone(),
        inbox: () => this.inbox.show(true),
        heard: (heard) => this.checkup.heard(heard),
        choose: (kind, id) => {
          this.store.devices = { ...this.store.devices, [kind]: id };
          void this.devices.change(kind).then(() => this.checkup.run());
        },
      }),
      inbox: new InboxView(this.inbox),
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
        quiet: (quiet) => this.say("quiet", { quiet }),
        screen: () => void this.sharing.toggle(),
        documents: this.presenting,
        ink: () => this.ink,
        ask: (text, options) => this.say("ask", { text, options }),
        close: (question, shown) => this.say("close", { question, shown }),
        camera: () => this.stage.media?.setCamera(!this.stage.media.cameraOn),
        voice: () => this.stage.media?.setVoice(!this.stage.media.voiceOn),
      }),
      remote: new Remote({
        hand: () => this.turnHand(),
        missed: { hush: (on) => this.sounds.hush(on), token: () => this.store.token },
        present: (present) => {
          const { lesson } = screenOf(this.inputs());
          if (lesson) this.model.setPresent(lesson, present, performance.now());
          this.changed();
        },
        message: (text) => {
          this.say("message", { text });
          this.notices.add("message", "info", this.t("message.sent", { text }));
        },
        answer: (place, count) => {
          const { lesson } = screenOf(this.inputs());
          if (lesson) this.model.setAnswer(lesson, place, count, performance.now());
          this.changed();
        },
      }),
    };
  }

  start() {
    setInterval(() => this.changed(), TICK_MS);
    document.addEventListener("keydown", (event) => this.key(event));
    // A touched button would keep the focus, and the space bar (or a presenter's remote) would
    // press it again instead of raising the hand. Whoever came by keyboard keeps the focus.
    document.addEventListener("click", (event) => {
      if (event.detail > 0 && event.target instanceof Element) event.target.closest("button")?.blur();
    });
    document.addEventListener("visibilitychange", () => void this.stage.keepAwake());
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
        refused: (command, error) => {
          const sentence = this.store.language === "en" ? error.en : error.zh;
          this.model.refused(command);
          this.notices.add("refused", "warn", this.t("refused.title", { sentence }));
        },
        clock: (offset) => {
          this.store.offset = offset;
        },
      },
    });
    this.connection.start();
    // With the server away there is no welcome to wait for; the cached grants may do.
    setTimeout(() => {
      if (!this.model.welcomed) void this.checkup.run();
    }, WELCOME_WAIT_MS);
  }

  /** @param {import("./connection.js").LinkState} state */
  linkChanged(state) {
    if (state === "revoked") {
      this.connection?.stop();
      this.connection = null;
      this.model.forget();
      this.planNotices.forget();
      void this.inbox.forget();
      this.enrolProblem = { key: "enrol.revoked", params: {} };
    }
    this.changed();
  }

  /** @param {any} message */
  receive(message) {
    if (message.type === "welcome") this.welcome(message);
    else if (message.type === "plan") this.over(this.model.setPlan(message.lessons));
    else if (message.type === "lesson") this.over(this.model.setLive(message));
    else if (message.type === "notice") this.planNotices.take(message);
    else if (["ink", "wipe", "point"].includes(message.type)) this.ink.receive(message);
    else if (message.type === "help") this.model.help = message;
    else if (message.type === "pushes") this.inbox.heardOf();
    else if (message.type === "relay") this.stage.media?.relayRestarted(String(message.boot));
    this.changed();
  }

  /** @param {import("./types.js").Welcome} message */
  welcome(message) {
    const first = !this.model.welcomed;
    // An end that was pressed while the server was away, before the page was loaded again.
    for (const lesson of this.model.welcome(message)) {
      if (!this.connection?.unacknowledged("end", lesson)) this.connection?.command("end", { lesson });
    }
    this.planNotices.welcomed();
    this.ink.welcomed();
    this.checkup.welcomed(first);
    // After a reconnect: was the server upgraded, and this page with it?
    if (!first) void isOutdated(this.version).then((outdated) => (this.outdated = outdated));
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
    const answer = await enrol(code);
    this.enrolBusy = false;
    this.enrolProblem = answer.problem;
    if (answer.enrolled) {
      this.model.forget();
      void this.inbox.forget();
      this.store.token = answer.enrolled.token;
      this.model.school = answer.enrolled.school;
      this.model.classroom = answer.enrolled.classroom;
      this.connect(answer.enrolled.token);
    }
    this.changed();
  }

  /** @param {Lesson} lesson */
  startLesson(lesson) {
    this.checkup.cancel();
    this.model.give(lesson.id, this.now());
    this.connection?.command("start", { lesson: lesson.id });
    // A press is what the browser wants before it lets sound out.
    this.sounds.unlock();
    this.changed();
  }

  endLesson() {
    const lesson = this.model.lesson(this.model.giving?.lesson ?? "");
    if (!lesson) return;
    this.connection?.command("end", { lesson: lesson.id });
    this.model.end(lesson.id);
    this.over(lesson);
  }

  /** @param {Lesson | null} lesson that was given here and is over */
  over(lesson) {
    if (!lesson) return;
    this.notices.add("ended", "info", this.t("banner.ended", { title: lesson.title || lesson.subject }));
    this.leave();
  }

  leave() {
    this.model.stopGiving();
    this.armedAt = null;
    this.sharing.before = false;
    this.changed();
  }

  /** @param {string} words what is wrong */
  callForHelp(words) {
    const { lesson } = screenOf(this.inputs());
    const errors = this.faults.list();
    this.connection?.command("help", { lesson: lesson?.id ?? null, text: words, errors });
    this.changed();
  }

  turnHand() {
    const { name, lesson } = screenOf(this.inputs());
    if (name !== "remote" || !lesson) return;
    this.say("hand", { raised: this.model.turnHand(lesson, performance.now()) });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "Escape") this.inbox.back();
    if (event.key !== " " || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const target = /** @type {HTMLElement | null} */ (event.target);
    // A focused control keeps its own meaning of the space bar.
    if (target?.closest("button, input, select, [role=button]")) return;
    if (screenOf(this.inputs()).name !== "remote") return;
    event.preventDefault();
    if (!this.views.remote.bar.hand.disabled) this.turnHand();
  }

  // ------------------------------------------------------------------ decide

  inputs() {
    return this.model.inputs({ now: this.now(), link: this.connection?.state ?? "offline", flowing: this.stage.flowing() });
  }

  /** @param {ReturnType<typeof screenOf>} screen */
  reconcile({ name, lesson }) {
    this.stage.reconcile(name === "host" || name === "remote" ? lesson : null, {
      online: this.connection?.state === "online",
      waits: (wanted) => this.checkup.isFirst(wanted),
    });
  }

  /** What is put off until no lesson needs this device. @param {import("./state.js").Inputs} inputs */
  inLobby(inputs) {
    const next = nextLesson(inputs);
    const soon = next?.role === "host" && mayStart(next, inputs.now);
    if (soon) this.checkup.afresh();
    else if (this.outdated && !this.inbox.shown) location.reload();
  }

  /** What this room receives, for its own journal, and its pushes. @param {boolean} online */
  observe(online) {
    const clock = this.connection?.clock;
    const at = performance.now();
    const offset = clock?.measured ? clock.offset : null;
    this.courier.look(this.stage.received({ at, clock: Date.now(), offset }), { online, at });
    this.inbox.look({ online, inLesson: screenOf(this.inputs()).lesson !== null, at, now: this.now() });
  }

  // ------------------------------------------------------------------ draw

  render() {
    const inputs = this.inputs();
    const screen = screenOf(inputs);
    this.reconcile(screen);
    this.ink.enter(screen.name === "host" || screen.name === "remote" ? (screen.lesson?.id ?? null) : null);
    this.observe(inputs.link === "online");
    if (screen.name === "lobby") this.inLobby(inputs);
    else if (this.inbox.shown) this.inbox.show(false);
    const name = screen.name === "lobby" && this.inbox.shown ? "inbox" : screen.name;
    const waiting = (/** @type {string} */ type, /** @type {string} */ lesson) =>
      Boolean(this.connection?.unacknowledged(type, lesson));
    const count = this.model.settle(performance.now(), waiting);
    if (count) this.connection?.command("headcount", count);
    const answer = this.model.settleAnswer(performance.now(), waiting);
    if (answer) this.connection?.command("answer", answer);
    this.presenting.settle(screen, waiting("page", screen.lesson?.id ?? ""));
    const frame = this.frame(inputs, screen.lesson);
    this.faults.see(frame.banners);
    this.lines.say(frame, (message) => this.connection?.send(message));
    const { documentElement: page } = document;
    if (page.dataset.screen !== name) page.dataset.screen = name;
    const lang = this.store.language === "en" ? "en" : "zh-CN";
    if (page.lang !== lang) page.lang = lang;
    for (const [own, view] of Object.entries(this.views)) show(view.root, own === name);
    show(this.head.root, name !== "enrol");
    this.head.update(frame);
    this.help.update(frame);
    this.banners.update(frame);
    this.views[name].update(frame);
  }

  /**
   * @param {import("./state.js").Inputs} inputs
   * @param {Lesson | null} lesson
   * @returns {Frame}
   */
  frame(inputs, lesson) {
    const { model, store } = this;
    const { media } = this.stage;
    const t = this.t.bind(this);
    return {
      t,
      language: store.language,
      now: inputs.now,
      zone: model.zone,
      inputs,
      lesson,
      live: lesson ? model.live[lesson.id] : undefined,
      school: model.school,
      classroom: model.classroom,
      term: model.term,
      check: this.checkup.result,
      devices: this.devices.list,
      chosen: store.devices,
      media,
      line: this.stage.line(),
      inbox: this.inbox,
      host: { since: model.giving?.since ?? inputs.now, armedAt: this.armedAt },
      handWish: model.hand?.raised ?? null,
      presentWish: model.present?.present ?? null,
      answer: (question) => model.answer.counts(lesson?.id ?? "", question, lesson?.seat?.id ?? ""),
      banners: [
        ...conditions({
          t,
          soundBlocked: this.soundBlocked,
          offline: inputs.link === "offline" && inputs.enrolled,
          media,
          line: this.stage.line(),
          devices: this.devices,
          screenWasShared: this.sharing.before,
          actions: { unlock: () => this.sounds.unlock(), screen: () => void this.sharing.toggle() },
        }),
        ...this.notices.list(),
        ...this.planNotices.banners({
          now: inputs.now,
          t,
          language: store.language,
          inLesson: lesson !== null,
          changed: () => this.changed(),
        }),
      ],
      ink: this.ink,
      missed: this.stage.missed,
      page: lesson ? model.deck.shown(lesson.id, model.live[lesson.id]) : null,
      pages: this.pages,
      given: this.presenting.given,
      help: { call: model.help, sending: Boolean(this.connection?.unacknowledged("help")) },
      enrolProblem: this.enrolProblem,
      enrolBusy: this.enrolBusy,
    };
  }
}

const root = /** @type {HTMLElement} */ (document.getElementById("terminal"));
const { version = "", zone = "Asia/Shanghai" } = root.dataset;
new Terminal(root, { version, zone }).start();
void keepShell();
