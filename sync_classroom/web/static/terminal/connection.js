/**
 * The WebSocket to the coordinator: hello, reconnecting, the server's clock, and commands that are
 * repeated until acknowledged. Knows nothing of the page.
 */

/** @typedef {import("./types.js").Welcome} Welcome */

/** First and longest pause between two attempts, ms; each pause is jittered over its upper half. */
export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_LAST_MS = 5000;
/** The protocol's proof of life, ms; a silence this long after asking means the line is gone. */
const TIME_EVERY_MS = 10_000;
const TIME_ANSWER_MS = 5_000;
/** An attempt that has not been welcomed by then is given up, ms. */
const WELCOME_MS = 8_000;
/** A welcome asked for again is waited for this long, ms. */
const RENEW_MS = 3_000;
/** An unacknowledged command is said again after this, ms. */
const REPEAT_MS = 3_000;
/** Commands kept while the server is away; the oldest is dropped and reported beyond this. */
const QUEUE_MAX = 64;
/** Clock samples looked at; the one with the shortest round trip wins. */
const CLOCK_SAMPLES = 8;
/** Commands that set a value: a newer one makes an older unacknowledged one pointless. */
const SETTERS = new Set(["hand", "call", "mute", "quiet", "headcount", "answer", "page"]);

/**
 * The pause before attempt `n` (0 for the first retry), ms, with jitter so that 48 classrooms do
 * not return in step.
 * @param {number} n
 * @param {() => number} random
 */
export function backoff(n, random = Math.random) {
  const whole = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(n, 10));
  return whole / 2 + (random() * whole) / 2;
}

/** 128 random bits; `crypto.randomUUID` would need HTTPS before the page can say that it does. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Estimates server minus device clock from `time` exchanges. */
export class ClockOffset {
  /** @param {number} initial ms */
  constructor(initial) {
    this.offset = initial;
    this.measured = false;
    /** @type {{rtt: number, offset: number}[]} */
    this.samples = [];
  }

  /**
   * @param {number} sent device clock, ms
   * @param {number} received device clock, ms
   * @param {number} server server clock in between, ms
   */
  feed(sent, received, server) {
    const rtt = received - sent;
    if (rtt < 0 || rtt > TIME_ANSWER_MS) return;
    const offset = server - (sent + received) / 2;
    const last = this.samples.at(-1);
    // Either clock was set meanwhile: what was measured before says nothing any more.
    if (last && Math.abs(offset - last.offset) > 2000) this.samples = [];
    this.samples = [...this.samples, { rtt, offset }].slice(-CLOCK_SAMPLES);
    const best = this.samples.reduce((a, b) => (b.rtt < a.rtt ? b : a));
    this.offset = best.offset;
    this.measured = true;
  }
}

/**
 * @typedef {"connecting" | "online" | "offline" | "replaced" | "revoked"} LinkState
 *
 * @typedef {object} Listener
 * @property {(state: LinkState) => void} state
 * @property {(message: any) => void} message every message that is not dealt with here
 * @property {(command: any, error: {code: string, zh: string, en: string}) => void} refused
 * @property {(offset: number) => void} clock
 */

export class Connection {
  /**
   * @param {object} options
   * @param {string} options.url
   * @param {string} options.token
   * @param {string} options.version
   * @param {number} options.offset server minus device clock as last known, ms
   * @param {Listener} options.listener
   */
  constructor({ url, token, version, offset, listener }) {
    this.url = url;
    this.token = token;
    this.version = version;
    this.listener = listener;
    this.boot = randomId();
    this.clock = new ClockOffset(offset);
    /** @type {LinkState} */
    this.state = "connecting";
    /** @type {Map<string, {message: any, saidAt: number}>} */
    this.pending = new Map();
    /** @type {WebSocket | null} */
    this.socket = null;
    this.attempt = 0;
    /** @type {number | undefined} */
    this.retryTimer = undefined;
    this.welcomed = false;
    this.openedAt = 0;
    this.timeAskedAt = 0;
    this.timeAnswered = true;
    this.stopped = false;
    /** @type {() => void} */
    this.renewed = () => undefined;
    this.ticker = setInterval(() => this.tick(), 500);
    this.onNetwork = () => this.hurry();
    globalThis.addEventListener?.("online", this.onNetwork);
  }

  start() {
    this.stopped = false;
    this.open();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    clearInterval(this.ticker);
    globalThis.removeEventListener?.("online", this.onNetwork);
    this.drop();
  }

  /** Now by the server's clock, ms. */
  now() {
    return Date.now() + this.clock.offset;
  }

  /** Try at once instead of waiting for the pause to end. */
  hurry() {
    if (this.stopped || this.socket || this.isOver()) return;
    clearTimeout(this.retryTimer);
    this.open();
  }

  /** Take the classroom back from the tab that replaced this one. */
  takeBack() {
    this.set("connecting");
    this.attempt = 0;
    this.open();
  }

