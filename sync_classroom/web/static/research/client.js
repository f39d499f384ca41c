/**
 * Speaks to the server about one meeting: comes in, stays in, takes a place, leaves. Never touches
 * the page.
 */

/** An answer that takes longer than this is not coming, ms. */
const PATIENCE_MS = 10_000;
/** Whoever is there says so this often, ms; guests hear of changes in no other way. */
const HERE_MS = { signedIn: 5_000, guest: 2_000 };

/**
 * @typedef {{peer: string, name: string, school: string, leads: boolean}} Person
 *
 * @typedef {object} Meeting
 * @property {string} me
 * @property {string} room the relay's
 * @property {boolean} leads
 * @property {string} state
 * @property {boolean} over
 * @property {string} starts_at
 * @property {string} ends_at
 * @property {string} now
 * @property {number} version counts changes of places, screen and speaker
 * @property {(string | null)[]} places peers by place
 * @property {string | null} screen
 * @property {string | null} speaker
 * @property {Person[]} people
 * @property {Record<string, Person>} names of those who have a place
 * @property {import("../terminal/types.js").Grants | null} grants
 * @property {import("./step.js").Study | null} study
 * @property {"off" | "starting" | "on" | "full" | "failed" | null} recording null: nothing can be
 * @property {number} heard_at `performance.now()` in the middle of the answer's way
 * @property {number} trip ms that the answer took
 *
 * @typedef {{number: number, lesson: string, mark_ms: number, text: string, name: string, peer: string}} Comment
 *
 * @typedef {{lesson: string, file: string, title: string, subject: string, date: string, source: string, duration_s: number}} Offered
 */

/** The server understood and refused. */
export class RefusedError extends Error {
  /** @param {number} status @param {string} code @param {string} words in the page's language */
  constructor(status, code, words) {
    super(words);
    this.status = status;
    this.code = code;
  }
}

export class MeetingClient {
  /**
   * @param {string} session
   * @param {boolean} signedIn
   * @param {{
   *   changed: (meeting: Meeting) => void,
   *   left: (error: RefusedError) => void,
   *   online: (on: boolean) => void,
   * }} events `left`: the server says this page is not in the meeting any more
   */
  constructor(session, signedIn, events) {
    this.session = session;
    this.signedIn = signedIn;
    this.events = events;
    /** What this page calls itself: whoever reloads comes in anew. */
    this.client = crypto.randomUUID();
    this.inside = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {EventSource | null} */
    this.source = null;
    this.asking = false;
    this.again = false;
  }

  /** @param {boolean} anyway @returns {Promise<Meeting>} */
  async join(anyway) {
    const meeting = await this.post("join", { anyway });
    this.inside = true;
    this.listen();
    this.soon();
    return meeting;
  }

  /** @returns {Promise<Meeting>} */
  send() {
    return this.post("send");
  }

  /** @returns {Promise<Meeting>} */
  giveUp() {
    return this.post("listen");
  }

  /** @param {boolean} on @returns {Promise<Meeting>} */
  share(on) {
    return this.post("share", { on });
  }

  /** The leader has the meeting recorded, or stops it. @param {boolean} on @returns {Promise<Meeting>} */
  record(on) {
    return this.post("record", { on });
  }

  finish() {
    return this.post("finish");
  }

  /**
   * What the leader does with the lesson that is watched.
   * @param {string} act @param {Record<string, unknown>} more @returns {Promise<Meeting>}
   */
  study(act, more) {
    return this.post("study", { act, ...more });
  }

  /** @returns {Promise<Offered[]>} what the leader may choose */
  async offered() {
    return (await this.get("study/recordings")).files;
  }

  /** @returns {Promise<Comment[]>} */
  async comments() {
    return (await this.get("comments")).comments;
  }

  /** @param {number} mark_ms @param {string} text @param {string} key @returns {Promise<Comment[]>} */
  async comment(mark_ms, text, key) {
    return (await this.post("comments", { mark_ms, text, key })).comments;
  }

  /** Where the file that is watched is. @param {string} name @param {string} lesson */
  file(name, lesson) {
    const parts = ["research", this.session, "study", lesson, name];
    return `/${parts.map(encodeURIComponent).join("/")}`;
  }

  /** Leave, even while the page is being closed. */
  leave() {
    if (!this.inside) return;
    this.stop();
    const body = JSON.stringify({ client: this.client });
    void fetch(this.url("leave"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
      keepalive: true,
    }).catch(() => undefined);
  }

  stop() {
    this.inside = false;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  listen() {
    if (!this.signedIn) return;
    this.source = new EventSource("/api/events");
    this.source.addEventListener("lesson", () => void this.look());
    this.source.addEventListener("resync", () => void this.look());
  }

  soon() {
    clearTimeout(this.timer);
    if (!this.inside) return;
    this.timer = setTimeout(() => void this.look(), this.signedIn ? HERE_MS.signedIn : HERE_MS.guest);
  }

  /** Ask how the meeting is, once at a time. */
  async look() {
    if (!this.inside) return;
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    try {
      const meeting = await this.post("here");
      this.events.online(true);
      if (this.inside) this.events.changed(meeting);
    } catch (error) {
      if (error instanceof RefusedError && error.status < 500) {
        this.stop();
        this.events.left(error);
      } else {
        this.events.online(false);
      }
    } finally {
      this.asking = false;
      if (this.again) {
        this.again = false;
        void this.look();
      } else {
        this.soon();
      }
    }
  }

  /** @param {string} what */
  url(what) {
    return `/api/research/${encodeURIComponent(this.session)}/${what}`;
  }

  /**
   * @param {string} what
   * @param {Record<string, unknown>} [more]
   * @returns {Promise<any>}
   */
  async post(what, more = {}) {
    const asked = performance.now();
    const answer = await this.ask(what, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ client: this.client, ...more }),
    });
    const heard = performance.now();
    return answer && { ...answer, heard_at: (asked + heard) / 2, trip: heard - asked };
  }

  /** @param {string} what @returns {Promise<any>} */
  get(what) {
    return this.ask(what, {});
  }

  /** @param {string} what @param {RequestInit} how @returns {Promise<any>} */
  async ask(what, how) {
    const response = await fetch(this.url(what), { ...how, signal: AbortSignal.timeout(PATIENCE_MS) });
    const answer = response.status === 204 ? null : await response.json();
    if (!response.ok) {
      const words = document.documentElement.lang.startsWith("zh") ? answer.zh : answer.en;
      throw new RefusedError(response.status, answer.code, words);
    }
    return answer;
  }
}
