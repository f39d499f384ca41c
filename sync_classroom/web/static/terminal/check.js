/**
 * The self-check: does the camera give a picture, the microphone a sound, the speaker a tone that a
 * person confirms; how far the clock is off; and how the relay is really reached, by publishing to
 * a check room for two seconds. Knows nothing of the page.
 */

import { DeviceError, rawMicrophone } from "./devices.js";
import { RefusedError, openSession, prefer, roomOf } from "./session.js";
import { readStats } from "./media.js";

/** @typedef {import("./types.js").CheckItem} CheckItem */
/** @typedef {import("./types.js").CheckResult} CheckResult */
/** @typedef {import("./types.js").Grants} Grants */
/** @typedef {import("./types.js").PathKind} PathKind */
/** @typedef {import("./session.js").Way} Way */
/** @typedef {import("./devices.js").Devices} Devices */

/** How long the line is measured once it is connected, and waited for before, ms. */
const MEASURE_MS = 2_000;
const CONNECT_MS = 5_000;
/** How long the camera may take to give frames, and how many must come. */
const FRAMES_MS = 3_000;
const FRAMES_WANTED = 5;
/** How long the microphone is listened to, ms: the gaps of speech are shorter. */
const LISTEN_MS = 1_500;
/** Digital silence: below the last bit of 16. */
const SILENT_PEAK = 1 / 65_536;
/** A picture with less than this share of pixels above near-black is dark. */
const LIT_SHARE = 0.01;
/** A way that has not connected by then is blocked, ms: the first check after a lost one is sent at
 * 250 and 750 ms, a lost TCP segment again at 1 and 3 s. */
const WAY_MS = 4_000;
/** What a lesson bears: beyond it somebody should look. */
const CLOCK_OFF_MS = 5_000;
const LOSS_BAD = 0.03;
const RTT_BAD_MS = 300;
/** The tone: middle of the voice, loud enough for a hall, short. */
const TONE_HZ = 660;
const TONE_S = 1.2;

/** @returns {CheckItem} */
const unknown = (detail = "") => ({ state: "unknown", detail });
/** @param {string} detail @param {Record<string, string | number>} [params] @returns {CheckItem} */
const ok = (detail, params) => ({ state: "ok", detail, ...(params ? { params } : {}) });
/** @param {string} detail @param {Record<string, string | number>} [params] @returns {CheckItem} */
const failed = (detail, params) => ({ state: "failed", detail, ...(params ? { params } : {}) });

/** @param {boolean} heard whether a person confirmed the speaker before @returns {CheckResult} */
export function blankResult(heard) {
  return {
    running: false,
    at: null,
    camera: unknown(),
    microphone: unknown(),
    speaker: heard ? ok("check.speaker.ok") : unknown("check.speaker.unconfirmed"),
    clock: unknown("check.clock.unmeasured"),
    line: unknown("check.line.untested"),
    path: { kind: "none", rtt_ms: null, loss: null, ways: {} },
    clock_offset_ms: null,
  };
}

/**
 * @param {{offset: number, measured: boolean}} clock
 * @returns {CheckItem}
 */
export function clockItem({ offset, measured }) {
  if (!measured) return unknown("check.clock.unmeasured");
  if (Math.abs(offset) < CLOCK_OFF_MS) return ok("check.clock.ok", { ms: Math.round(Math.abs(offset)) });
  return failed("check.clock.off", { seconds: Math.round(Math.abs(offset) / 1000) });
}

/** What people are told of a path; protocols have no translation. */
export const PATH_NAMES = /** @type {const} */ ({
  udp: "UDP",
  tcp: "TCP",
  "turn-udp": "TURN/UDP",
  "turn-tcp": "TURN/TCP",
  "turn-tls": "TURN/TLS",
  none: "–",
});

/**
 * Each way that was tried by itself, with whether it works: `UDP ✔ TCP ✔ TURN/TLS ✕`.
 * @param {import("./types.js").CheckPath["ways"]} ways
 */
