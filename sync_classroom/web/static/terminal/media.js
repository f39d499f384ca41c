/**
 * Keeps one media session with the relay alive through anything: refusals, a relay that was
 * restarted, a cable pulled and put back. Opens, watches by statistics, opens again. Knows nothing
 * of the page.
 */

import { RefusedError, openSession } from "./session.js";
import { Playout } from "./playout.js";
import { STALL_MS } from "./state.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./state.js").LineSample} LineSample */
/** @typedef {import("./types.js").PathKind} PathKind */

/** How often statistics are read, ms. */
const POLL_MS = 500;
/** A session that has not connected by then is opened again, ms. */
const CONNECT_MS = 6_000;
/** Same relay, same session, still nothing: it is opened again after this silence, ms. */
const GIVE_UP_MS = 4_000;
/** A publisher only hears the relay's reports, about one a second: its silence is longer, ms. */
const SILENT_PUBLISHER_MS = 3_000;
/** How many times that silence grows when opening again does not help. */
const PATIENCE_MAX = 3;
/** Pauses between attempts, ms: the first ones quick, because most causes are over at once. */
const PAUSES_MS = [200, 500, 1_000, 2_000, 3_000];
/** The longest `Retry-After` that is honoured, ms: a bell rings on time. */
const RETRY_AFTER_MAX_MS = 5_000;
/** A health check that takes longer is a relay that cannot be reached, ms. */
const HEALTH_MS = 1_500;
/** A refused token is not asked with more often than this, ms. */
const DENIED_MS = 5_000;
/** Samples kept for judging the line. */
const SAMPLES_MAX = 40;

/**
 * @typedef {object} LinkStatus
 * @property {"opening" | "connected" | "waiting" | "down" | "denied"} state `waiting`: the relay
 *   has nothing for us yet; `down`: it worked and does not; `denied`: the token is refused
 * @property {number | null} downSince monotonic ms
 * @property {LineSample[]} samples of the present session
 * @property {boolean} flowing bytes are moving
 * @property {number | null} rttMs
 * @property {PathKind} path
 * @property {number | null} sentLoss fraction the relay reports of what we send
 * @property {number} level of the sound we send, 0…1
 * @property {Record<string, SlotStats>} slots by mid
 *
 * @typedef {object} SlotStats
 * @property {string} kind
 * @property {number} frames decoded so far
 * @property {number} bytes so far
 * @property {number} movedAt monotonic ms when a frame (or, for sound, a byte) last came
 * @property {number} width
 * @property {number} level 0…1, sound only
 */

/** @returns {LinkStatus} */
function blank() {
  return {
    state: "opening",
    downSince: null,
    samples: [],
    flowing: false,
    rttMs: null,
    path: "none",
    sentLoss: null,
    level: 0,
    slots: {},
  };
}

export class MediaLink {
  /**
   * @param {object} options
   * @param {"publish" | "subscribe"} options.direction
   * @param {string} options.relay base URL
   * @param {string} options.room
   * @param {() => string} options.token the newest one
   * @param {() => RTCIceServer[]} options.iceServers the newest ones
   * @param {(pc: RTCPeerConnection) => void} options.prepare
   * @param {(pc: RTCPeerConnection) => void} [options.opened] a session that replaces the former
   * @param {(status: LinkStatus) => void} [options.changed] after every poll and change of state
   * @param {() => boolean} options.expected whether media is due now
   */
  constructor(options) {
    this.options = options;
    this.status = blank();
    /** @type {Session | null} */
    this.session = null;
    /** @type {Session | null} the one before, shown until its successor has something to show */
    this.former = null;
    /** @type {string | null} */
    this.relayBoot = null;
    this.stopping = new AbortController();
    /** @type {() => void} */
    this.wake = () => undefined;
    this.reopen = false;
    this.attempt = 0;
    /** @type {Promise<void> | null} */
    this.running = null;
  }

  start() {
    this.running ??= this.run();
  }

  /** Ends the session with DELETE. */
  stop() {
    this.stopping.abort(new Error("stopped"));
    this.wake();
    this.former?.abandon();
    this.session?.close();
    this.former = this.session = null;
  }

  /**
   * The relay was started anew: open again at once, unless that has already happened.
   * @param {string} boot of the relay that runs now
   */
  nudge(boot) {
    if (boot === this.relayBoot && this.status.state === "connected") return;
    this.attempt = 0;
    this.reopen = true;
    this.wake();
  }

  /** Cut a pause short without touching a session that works. */
  hurry() {
    if (this.status.state === "connected") return;
    this.attempt = 0;
    this.wake();
  }

