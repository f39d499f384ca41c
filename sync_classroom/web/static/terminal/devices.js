/**
 * Camera, microphone and screen of the device. Each is held while somebody wants it; one that is
 * unplugged is taken again when it is back, and whoever uses it is given the new track. Knows
 * nothing of the page.
 */

/** A lost device is asked for again this often even without a `devicechange`, ms. */
const RETAKE_MS = 3_000;

/** @typedef {"camera" | "microphone"} DeviceKind */
/** @typedef {"missing" | "denied" | "busy" | "insecure"} DeviceProblem */

/** @type {Record<DeviceKind, MediaTrackConstraints>} */
const WANTED = {
  camera: {
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 25, max: 30 },
  },
  microphone: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

export class DeviceError extends Error {
  /** @param {DeviceProblem} problem @param {string} text */
  constructor(problem, text) {
    super(text);
    this.name = "DeviceError";
    this.problem = problem;
  }
}

/** @param {unknown} error @returns {DeviceError} */
function explained(error) {
  const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
  /** @type {Record<string, DeviceProblem>} */
  const problems = {
    NotFoundError: "missing",
    OverconstrainedError: "missing",
    NotAllowedError: "denied",
    SecurityError: "denied",
  };
  return new DeviceError(problems[name] ?? "busy", message);
}

/** One device kind, shared by everybody who holds it. */
class Held {
  /**
   * @param {DeviceKind} kind
   * @param {() => string | null} chosen preferred device id
   */
  constructor(kind, chosen) {
    this.kind = kind;
    this.chosen = chosen;
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    /** @type {DeviceProblem | null} */
    this.problem = null;
    /** @type {Set<(track: MediaStreamTrack | null) => void>} */
    this.holders = new Set();
    /** @type {Promise<void> | null} */
    this.taking = null;
    /** @type {() => void} */
    this.listener = () => undefined;
  }

  async take() {
    if (this.track?.readyState === "live") return;
    this.taking ??= this.ask().finally(() => {
      this.taking = null;
    });
    await this.taking;
  }

  async ask() {
    try {
      const track = await open(this.kind, this.chosen());
      if (this.holders.size === 0) {
        track.stop();
        return;
      }
      track.addEventListener("ended", () => this.lost(track));
      this.track = track;
      this.problem = null;
    } catch (error) {
      this.track = null;
      this.problem = explained(error).problem;
    }
    this.tell();
  }

  /** @param {MediaStreamTrack} track */
  lost(track) {
    if (track !== this.track) return;
    this.track = null;
    this.problem = "missing";
    this.tell();
  }

  tell() {
    for (const holder of this.holders) holder(this.track);
    this.listener();
  }

  /** @param {(track: MediaStreamTrack | null) => void} holder */
  letGo(holder) {
    this.holders.delete(holder);
    if (this.holders.size > 0) return;
    this.track?.stop();
    this.track = null;
    this.problem = null;
    this.listener();
  }
}

/**
 * @param {DeviceKind} kind
 * @param {string | null} deviceId
 */
async function open(kind, deviceId) {
  if (!navigator.mediaDevices) throw new DeviceError("insecure", "not a secure context");
  const wanted = { ...WANTED[kind], ...(deviceId ? { deviceId: { ideal: deviceId } } : {}) };
  const stream = await navigator.mediaDevices.getUserMedia(
    kind === "camera" ? { video: wanted } : { audio: wanted },
  );
  return /** @type {MediaStreamTrack} */ (stream.getTracks()[0]);
}

/**
 * The microphone as it is, without the processing that would hide a silent one.
 * @param {string | null} deviceId
 */
export async function rawMicrophone(deviceId) {
  if (!navigator.mediaDevices) throw new DeviceError("insecure", "not a secure context");
  const off = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const wanted = { ...off, ...(deviceId ? { deviceId: { ideal: deviceId } } : {}) };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    return /** @type {MediaStreamTrack} */ (stream.getTracks()[0]);
  } catch (error) {
    throw explained(error);
  }
}

export class Devices {
  /**
   * @param {() => {camera: string | null, microphone: string | null}} chosen
   * @param {() => void} changed called when a device, a problem or the list changed
   */
  constructor(chosen, changed) {
    this.held = {
      camera: new Held("camera", () => chosen().camera),
      microphone: new Held("microphone", () => chosen().microphone),
    };
    this.held.camera.listener = this.held.microphone.listener = changed;
    this.changed = changed;
    /** @type {MediaDeviceInfo[]} */
    this.list = [];
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      this.retake();
      void this.enumerate();
    });
    setInterval(() => this.retake(), RETAKE_MS);
  }

  /**
   * Hold a device; `holder` is told of the track now and whenever it changes (null: lost).
   * @param {DeviceKind} kind
   * @param {(track: MediaStreamTrack | null) => void} holder
   * @returns {Promise<MediaStreamTrack | null>} null when there is none; see `problem`
   */
  async hold(kind, holder) {
    const held = this.held[kind];
    held.holders.add(holder);
    const before = held.track;
    await held.take();
    // A track that was taken just now was told to every holder; one that was there was not.
    if (before && before === held.track && held.holders.has(holder)) holder(before);
    if (this.list.length === 0) void this.enumerate();
    return held.track;
  }

  /** @param {DeviceKind} kind @param {(track: MediaStreamTrack | null) => void} holder */
  release(kind, holder) {
    this.held[kind].letGo(holder);
  }

  /** @param {DeviceKind} kind */
  problem(kind) {
    return navigator.mediaDevices ? this.held[kind].problem : "insecure";
  }

  /** Ask again for what is held and gone. */
  retake() {
    for (const held of Object.values(this.held)) {
      if (held.holders.size > 0 && held.track?.readyState !== "live") void held.take();
    }
  }

  /**
   * Another device was chosen: take it instead, if one is held.
   * @param {DeviceKind} kind
   */
  async change(kind) {
    const held = this.held[kind];
    const old = held.track;
    held.track = null;
    if (held.holders.size > 0) await held.take();
    old?.stop();
  }

  async enumerate() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    this.list = all.filter((d) => d.kind !== "audiooutput" && d.deviceId !== "");
    this.changed();
  }

  /**
   * The teacher's screen or window, by the browser's own chooser.
   * @returns {Promise<MediaStream>}
   */
  async screen() {
    if (!navigator.mediaDevices) throw new DeviceError("insecure", "not a secure context");
    /** @type {any} newer members than the type library knows */
    const options = {
      video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { max: 15 } },
      audio: true,
      systemAudio: "include",
      selfBrowserSurface: "exclude",
      surfaceSwitching: "include",
    };
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia(options);
      // Letters must stay sharp; frames may be fewer.
      for (const track of stream.getVideoTracks()) track.contentHint = "detail";
      return stream;
    } catch (error) {
      throw explained(error);
    }
  }
}