export function waysText(ways) {
  const mark = { ok: "✔", failed: "✕" };
  const kinds = /** @type {(keyof typeof ways)[]} */ (Object.keys(ways));
  return kinds.map((kind) => `${PATH_NAMES[kind]} ${mark[ways[kind] ?? "failed"]}`).join("  ");
}

/**
 * The ways there are to try: directly by both protocols, and each kind of TURN server once.
 * @param {RTCIceServer[]} iceServers
 * @returns {{kind: Exclude<PathKind, "none">, only: Way, iceServers: RTCIceServer[]}[]}
 */
export function waysTo(iceServers) {
  /** @type {ReturnType<typeof waysTo>} */
  const ways = [
    { kind: "udp", only: "udp", iceServers: [] },
    { kind: "tcp", only: "tcp", iceServers: [] },
  ];
  for (const server of iceServers) {
    for (const url of [server.urls].flat()) {
      const secure = /^turns:/i.test(url);
      if (!secure && !/^turn:/i.test(url)) continue;
      const kind = secure ? "turn-tls" : /transport=tcp/i.test(url) ? "turn-tcp" : "turn-udp";
      if (ways.every((way) => way.kind !== kind)) {
        ways.push({ kind, only: "turn", iceServers: [{ ...server, urls: [url] }] });
      }
    }
  }
  return ways;
}

/**
 * @param {import("./types.js").CheckPath} path
 * @returns {CheckItem}
 */
export function lineItem(path) {
  const rtt = Math.round(path.rtt_ms ?? 0);
  const kind = PATH_NAMES[path.kind];
  const loss = Math.round((path.loss ?? 0) * 1000) / 10;
  if ((path.loss ?? 0) > LOSS_BAD) return failed("check.line.lossy", { kind, rtt, loss });
  if (rtt > RTT_BAD_MS) return failed("check.line.slow", { kind, rtt });
  return ok("check.line.ok", { kind, rtt });
}

export class SelfCheck {
  /**
   * @param {object} options
   * @param {Devices} options.devices
   * @param {() => Grants | null} options.grants of the check room
   * @param {() => {offset: number, measured: boolean}} options.clock
   * @param {() => number} options.now server's clock, ms
   * @param {() => string | null} options.microphone chosen device
   * @param {boolean} options.heard
   * @param {(result: CheckResult) => void} options.changed
   */
  constructor({ devices, grants, clock, now, microphone, heard, changed }) {
    this.devices = devices;
    this.grants = grants;
    this.clock = clock;
    this.now = now;
    this.chosenMicrophone = microphone;
    this.changed = changed;
    this.result = blankResult(heard);
    this.stopping = new AbortController();
    /** @type {Promise<boolean> | null} */
    this.running = null;
  }

  /** @param {Partial<CheckResult>} part */
  set(part) {
    this.result = { ...this.result, ...part };
    this.changed(this.result);
  }