  async run() {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.reopen = false;
      try {
        await this.open();
        await this.watch();
      } catch (error) {
        if (signal.aborted) break;
        await this.failed(error);
      }
    }
  }

  async open() {
    const { relay, room, direction, token, iceServers, prepare } = this.options;
    const url = `${relay}/${direction === "publish" ? "whip" : "whep"}/${encodeURIComponent(room)}`;
    const { signal } = this.stopping;
    if (this.status.state !== "down") this.set({ state: "opening" });
    const session = await openSession({ url, token: token(), iceServers: iceServers(), prepare, signal });
    this.former?.abandon();
    this.former = this.session;
    this.session = session;
    this.options.opened?.(session.pc);
    // Not awaited: it only tells a restart from a stall later on.
    void this.health().then((boot) => {
      if (boot) this.relayBoot = boot;
    });
  }

  /** Returns when the session is to be opened again. */
  async watch() {
    const session = /** @type {Session} */ (this.session);
    const openedAt = performance.now();
    const playout = new Playout();
    let movedAt = openedAt;
    let healthAt = 0;
    /** @type {LineSample[]} */
    const samples = [];
    while (!this.stopping.signal.aborted && !this.reopen) {
      await this.pause(POLL_MS);
      const now = performance.now();
      const look = await this.look(session, now);
      if (this.stopping.signal.aborted) return;
      const grown = look.sample.bytes > (samples.at(-1)?.bytes ?? 0);
      if (grown) movedAt = now;
      samples.push(look.sample);
      if (samples.length > SAMPLES_MAX) samples.shift();
      if (look.sample.connected && grown) this.settle();
      wait(session.pc, playout.look({ ...look.repair, at: now, rttMs: look.facts.rttMs }));
      const publishing = this.options.direction === "publish";
      const silent = now - movedAt;
      const quiet = (publishing || this.options.expected()) && silent > (publishing ? SILENT_PUBLISHER_MS : STALL_MS);
      const stalled = look.sample.connected ? quiet : this.status.downSince !== null;
      this.report(look, samples, stalled, movedAt);
      if (session.pc.connectionState === "failed" || session.pc.connectionState === "closed") return;
      if (!look.sample.connected && samples.every((s) => !s.connected)) {
        if (now - openedAt > CONNECT_MS) return;
        continue;
      }
      if (!quiet || now - healthAt < POLL_MS * 2) continue;
      healthAt = now;
      if (await this.dead(silent, look.sample.connected)) return;
    }
  }

  /**
   * Silence has a reason: the relay was restarted (open again at once), it forgot us (open again
   * soon), or it cannot be reached (opening again would not help; ask again).
   * @param {number} silent ms
   * @param {boolean} connected
   */
  async dead(silent, connected) {
    const boot = await this.health();
    if (boot === null) return false;
    if (this.relayBoot !== null && boot !== this.relayBoot) {
      this.attempt = 0;
      return true;
    }
    // Each time that opening again did not help, the next silence is borne a little longer.
    const patience = GIVE_UP_MS * (1 + Math.min(this.attempt, PATIENCE_MAX));
    // A publisher hears reports from the relay only now and then; while ICE answers it is well.
    const doubt = this.options.direction === "publish" && connected ? 2 : 1;
    if (silent <= patience * doubt) return false;
    this.attempt += 1;
    return true;
  }

  /** The relay's boot id, or null when it cannot be reached. @returns {Promise<string | null>} */
  async health() {
    try {
      const response = await fetch(`${this.options.relay}/healthz`, {
        cache: "no-store",
        signal: AbortSignal.any([this.stopping.signal, AbortSignal.timeout(HEALTH_MS)]),
      });
      return response.ok ? String((await response.json()).boot) : null;
    } catch {
      return null;
    }
  }

  /** The session works: what came before it is no longer shown. */
  settle() {
    this.attempt = 0;
    this.former?.abandon();
    this.former = null;
  }

  /**
   * @param {Awaited<ReturnType<MediaLink["look"]>>} look
   * @param {LineSample[]} samples
   * @param {boolean} stalled
   * @param {number} movedAt
   */
  report(look, samples, stalled, movedAt) {
    const { connected } = look.sample;
    const before = this.status.state;
    const state = connected ? "connected" : before === "connected" || before === "down" ? "down" : "opening";
    this.set({
      ...look.facts,
      state: stalled ? "down" : state,
      downSince: stalled || state === "down" ? (this.status.downSince ?? movedAt) : null,
      samples: [...samples],
      flowing: connected && performance.now() - movedAt < STALL_MS * 2,
    });
  }

  /** @param {unknown} error */
  async failed(error) {
    const refused = error instanceof RefusedError ? error : null;
    const denied = refused !== null && (refused.status === 401 || refused.status === 403);
    const waiting = refused !== null && (refused.status === 409 || refused.status === 404);
    const was = this.status;
    const down = was.downSince ?? (was.state === "connected" ? performance.now() : null);
    this.set({
      state: denied ? "denied" : waiting ? "waiting" : down !== null ? "down" : "opening",
      downSince: waiting ? null : down,
      flowing: false,
    });
    const step = PAUSES_MS[Math.min(this.attempt, PAUSES_MS.length - 1)] ?? 0;
    this.attempt += 1;
    const asked = Math.min(refused?.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
    await this.pause(denied ? DENIED_MS : Math.max(step * (0.75 + Math.random() / 2), asked));
  }

  /** @param {Partial<LinkStatus>} change */
  set(change) {
    this.status = { ...this.status, ...change };
    this.options.changed?.(this.status);
  }

  /** @param {number} ms @returns {Promise<void>} */
  pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /**
   * @param {Session} session
   * @param {number} now
   */
  async look(session, now) {
    const stats = await session.pc.getStats();
    return readStats(stats, now, session.pc.connectionState === "connected", this.status.slots);
  }
}

