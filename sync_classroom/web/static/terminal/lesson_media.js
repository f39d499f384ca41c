/**
 * Which media sessions a lesson needs, and with what quality: the host's camera and courseware up
 * and the rooms down; a room's own picture up and the teacher down. Knows nothing of the page.
 */

import { MediaLink } from "./media.js";
import { prefer } from "./session.js";

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./types.js").Grants} Grants */
/** @typedef {import("./devices.js").Devices} Devices */
/** @typedef {import("./media.js").LinkStatus} LinkStatus */

/** Width of the smallest picture of a camera: what a wall of rooms shows, and a slow line gets. */
const SMALL_WIDTH = 320;
/** A camera that says no width has been asked for this one. */
const USUAL_WIDTH = 1280;
/** Camera and microphone are waited for this long before the session is opened, ms. */
const DEVICES_MS = 3_000;
/** Sound of a voice and of courseware, bit/s. */
const AUDIO_BITRATE = 48_000;

/**
 * How a source's picture is sent: layers from the smallest up, of which the relay gives each
 * receiver what its line carries and its screen shows. A teacher's camera in three; courseware in
 * one, for letters that are not sharp teach nothing; a room's own picture in two, the large one only
 * while it is called on, which then costs no new negotiation and no new camera.
 * @param {string} source
 * @param {boolean} called
 * @param {number} [width] of the captured picture
 * @returns {RTCRtpEncodingParameters[]}
 */
export function encodings(source, called, width = USUAL_WIDTH) {
  if (source === "screen") return [{ maxBitrate: 2_500_000, maxFramerate: 15 }];
  const scale = Math.max(1, width / SMALL_WIDTH);
  const small = { rid: "l", scaleResolutionDownBy: scale, maxBitrate: 150_000, maxFramerate: 15 };
  if (source === "seat") {
    const large = { scaleResolutionDownBy: 1, maxBitrate: 1_500_000, maxFramerate: 25 };
    return [small, { rid: "h", ...large, active: called }];
  }
  return [
    small,
    { rid: "m", scaleResolutionDownBy: Math.sqrt(scale), maxBitrate: 600_000, maxFramerate: 25 },
    { rid: "h", scaleResolutionDownBy: 1, maxBitrate: 2_500_000, maxFramerate: 25 },
  ];
}

/**
 * One source going up. Tracks may come, go and change while the session stays.
 */
export class Publication {
  /**
   * @param {object} options
   * @param {string} options.source
   * @param {string} options.room
   * @param {() => Grants} options.grants
   * @param {RTCIceServer[]} options.iceServers
   * @param {(status: LinkStatus) => void} options.changed
   */
  constructor({ source, room, grants, iceServers, changed }) {
    this.source = source;
    /** @type {Record<"audio" | "video", MediaStreamTrack | null>} */
    this.tracks = { audio: null, video: null };
    /** @type {Record<"audio" | "video", RTCRtpSender | null>} */
    this.senders = { audio: null, video: null };
    this.called = false;
    this.link = new MediaLink({
      direction: "publish",
      relay: grants().url,
      room,
      token: () => grants().publish.find((g) => g.source === source)?.token ?? "",
      iceServers,
      prepare: (pc) => this.prepare(pc),
      opened: (pc) => this.opened(pc),
      changed,
      expected: () => true,
    });
  }

  /** @returns {RTCRtpEncodingParameters[]} */
  encodings() {
    return encodings(this.source, this.called, this.tracks.video?.getSettings().width);
  }

  /** @param {RTCPeerConnection} pc */
  prepare(pc) {
    const { audio, video } = this.tracks;
    // Both lines are always offered, so that a microphone opened later needs no new session.
    prefer(
      pc.addTransceiver(audio ?? "audio", {
        direction: "sendonly",
        sendEncodings: [{ maxBitrate: AUDIO_BITRATE }],
      }),
      "audio",
      "send",
    );
    prefer(
      pc.addTransceiver(video ?? "video", {
        direction: "sendonly",
        sendEncodings: this.encodings(),
      }),
      "video",
      "send",
    );
  }

  /** @param {RTCPeerConnection} pc */
  opened(pc) {
    const [audio, video] = pc.getTransceivers();
    this.senders = { audio: audio?.sender ?? null, video: video?.sender ?? null };
    // A track may have changed between the offer and the answer.
    void this.place("audio");
    void this.place("video");
    void this.tune();
  }

  /** @param {"audio" | "video"} kind */
  async place(kind) {
    const sender = this.senders[kind];
    if (!sender || sender.track === this.tracks[kind]) return;
    try {
      await sender.replaceTrack(this.tracks[kind]);
    } catch (error) {
      // The session was closed meanwhile; its successor is prepared with the present tracks.
      console.debug("track not placed", kind, error);
    }
  }