  /**
   * Everything but the speaker; a second call joins the first.
   * @returns {Promise<boolean>} whether it came to its end
   */
  run() {
    this.running ??= this.once().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  /** Give everything back at once: a lesson needs it. */
  cancel() {
    this.stopping.abort(new Error("check cancelled"));
  }

  async once() {
    this.stopping = new AbortController();
    this.set({ running: true });
    const holder = () => undefined;
    try {
      const track = await this.devices.hold("camera", holder);
      await Promise.all([this.camera(track), this.microphone(), this.line(track)]);
    } finally {
      this.devices.release("camera", holder);
      const clock = this.clock();
      this.set({
        running: false,
        at: this.stopping.signal.aborted ? this.result.at : Date.now(),
        clock: clockItem(clock),
        clock_offset_ms: clock.measured ? Math.round(clock.offset) : null,
      });
    }
    return !this.stopping.signal.aborted;
  }

  /** @param {MediaStreamTrack | null} track */
  async camera(track) {
    if (!track) {
      this.set({ camera: failed(`check.camera.${this.devices.problem("camera") ?? "missing"}`) });
      return;
    }
    const seen = await watchFrames(track, this.stopping.signal);
    if (this.stopping.signal.aborted) return;
    const { width = 0, height = 0 } = track.getSettings();
    if (!seen) this.set({ camera: failed("check.camera.frozen") });
    else if (seen.dark) this.set({ camera: failed("check.camera.dark") });
    else this.set({ camera: ok("check.camera.ok", { width, height }) });
  }

  async microphone() {
    try {
      const track = await rawMicrophone(this.chosenMicrophone());
      const peak = await listen(track, this.stopping.signal).finally(() => track.stop());
      if (this.stopping.signal.aborted) return;
      const level = Math.round(20 * Math.log10(Math.max(peak, SILENT_PEAK)));
      const item = peak > SILENT_PEAK ? ok("check.microphone.ok", { level }) : failed("check.microphone.silent");
      this.set({ microphone: item });
    } catch (error) {
      const problem = error instanceof DeviceError ? error.problem : "busy";
      this.set({ microphone: failed(`check.microphone.${problem}`) });
    }
  }

  /** @param {MediaStreamTrack | null} track */
  async line(track) {
    const grants = this.grants();
    const grant = grants?.publish[0];
    if (!grants || !grant || this.now() >= Date.parse(grants.expires_at)) {
      this.set({ line: unknown("check.line.untested") });
      return;
    }
    const { signal } = this.stopping;
    const copy = track?.clone() ?? null;
    const iceServers = grants.ice_servers ?? [];
    const options = {
      url: `${grants.url}/whip/${encodeURIComponent(roomOf(grant.token))}`,
      token: grant.token,
      iceServers,
      signal,
      prepare: (/** @type {RTCPeerConnection} */ pc) => {
        const how = { direction: /** @type {const} */ ("sendonly"), sendEncodings: [{ maxBitrate: 500_000 }] };
        prefer(pc.addTransceiver(copy ?? "video", how), "video", "send");
      },
    };
    try {
      const session = await openSession(options);
      try {
        const path = await measure(session.pc, signal);
        this.set(path ? { path, line: lineItem(path) } : this.noPath(failed("check.line.blocked")));
      } finally {
        session.close();
      }
      await this.ways(options);
    } catch (error) {
      if (signal.aborted) return;
      const host = new URL(grants.url).host;
      const refused = error instanceof RefusedError;
      this.set(
        this.noPath(
          refused
            ? failed("check.line.refused", { status: error.status })
            : failed("check.line.unreachable", { host }),
        ),
      );
    } finally {
      copy?.stop();
    }
  }

  /**
   * Every way by itself, one after the other (a second session would replace the first): what a
   * firewall lets through is to be known before it is needed.
   * @param {Parameters<typeof openSession>[0]} options
   */
  async ways(options) {
    for (const { kind, only, iceServers } of waysTo(options.iceServers)) {
      const { path } = this.result;
      // The best way that works was taken: what it was needs no second look.
      const works = kind === path.kind || (await this.works({ ...options, only, iceServers }));
      if (this.stopping.signal.aborted) return;
      this.set({ path: { ...path, ways: { ...path.ways, [kind]: works ? "ok" : "failed" } } });
    }
  }

  /** @param {Parameters<typeof openSession>[0]} options */
  async works(options) {
    const session = await openSession(options);
    try {
      return await connects(session.pc, WAY_MS, options.signal);
    } finally {
      session.close();
    }
  }

  /** @param {CheckItem} line */
  noPath(line) {
    const kind = /** @type {const} */ ("none");
    return { line, path: { kind, rtt_ms: null, loss: null, ways: {} } };
  }

  /** A tone through the speaker; must be called from a press. @returns {Promise<void>} when over */
  async tone() {
    const context = new AudioContext();
    await context.resume();
    const oscillator = new OscillatorNode(context, { frequency: TONE_HZ });
    const gain = new GainNode(context, { gain: 0 });
    oscillator.connect(gain).connect(context.destination);
    const start = context.currentTime;
    gain.gain.setTargetAtTime(0.5, start, 0.02);
    gain.gain.setTargetAtTime(0, start + TONE_S - 0.15, 0.03);
    oscillator.start(start);
    oscillator.stop(start + TONE_S);
    await new Promise((resolve) => {
      oscillator.onended = resolve;
    });
    await context.close();
  }

  /** What the person said after the tone. @param {boolean} heard */
  heard(heard) {
    this.set({ speaker: heard ? ok("check.speaker.ok") : failed("check.speaker.silent") });
  }
}

/**
 * @param {RTCPeerConnection} pc
 * @param {AbortSignal} signal
 * @returns {Promise<import("./types.js").CheckPath | null>} null when it does not connect
 */
async function measure(pc, signal) {
  if (!(await connects(pc, CONNECT_MS, signal))) return null;
  await rest(MEASURE_MS);
  const { facts } = readStats(await pc.getStats(), performance.now(), true, {});
  return { kind: facts.path, rtt_ms: facts.rttMs, loss: facts.sentLoss, ways: {} };
}

/**
 * Whether the connection comes about in so many ms.
 * @param {RTCPeerConnection} pc
 * @param {number} ms
 * @param {AbortSignal} signal
 */
async function connects(pc, ms, signal) {
  const until = performance.now() + ms;
  while (pc.connectionState !== "connected") {
    if (signal.aborted || pc.connectionState === "failed" || performance.now() > until) return false;
    await changeOf(pc, until - performance.now());
  }
  return true;
}

/** @param {RTCPeerConnection} pc @param {number} ms @returns {Promise<void>} */
function changeOf(pc, ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, ms));
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    pc.addEventListener("connectionstatechange", done, { once: true });
  });
}