/**
 * One pass over a statistics report.
 * @param {RTCStatsReport | Map<string, any>} stats
 * @param {number} now monotonic ms
 * @param {boolean} connected
 * @param {Record<string, SlotStats>} before
 */
export function readStats(stats, now, connected, before) {
  let [bytes, received, lost, frames, freezes] = [0, 0, 0, 0, 0];
  const repair = { received: 0, asked: 0, freezes: 0, madeUp: 0, samples: 0 };
  let firstPicture = Infinity;
  /** @type {Record<string, SlotStats>} */
  const slots = {};
  /** @type {{rttMs: number | null, path: PathKind, sentLoss: number | null, level: number, slots: typeof slots}} */
  const facts = { rttMs: null, path: "none", sentLoss: null, level: 0, slots };
  /** @type {any} */
  let pair = null;
  stats.forEach((/** @type {any} */ s) => {
    if (s.type === "inbound-rtp") {
      received += s.packetsReceived ?? 0;
      lost += Math.max(0, s.packetsLost ?? 0);
      frames += s.framesDecoded ?? 0;
      repair.received += s.packetsReceived ?? 0;
      repair.asked += s.nackCount ?? 0;
      repair.madeUp += (s.concealedSamples ?? 0) - (s.silentConcealedSamples ?? 0);
      repair.samples += s.totalSamplesReceived ?? 0;
      // The first picture is the teacher's camera; courseware stands still as a rule, and Chrome
      // would call that a freeze.
      if (s.kind === "video" && Number(s.mid) < firstPicture) {
        firstPicture = Number(s.mid);
        repair.freezes = freezes = s.freezeCount ?? 0;
      }
      slots[s.mid] = slotStats(s, now, before[s.mid]);
    } else if (s.type === "remote-inbound-rtp" && s.kind === "video") {
      facts.sentLoss = s.fractionLost ?? null;
    } else if (s.type === "media-source" && s.kind === "audio") {
      facts.level = s.audioLevel ?? 0;
    } else if (s.type === "transport") {
      pair = stats.get(s.selectedCandidatePairId) ?? pair;
      bytes = s.bytesReceived ?? 0;
    }
  });
  if (pair) {
    facts.rttMs = pair.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000;
    facts.path = pathOf(stats.get(pair.localCandidateId));
  }
  // Media only: STUN answers keep coming from a relay that has nothing to send.
  const media = Object.values(slots).reduce((sum, slot) => sum + slot.bytes, 0);
  const subscribing = Object.keys(slots).length > 0;
  /** @type {LineSample} */
  const sample = {
    at: now,
    connected,
    bytes: subscribing ? media : bytes,
    received,
    lost,
    frames,
    freezes,
  };
  return { sample, facts, repair };
}

/**
 * @param {any} s inbound-rtp
 * @param {number} now
 * @param {SlotStats | undefined} before
 * @returns {SlotStats}
 */
function slotStats(s, now, before) {
  const frames = s.framesDecoded ?? 0;
  const bytes = s.bytesReceived ?? 0;
  const moved = s.kind === "video" ? frames > (before?.frames ?? 0) : bytes > (before?.bytes ?? 0);
  return {
    kind: s.kind,
    frames,
    bytes,
    movedAt: moved ? now : (before?.movedAt ?? -Infinity),
    width: s.frameWidth ?? 0,
    level: s.audioLevel ?? 0,
  };
}

/**
 * Let received media wait so long before it is played; the browser decides where it is null.
 * @param {RTCPeerConnection} pc
 * @param {number | null} ms
 */
function wait(pc, ms) {
  for (const receiver of pc.getReceivers()) {
    // Not in the type library yet; a browser without it ignores the property.
    const one = /** @type {RTCRtpReceiver & {jitterBufferTarget?: number | null}} */ (receiver);
    if (one.jitterBufferTarget !== ms) one.jitterBufferTarget = ms;
  }
}

/**
 * How we reach the relay, by our side of the selected pair: through a TURN server the first leg is
 * ours to know, and only the second is the relay's.
 * @param {any} candidate
 * @returns {PathKind}
 */
function pathOf(candidate) {
  if (!candidate) return "none";
  if (candidate.candidateType === "relay") {
    if (candidate.relayProtocol === "tls") return "turn-tls";
    return candidate.relayProtocol === "tcp" ? "turn-tcp" : "turn-udp";
  }
  return candidate.protocol === "tcp" ? "tcp" : "udp";
}
