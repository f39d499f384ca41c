/**
 * What one person sends to and receives from a meeting: the same sessions with the relay as a
 * classroom's. Knows nothing of the page.
 */

import { Publication, Subscription } from "../terminal/lesson_media.js";

/** @typedef {import("../terminal/types.js").Grants} Grants */
/** @typedef {import("../terminal/devices.js").Devices} Devices */

export class MeetingMedia {
  /**
   * @param {string} room
   * @param {Grants} grants to listen
   * @param {Devices} devices
   * @param {{
   *   changed: () => void,
   *   tracks: (slots: {audio: MediaStreamTrack[], video: MediaStreamTrack[]}) => void,
   *   own: () => void,
   *   screenEnded: () => void,
   * }} events
   */
  constructor(room, grants, devices, events) {
    this.room = room;
    this.grants = grants;
    this.devices = devices;
    this.events = events;
    this.live = false;
    this.stopped = false;
    this.on = { camera: true, microphone: true };
    /** @type {Publication | null} */
    this.up = null;
    /** @type {Publication | null} */
    this.screen = null;
    /** @type {MediaStream | null} */
    this.screenStream = null;
    this.works = false;
    this.down = new Subscription({
      room,
      grants: () => this.grants,
      // Where nobody speaks nothing comes, and that is well.
      expected: () => this.live,
      changed: events.changed,
      tracks: events.tracks,
    });
    this.holders = {
      camera: (/** @type {MediaStreamTrack | null} */ track) => this.place("video", track),
      microphone: (/** @type {MediaStreamTrack | null} */ track) => this.place("audio", track),
    };
  }

  start() {
    this.down.link.start();
  }

  stop() {
    this.stopped = true;
    this.silence();
    this.down.link.stop();
  }

  /** Whether anybody else sends; while nobody did, the relay turned listeners away. @param {boolean} live */
  setLive(live) {
    if (live && !this.live) this.down.link.hurry();
    this.live = live;
  }

  /**
   * Begin to send camera and microphone. @param {Grants} grants
   */
  async speak(grants) {
    this.grants = grants;
    if (this.up) return;
    const up = new Publication({
      source: "seat",
      room: this.room,
      grants: () => this.grants,
      changed: (status) => {
        const works = status.state === "connected";
        if (works && !this.works) this.down.link.hurry();
        this.works = works;
        this.events.changed();
      },
    });
    this.up = up;
    await Promise.all([this.turn("camera", this.on.camera), this.turn("microphone", this.on.microphone)]);
    if (this.up === up && !this.stopped) up.link.start();
  }

  /** Send nothing any more. */
  silence() {
    this.unshare();
    if (!this.up) return;
    this.up.link.stop();
    this.up = null;
    this.works = false;
    this.devices.release("camera", this.holders.camera);
    this.devices.release("microphone", this.holders.microphone);
    this.events.own();
  }

  /**
   * Camera or microphone on or off: off, the device is let go.
   * @param {"camera" | "microphone"} kind
   * @param {boolean} on
   */
  async turn(kind, on) {
    this.on[kind] = on;
    if (!this.up) return;
    if (on) {
      await this.devices.hold(kind, this.holders[kind]);
      return;
    }
    this.devices.release(kind, this.holders[kind]);
    this.place(kind === "camera" ? "video" : "audio", null);
  }

  /** @param {"audio" | "video"} kind @param {MediaStreamTrack | null} track */
  place(kind, track) {
    const on = kind === "video" ? this.on.camera : this.on.microphone;
    void this.up?.put(kind, on ? track : null);
    this.events.own();
  }

  /** The speaker's picture is sent large, everybody else's small. @param {boolean} large */
  setLarge(large) {
    void this.up?.call(large);
  }

  /** Take a screen; the browser asks which. @returns {Promise<void>} */
  async capture() {
    const stream = await this.devices.screen();
    this.unshare();
    this.screenStream = stream;
    stream.getVideoTracks()[0]?.addEventListener("ended", () => {
      if (this.screenStream === stream) this.events.screenEnded();
    });
  }

  /** Send the screen that was taken. */
  share() {
    const stream = this.screenStream;
    if (!stream || this.screen) return;
    this.screen = new Publication({
      source: "screen",
      room: this.room,
      grants: () => this.grants,
      changed: this.events.changed,
    });
    this.screen.tracks = {
      audio: stream.getAudioTracks()[0] ?? null,
      video: stream.getVideoTracks()[0] ?? null,
    };
    this.screen.link.start();
    this.events.own();
  }

  unshare() {
    this.screen?.link.stop();
    this.screen = null;
    const stream = this.screenStream;
    this.screenStream = null;
    for (const track of stream?.getTracks() ?? []) track.stop();
  }
}