/** @param {number} ms @returns {Promise<void>} */
function rest(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/**
 * The frames of a track as they come, for at most `ms`.
 * @param {MediaStreamTrack} track is not stopped
 * @param {number} ms
 * @param {AbortSignal} signal
 */
async function* framesOf(track, ms, signal) {
  /** @type {any} Chromium's breakout box, which the type library does not know */
  const Processor = /** @type {any} */ (globalThis).MediaStreamTrackProcessor;
  if (!Processor) return;
  const copy = track.clone();
  const reader = new Processor({ track: copy }).readable.getReader();
  const timer = setTimeout(() => reader.cancel().catch(() => undefined), ms);
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return;
      try {
        yield value;
      } finally {
        value.close();
      }
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => undefined);
    copy.stop();
  }
}

/**
 * @param {MediaStreamTrack} track
 * @param {AbortSignal} signal
 * @returns {Promise<{dark: boolean} | null>} null when no picture comes
 */
async function watchFrames(track, signal) {
  let count = 0;
  let dark = true;
  for await (const frame of framesOf(track, FRAMES_MS, signal)) {
    count += 1;
    if (count < FRAMES_WANTED) continue;
    // The first frames of many cameras are black while they expose.
    dark = await isDark(frame);
    if (!dark || count >= FRAMES_WANTED * 3) break;
  }
  return count >= FRAMES_WANTED ? { dark } : null;
}

/** @param {any} frame VideoFrame */
async function isDark(frame) {
  const bytes = new Uint8Array(frame.allocationSize());
  await frame.copyTo(bytes);
  const yuv = /^(I4|NV)/.test(String(frame.format));
  // Luma begins at 16; in RGB every fourth byte may be an opaque alpha and is left out.
  const [length, step, dim] = yuv
    ? [frame.codedWidth * frame.codedHeight, 97, 26]
    : [bytes.length, 4 * 97, 10];
  let lit = 0;
  let looked = 0;
  for (let i = yuv ? 0 : 1; i < length; i += step) {
    looked += 1;
    if ((bytes[i] ?? 0) > dim) lit += 1;
  }
  return lit < looked * LIT_SHARE;
}

/**
 * @param {MediaStreamTrack} track
 * @param {AbortSignal} signal
 * @returns {Promise<number>} the loudest sample, 0…1
 */
async function listen(track, signal) {
  let peak = 0;
  for await (const data of framesOf(track, LISTEN_MS, signal)) {
    const options = { planeIndex: 0, format: "f32-planar" };
    const samples = new Float32Array(data.allocationSize(options) / 4);
    data.copyTo(samples, options);
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  }
  return peak;
}