  /** @param {"audio" | "video"} kind @param {MediaStreamTrack | null} track */
  async put(kind, track) {
    this.tracks[kind] = track;
    await this.place(kind);
    if (kind === "video") await this.tune();
  }

  /** @param {boolean} called */
  async call(called) {
    if (called === this.called) return;
    this.called = called;
    await this.tune();
  }

  async tune() {
    const sender = this.senders.video;
    const parameters = sender?.getParameters();
    if (!sender || !parameters) return;
    const wanted = this.encodings();
    parameters.encodings.forEach((encoding, place) => Object.assign(encoding, wanted[place]));
    // Under a weak line letters stay sharp and a room stays moving.
    parameters.degradationPreference =
      this.source === "screen" ? "maintain-resolution" : "balanced";
    try {
      await sender.setParameters(parameters);
    } catch (error) {
      console.debug("encoder settings not taken", this.source, error);
    }
  }
}

/**
 * What comes down: fixed slots, filled by the relay.
 */
export class Subscription {
  /**
   * @param {object} options
   * @param {string} options.room
   * @param {() => Grants} options.grants
   * @param {RTCIceServer[]} options.iceServers
   * @param {() => boolean} options.expected
   * @param {(status: LinkStatus) => void} options.changed
   * @param {(slots: {audio: MediaStreamTrack[], video: MediaStreamTrack[]}) => void} options.tracks
   */
  constructor({ room, grants, iceServers, expected, changed, tracks }) {
    this.counts = { audio: grants().subscribe?.audio ?? 0, video: grants().subscribe?.video ?? 0 };
    this.onTracks = tracks;
    /** Mids of the present session in slot order. */
    this.mids = { audio: /** @type {string[]} */ ([]), video: /** @type {string[]} */ ([]) };
    this.link = new MediaLink({
      direction: "subscribe",
      relay: grants().url,
      room,
      token: () => grants().subscribe?.token ?? "",
      iceServers,
      prepare: (pc) => this.prepare(pc),
      opened: (pc) => this.opened(pc),
      changed,
      expected,
    });
  }

  /** @param {RTCPeerConnection} pc */
  prepare(pc) {
    for (const kind of /** @type {const} */ (["audio", "video"])) {
      for (let slot = 0; slot < this.counts[kind]; slot += 1) {
        prefer(pc.addTransceiver(kind, { direction: "recvonly" }), kind, "receive");
      }
    }
  }

  /** @param {RTCPeerConnection} pc */
  opened(pc) {
    const all = pc.getTransceivers();
    /** @type {{audio: MediaStreamTrack[], video: MediaStreamTrack[]}} */
    const slots = { audio: [], video: [] };
    this.mids = { audio: [], video: [] };
    for (const { receiver, mid } of all) {
      const kind = receiver.track.kind === "audio" ? "audio" : "video";
      slots[kind].push(receiver.track);
      this.mids[kind].push(mid ?? "");
    }
    this.onTracks(slots);
  }

  /**
   * Statistics of one slot, or null before anything came.
   * @param {"audio" | "video"} kind
   * @param {number} slot
   */
  slot(kind, slot) {
    const mid = this.mids[kind][slot];
    return mid === undefined ? null : (this.link.status.slots[mid] ?? null);
  }
}

/**
 * @typedef {object} LessonEvents
 * @property {() => void} changed any status changed
 * @property {(slots: {audio: MediaStreamTrack[], video: MediaStreamTrack[]}) => void} tracks
 * @property {(stream: MediaStream | null) => void} own our own picture for the preview
 * @property {(stream: MediaStream | null) => void} screen our courseware for the preview
 */

/** Everything that one lesson sends and receives, from entering it to leaving it. */
export class LessonMedia {
  /**
   * @param {Lesson} lesson with grants
   * @param {Devices} devices
   * @param {RTCIceServer[]} iceServers
   * @param {LessonEvents} events
   */
  constructor(lesson, devices, iceServers, events) {
    this.lesson = lesson;
    this.devices = devices;
    this.iceServers = iceServers;
    this.events = events;
    this.hostMedia = true;
    this.stopped = false;
    this.cameraOn = true;
    this.voiceOn = true;
    /** @type {MediaStream | null} */
    this.screenStream = null;
    /** @type {Publication | null} */
    this.screen = null;
    const room = lesson.id;
    const grants = () => /** @type {Grants} */ (this.lesson.grants);
    const { changed, tracks } = events;
    this.up = new Publication({
      source: lesson.role === "host" ? "camera" : "seat",
      room,
      grants,
      iceServers,
      changed: (status) => {
        this.upChanged(status.state);
        changed();
      },
    });
    this.upWorks = false;
    this.down = new Subscription({
      room,
      grants,
      iceServers,
      changed,
      tracks,
      expected: () => this.lesson.role === "remote" && this.hostMedia,
    });
    this.onCamera = (/** @type {MediaStreamTrack | null} */ track) => this.camera(track);
    this.onMicrophone = (/** @type {MediaStreamTrack | null} */ track) => this.microphone(track);
    this.micHeld = false;
  }

