/**
 * What the device remembers over a reload or a reboot: its token, today's plan with the relay's
 * grants, the clock, and what it was doing. All of it in localStorage; nothing about pupils.
 */

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./types.js").Grants} Grants */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {import("./types.js").Language} Language */

/**
 * @typedef {object} CachedPlan
 * @property {Lesson[]} lessons
 * @property {Place} classroom
 * @property {Place} school
 * @property {Grants | null} check
 * @property {{week1_monday: string} | null} term
 */

/**
 * @typedef {object} Giving The lesson this terminal is giving, so that a reload goes on with it.
 * @property {string} lesson
 * @property {number} since ms of the server's clock
 * @property {boolean} screen whether courseware was being shared
 */

const PREFIX = "sync-classroom/terminal/";

/** The values by name, each JSON under its own key; a value that cannot be read counts as absent. */
export class Store {
  /** @param {Storage} storage */
  constructor(storage) {
    this.storage = storage;
  }

  /**
   * @template T
   * @param {string} name
   * @returns {T | null}
   */
  read(name) {
    const text = this.storage.getItem(PREFIX + name);
    if (text === null) return null;
    try {
      return JSON.parse(text);
    } catch {
      this.storage.removeItem(PREFIX + name);
      return null;
    }
  }

  /**
   * @param {string} name
   * @param {unknown} value null removes it
   */
  write(name, value) {
    if (value === null) {
      this.storage.removeItem(PREFIX + name);
      return;
    }
    try {
      this.storage.setItem(PREFIX + name, JSON.stringify(value));
    } catch (error) {
      // A full or forbidden storage costs the memory over a reboot, never the running lesson.
      console.warn("terminal memory is not writable", error);
    }
  }

  /** @returns {string | null} */
  get token() {
    return this.read("token");
  }

  set token(value) {
    this.write("token", value);
  }

  /** @returns {CachedPlan | null} */
  get plan() {
    return this.read("plan");
  }

  set plan(value) {
    this.write("plan", value);
  }

  /** @returns {Giving | null} */
  get giving() {
    return this.read("giving");
  }

  set giving(value) {
    this.write("giving", value);
  }

  /** @returns {Language} */
  get language() {
    return this.read("language") === "en" ? "en" : "zh";
  }

  set language(value) {
    this.write("language", value);
  }

  /** Server minus device clock, ms, as last measured. @returns {number} */
  get offset() {
    return Number(this.read("offset") ?? 0);
  }

  set offset(value) {
    this.write("offset", value);
  }

  /** @returns {{camera: string | null, microphone: string | null}} */
  get devices() {
    return this.read("devices") ?? { camera: null, microphone: null };
  }

  set devices(value) {
    this.write("devices", value);
  }

  /** Lessons ended here while the server was away, so that they are not entered again. @returns {string[]} */
  get left() {
    return this.read("left") ?? [];
  }

  set left(value) {
    this.write("left", value.slice(-20));
  }

  /** When a person last confirmed the speaker, ms. @returns {number | null} */
  get speakerHeard() {
    return this.read("speaker");
  }

  set speakerHeard(value) {
    this.write("speaker", value);
  }

  /** Forget everything but the language: the token was withdrawn. */
  forget() {
    for (const name of ["token", "plan", "giving", "left", "speaker"]) this.write(name, null);
  }
}
