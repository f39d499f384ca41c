/**
 * Plays a stretch of a recording that is still being written, in a video element: fetches what plays
 * it, no more than a little ahead, and feeds it to a MediaSource whose time is the recording's own.
 */

import { ahead, playableFrom } from "./missed_rules.js";

/** @typedef {import("./missed_rules.js").Part} Part */
/** @typedef {import("./missed_rules.js").Range} Range */

/** So much is fetched before it is shown, s: a live lesson comes over the same line. */
const AHEAD_S = 15;
/** So much stays behind, s; the rest is given back. */
const BEHIND_S = 10;
/** How often a full buffer is looked at, ms. */
const LOOK_MS = 200;
/** Pauses before a broken transfer is tried again, ms; after the last of them it has failed. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000];
/** The buffer must be freed by more than this to be worth it, s. */
const PRUNE_S = 10;

/** One source: its files behind each other in one video element. */
export class Reel {
  /**
   * @param {HTMLVideoElement} video
   * @param {Part[]} parts in order
   * @param {number} fromS where to begin
   * @param {() => string | null} token
   */
  constructor(video, parts, fromS, token) {
    this.video = video;
    this.parts = parts;
    this.token = token;
    this.stopping = new AbortController();
    /** @type {SourceBuffer | null} */
    this.buffer = null;
    this.type = "";
    /** @type {"running" | "whole" | "failed"} */
    this.state = "running";
    this.media = new MediaSource();
    this.url = URL.createObjectURL(this.media);
    this.fromS = fromS;
    video.src = this.url;
    this.media.addEventListener("sourceopen", () => void this.run(), { once: true });
  }

  stop() {
    this.stopping.abort(new Error("stopped"));
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.url);
  }

  /** @returns {Range[]} */
  buffered() {
    const { buffered } = this.video;
    return Array.from({ length: buffered.length }, (_, n) => [buffered.start(n), buffered.end(n)]);
  }

  /** Whether some of this source is due at a time of the recording. @param {number} at */
  covers(at) {
    return this.parts.some((part) => part.from_s <= at && at < part.to_s);
  }

  async run() {
    try {
      this.video.currentTime = this.fromS;
      for (const part of this.parts) await this.bring(part);
      if (this.media.readyState === "open") this.media.endOfStream();
      this.state = "whole";
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.state = "failed";
      console.warn("what was missed cannot be played", error);
    }
  }

  /** One file, over as many transfers as it takes. @param {Part} part */
  async bring(part) {
    let at = Math.max(part.from_s, this.fromS);
    for (let failures = 0; at < part.to_s; ) {
      const before = this.end();
      try {
        if (await this.transfer(part, at)) return;
      } catch (error) {
        const pause = PAUSES_MS[failures];
        if (this.stopping.signal.aborted || pause === undefined || error instanceof TypeErrorOfMedia) throw error;
        failures = this.end() > before ? 0 : failures + 1;
        await this.pause(pause);
        at = Math.max(at, this.end());
      }
    }
  }

  /** @param {Part} part @param {number} at @returns {Promise<boolean>} all of it that there is */
  async transfer(part, at) {
    const { signal } = this.stopping;
    const response = await fetch(`${part.href}?from_s=${at.toFixed(3)}&to_s=${part.to_s}`, {
      headers: { Authorization: `Bearer ${this.token() ?? ""}` },
      cache: "no-store",
      signal,
    });
    if (response.status === 204) return true;
    if (!response.ok || !response.body) throw new Error(`server answered ${response.status}`);
    const buffer = this.open(response.headers.get("Content-Type") ?? "");
    buffer.timestampOffset = part.start_s;
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      await this.room(buffer);
      await settled(buffer, signal, () => buffer.appendBuffer(value));
    }
  }

  /** The buffer, ready for the beginning of a file. @param {string} type */
  open(type) {
    if (!MediaSource.isTypeSupported(type)) throw new TypeErrorOfMedia(type);
    if (!this.buffer) this.buffer = this.media.addSourceBuffer(type);
    else {
      // A transfer that broke off may have left half a fragment.
      this.buffer.abort();
      if (type !== this.type) this.buffer.changeType(type);
    }
    this.type = type;
    return this.buffer;
  }

  /** Wait until there is too little ahead, and give back what is long over. @param {SourceBuffer} buffer */
  async room(buffer) {
    const { video } = this;
    const { signal } = this.stopping;
    while (ahead(this.buffered(), video.currentTime) > AHEAD_S) await this.pause(LOOK_MS);
    const keep = video.currentTime - BEHIND_S;
    const [first] = this.buffered();
    if (first && keep - first[0] > PRUNE_S) await settled(buffer, signal, () => buffer.remove(0, keep));
  }

  end() {
    return this.buffered().at(-1)?.[1] ?? 0;
  }

  /** @param {number} ms */
  pause(ms) {
    const { signal } = this.stopping;
    return new Promise((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      setTimeout(resolve, ms);
    });
  }

  /** Over a gap in what was recorded; a wait for the line is left alone. */
  skipGap() {
    const { video } = this;
    const next = playableFrom(this.buffered(), video.currentTime);
    if (next !== null && next > video.currentTime) video.currentTime = next;
  }
}