  /** @param {LinkStatus["state"]} state */
  upChanged(state) {
    const works = state === "connected";
    // The relay refuses listeners while nobody speaks in the room; now somebody does: we do.
    if (works && !this.upWorks) this.down.link.hurry();
    this.upWorks = works;
  }

  /** @param {MediaStreamTrack | null} track */
  camera(track) {
    if (this.stopped) return;
    if (track) track.enabled = this.cameraOn;
    void this.up.put("video", track);
    this.events.own(track ? new MediaStream([track]) : null);
  }

  /** @param {MediaStreamTrack | null} track */
  microphone(track) {
    if (this.stopped) return;
    if (track) track.enabled = this.voiceOn;
    void this.up.put("audio", track);
    this.events.changed();
  }

  async start() {
    this.down.link.start();
    const devices = [this.devices.hold("camera", this.onCamera)];
    if (this.lesson.role === "host") {
      this.micHeld = true;
      devices.push(this.devices.hold("microphone", this.onMicrophone));
    }
    // A driver that thinks for long, or no device at all, must not keep the others from being
    // seen or heard: the session is opened, and what comes later is placed into it.
    const patience = new Promise((resolve) => {
      setTimeout(resolve, DEVICES_MS);
    });
    await Promise.race([Promise.all(devices), patience]);
    if (!this.stopped) this.up.link.start();
  }

  stop() {
    this.stopped = true;
    this.stopScreen();
    this.up.link.stop();
    this.down.link.stop();
    this.devices.release("camera", this.onCamera);
    this.devices.release("microphone", this.onMicrophone);
    this.micHeld = false;
  }

  /**
   * The plan came again, perhaps with fresh tokens.
   * @param {Lesson} lesson
   */
  renew(lesson) {
    if (lesson.grants) this.lesson = lesson;
  }

  /** The relay was started anew. @param {string} boot */
  relayRestarted(boot) {
    for (const link of this.links()) link.nudge(boot);
  }

  /** @param {boolean} present what the server says of the host's media */
  hostIsThere(present) {
    if (present && !this.hostMedia) this.down.link.hurry();
    this.hostMedia = present;
  }

  links() {
    return [this.up.link, this.down.link, ...(this.screen ? [this.screen.link] : [])];
  }

  /**
   * A room that is called on: large picture and microphone; released: small and silent.
   * @param {boolean} called
   * @param {boolean} muted
   */
  async setCalled(called, muted) {
    await this.up.call(called);
    const wanted = called && !muted;
    if (wanted === this.micHeld) return;
    this.micHeld = wanted;
    if (wanted) {
      await this.devices.hold("microphone", this.onMicrophone);
    } else {
      this.devices.release("microphone", this.onMicrophone);
      await this.up.put("audio", null);
    }
  }

  /** @param {boolean} on */
  setCamera(on) {
    this.cameraOn = on;
    if (this.up.tracks.video) this.up.tracks.video.enabled = on;
    this.events.changed();
  }

  /** @param {boolean} on */
  setVoice(on) {
    this.voiceOn = on;
    if (this.up.tracks.audio) this.up.tracks.audio.enabled = on;
    this.events.changed();
  }

  /**
   * Share the screen in a session of its own.
   * @param {() => void} ended the browser's own "stop sharing" was pressed, or the window closed
   */
  async startScreen(ended) {
    if (this.screen) return;
    const stream = await this.devices.screen();
    if (this.stopped) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    const [video] = stream.getVideoTracks();
    video?.addEventListener("ended", () => {
      if (this.screenStream !== stream) return;
      this.stopScreen();
      ended();
    });
    this.screenStream = stream;
    this.screen = new Publication({
      source: "screen",
      room: this.lesson.id,
      grants: () => /** @type {Grants} */ (this.lesson.grants),
      iceServers: this.iceServers,
      changed: this.events.changed,
    });
    this.screen.tracks = { audio: stream.getAudioTracks()[0] ?? null, video: video ?? null };
    this.screen.link.start();
    this.events.screen(stream);
  }

  stopScreen() {
    const stream = this.screenStream;
    this.screenStream = null;
    this.screen?.link.stop();
    this.screen = null;
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (stream) this.events.screen(null);
  }
}