  /**
   * A fresh welcome, for what it brings: grants of the check room live two minutes only.
   * @returns {Promise<void>} when it came, or when it is not worth waiting for any longer
   */
  renew() {
    if (this.state !== "online") return Promise.resolve();
    this.drop();
    this.open();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RENEW_MS);
      this.renewed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nothing brings this connection back by itself. */
  isOver() {
    return this.state === "replaced" || this.state === "revoked";
  }

  open() {
    if (this.socket || this.stopped) return;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.welcomed = false;
    this.openedAt = Date.now();
    socket.onopen = () => {
      const { token, version, boot } = this;
      socket.send(JSON.stringify({ type: "hello", token, version, boot }));
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event.code);
    };
  }

  /** Forget the socket without waiting for its close, which a dead line delays for minutes. */
  drop() {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {number} code */
  lost(code) {
    this.drop();
    if (code === 4401) return this.set("revoked");
    if (code === 4409) return this.set("replaced");
    if (this.stopped || this.isOver()) return undefined;
    this.set("offline");
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.open(), backoff(this.attempt));
    this.attempt += 1;
    return undefined;
  }

  /** @param {LinkState} state */
  set(state) {
    if (state === this.state) return;
    this.state = state;
    this.listener.state(state);
  }

  tick() {
    const now = Date.now();
    if (!this.socket) return;
    if (!this.welcomed) {
      if (now - this.openedAt > WELCOME_MS) this.lost(0);
      return;
    }
    if (!this.timeAnswered && now - this.timeAskedAt > TIME_ANSWER_MS) {
      this.lost(0);
      return;
    }
    if (now - this.timeAskedAt >= TIME_EVERY_MS) this.askTime();
    for (const entry of this.pending.values()) {
      if (now - entry.saidAt >= REPEAT_MS) this.say(entry);
    }
  }

  askTime() {
    this.timeAskedAt = Date.now();
    this.timeAnswered = false;
    this.send({ type: "time", sent: this.timeAskedAt });
  }

  /** @param {unknown} data */
  receive(data) {
    /** @type {any} */
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    switch (message?.type) {
      case "welcome":
        this.welcome(message);
        break;
      case "time":
        this.timeAnswered = true;
        this.clock.feed(message.sent, Date.now(), message.now);
        this.listener.clock(this.clock.offset);
        break;
      case "ack":
        this.pending.delete(message.id);
        break;
      case "error":
        this.refuse(message);
        break;
      case "bye":
        this.bye(message.reason);
        break;
      case undefined:
        break;
      default:
        this.listener.message(message);
    }
  }

  /** @param {Welcome} message */
  welcome(message) {
    this.welcomed = true;
    this.attempt = 0;
    if (!this.clock.measured) this.clock.offset = message.now - Date.now();
    this.listener.message({ ...message, type: "welcome" });
    this.set("online");
    this.renewed();
    this.askTime();
    for (const entry of this.pending.values()) this.say(entry);
  }

  /** @param {{id: string | null, code: string, zh: string, en: string}} message */
  refuse(message) {
    const entry = message.id ? this.pending.get(message.id) : undefined;
    if (entry && message.id) {
      this.pending.delete(message.id);
      this.listener.refused(entry.message, message);
    } else {
      console.warn("server refused a message", message.code, message.en);
    }
  }

  /** @param {string} reason */
  bye(reason) {
    if (reason === "revoked") this.lost(4401);
    else if (reason === "replaced") this.lost(4409);
    else this.lost(0);
  }

  /** @param {any} message @returns {boolean} whether it left this device */
  send(message) {
    if (!this.welcomed || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {{message: any, saidAt: number}} entry */
  say(entry) {
    if (this.send(entry.message)) entry.saidAt = Date.now();
  }

  /**
   * Say a command until the server acknowledges or refuses it, over any number of reconnects.
   * @param {string} type
   * @param {Record<string, unknown>} fields with `lesson`
   */
  command(type, fields) {
    if (SETTERS.has(type)) {
      for (const [id, { message }] of this.pending) {
        if (message.type === type && message.lesson === fields.lesson) this.pending.delete(id);
      }
    }
    if (this.pending.size >= QUEUE_MAX) {
      const [id, entry] = /** @type {[string, {message: any}]} */ (
        this.pending.entries().next().value
      );
      this.pending.delete(id);
      console.warn("command queue full, dropped", entry.message.type);
    }
    const entry = { message: { type, id: randomId(), ...fields }, saidAt: 0 };
    this.pending.set(entry.message.id, entry);
    this.say(entry);
  }

  /**
   * Whether a command of this type, for this lesson if one is named, is still unacknowledged.
   * @param {string} type
   * @param {string} [lesson]
   * @returns {any} the newest such message, or null
   */
  unacknowledged(type, lesson) {
    let found = null;
    for (const { message } of this.pending.values()) {
      if (message.type === type && (lesson === undefined || message.lesson === lesson)) found = message;
    }
    return found;
  }
}