/** A kind of media that this browser cannot play: trying again would not help. */
class TypeErrorOfMedia extends Error {}

/**
 * Begin something with a buffer and wait until it is done.
 * @param {SourceBuffer} buffer
 * @param {AbortSignal} signal
 * @param {() => void} begin
 * @returns {Promise<void>}
 */
function settled(buffer, signal, begin) {
  return new Promise((resolve, reject) => {
    const over = () => {
      buffer.removeEventListener("updateend", done);
      buffer.removeEventListener("error", bad);
      signal.removeEventListener("abort", stopped);
    };
    const done = () => {
      over();
      resolve();
    };
    const bad = () => {
      over();
      reject(new TypeErrorOfMedia("the browser does not take what was recorded"));
    };
    const stopped = () => {
      over();
      reject(signal.reason);
    };
    buffer.addEventListener("updateend", done);
    buffer.addEventListener("error", bad);
    signal.addEventListener("abort", stopped);
    begin();
  });
}

/** The second picture is moved where the first is when they are further apart, s. */
const APART_S = 0.3;
/** So near its end a loss has been watched, s. */
const END_S = 0.3;
/** With everything fetched and nothing left to play, it is over after this, ms. */
const STUCK_MS = 2_000;

/** A loss being watched: the camera with the voice leads, the courseware follows. */
export class Replay {
  /**
   * @param {import("./missed_rules.js").Loss} loss
   * @param {{camera: HTMLVideoElement, screen: HTMLVideoElement}} videos
   * @param {() => string | null} token
   * @param {number} speed
   */
  constructor(loss, videos, token, speed) {
    this.loss = loss;
    /** @param {"camera" | "screen"} source */
    const reel = (source) => {
      const parts = loss.parts.filter((part) => part.source === source);
      return parts.length ? new Reel(videos[source], parts, loss.from_s, token) : null;
    };
    this.camera = reel("camera");
    this.screen = reel("screen");
    this.paused = false;
    this.speed = speed;
    this.at = loss.from_s;
    this.movedAt = performance.now();
    /** @type {"playing" | "ended" | "failed"} */
    this.state = "playing";
  }

  stop() {
    this.camera?.stop();
    this.screen?.stop();
  }

  /** The recording's time of what is shown. */
  lead() {
    return /** @type {Reel} */ (this.camera ?? this.screen);
  }

  /** Keep both together and moving; a few times a second. */
  tick() {
    if (this.state !== "playing") return;
    const lead = this.lead();
    const now = performance.now();
    for (const reel of [this.camera, this.screen]) {
      if (!reel) continue;
      const { video } = reel;
      if (video.playbackRate !== this.speed) video.playbackRate = this.speed;
      if (this.paused && !video.paused) video.pause();
      // Refused only while it is being stopped, or when nothing is there yet: the next tick asks again.
      if (!this.paused && video.paused && !video.ended) video.play().catch(() => undefined);
    }
    if (!this.paused) lead.skipGap();
    if (this.screen && lead !== this.screen) this.follow(this.screen, lead.video.currentTime);
    if (lead.video.currentTime !== this.at || this.paused) this.movedAt = now;
    this.at = lead.video.currentTime;
    const stuck = lead.state === "whole" && now - this.movedAt > STUCK_MS;
    if (lead.state === "failed") this.state = "failed";
    else if (this.at >= this.loss.to_s - END_S || lead.video.ended || stuck) this.state = "ended";
  }

  /** @param {Reel} reel @param {number} at */
  follow(reel, at) {
    if (Math.abs(reel.video.currentTime - at) <= APART_S) return;
    if (playableFrom(reel.buffered(), at) === at || reel.buffered().length === 0) reel.video.currentTime = at;
  }

  /** Whether courseware was shown at this moment of the lesson. */
  withScreen() {
    return this.screen !== null && (this.camera === null || this.screen.covers(this.at));
  }
}
