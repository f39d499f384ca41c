/**
 * One WebRTC session with the relay: WHIP (RFC 9725) to publish, WHEP to subscribe. The relay is
 * ICE-lite with its addresses in the answer and learns ours from our checks, so the offer goes out
 * at once, without waiting for candidates. Knows nothing of the page.
 */

/** An answer that takes longer than this is not coming, ms. */
const ANSWER_MS = 6_000;
/** Nor is one to DELETE, ms; nobody is kept waiting by it. */
const CLOSE_MS = 1_500;

/** The relay said no; `retryAfterMs` is its `Retry-After`, if any. */
export class RefusedError extends Error {
  /**
   * @param {number} status
   * @param {number | null} retryAfterMs
   * @param {string} text
   */
  constructor(status, retryAfterMs, text) {
    super(`relay answered ${status}: ${text}`);
    this.name = "RefusedError";
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * @typedef {object} Session
 * @property {RTCPeerConnection} pc
 * @property {() => void} close DELETE and close; safe to call twice
 * @property {() => void} abandon close without DELETE: the relay has replaced or lost it
 */

/**
 * @param {object} options
 * @param {string} options.url WHIP or WHEP endpoint
 * @param {string} options.token
 * @param {RTCIceServer[]} options.iceServers
 * @param {(pc: RTCPeerConnection) => void} options.prepare adds transceivers
 * @param {AbortSignal} options.signal
 * @returns {Promise<Session>}
 */
export async function openSession({ url, token, iceServers, prepare, signal }) {
  const pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
  try {
    prepare(pc);
    await pc.setLocalDescription();
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
      body: pc.localDescription?.sdp ?? "",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    const text = await response.text();
    if (response.status !== 201) {
      throw new RefusedError(response.status, retryAfter(response), text.slice(0, 300));
    }
    const location = response.headers.get("Location");
    // Relative to where a redirection led (RFC 9110 10.2.2).
    const close = closer(pc, location ? new URL(location, response.url).href : null, token);
    if (signal.aborted) {
      close();
      throw signal.reason;
    }
    await pc.setRemoteDescription({ type: "answer", sdp: text });
    return { pc, close, abandon: () => pc.close() };
  } catch (error) {
    pc.close();
    throw error;
  }
}

/**
 * The room a token is for: the endpoint names it too, and the check room has no lesson's name.
 * @param {string} token compact JWS
 */
export function roomOf(token) {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    return String(JSON.parse(atob(payload)).room ?? "");
  } catch {
    return "";
  }
}

/** @param {Response} response */
function retryAfter(response) {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : null;
}

/**
 * @param {RTCPeerConnection} pc
 * @param {string | null} resource
 * @param {string} token
 */
function closer(pc, resource, token) {
  let open = true;
  return () => {
    if (!open) return;
    open = false;
    for (const sender of pc.getSenders()) sender.replaceTrack(null).catch(() => undefined);
    if (!resource) {
      pc.close();
      return;
    }
    // DELETE goes first: closing tells the relay by DTLS, and then there is nothing to delete. Out
    // of reach, the session expires there by itself.
    const done = AbortSignal.timeout(CLOSE_MS);
    fetch(resource, {
      method: "DELETE",
      headers: { Authorization: `Bearer ${token}` },
      keepalive: true,
      signal: done,
    })
      .catch(() => undefined)
      .finally(() => pc.close());
  };
}

/**
 * What we offer, most wanted first: hardware decodes constrained baseline H.264 everywhere.
 * Anything the relay does not forward is left out, which also keeps 14 m-lines small.
 * @param {"audio" | "video"} kind
 * @param {{mimeType: string, sdpFmtpLine?: string}[]} codecs
 */
export function preferred(kind, codecs) {
  if (kind === "audio") return codecs.filter((c) => /^audio\/opus$/i.test(c.mimeType));
  const rank = (/** @type {{mimeType: string, sdpFmtpLine?: string}} */ c) => {
    const fmtp = c.sdpFmtpLine ?? "";
    if (/^video\/h264$/i.test(c.mimeType)) {
      if (!/packetization-mode=1/.test(fmtp)) return -1;
      return /profile-level-id=42e0/i.test(fmtp) ? 0 : /profile-level-id=42/i.test(fmtp) ? 1 : -1;
    }
    if (/^video\/vp8$/i.test(c.mimeType)) return 2;
    return /^video\/rtx$/i.test(c.mimeType) ? 3 : -1;
  };
  return codecs.filter((c) => rank(c) >= 0).sort((a, b) => rank(a) - rank(b));
}

/**
 * @param {RTCRtpTransceiver} transceiver
 * @param {"audio" | "video"} kind
 * @param {"send" | "receive"} direction
 */
export function prefer(transceiver, kind, direction) {
  const capabilities =
    direction === "send" ? RTCRtpSender.getCapabilities(kind) : RTCRtpReceiver.getCapabilities(kind);
  const codecs = preferred(kind, capabilities?.codecs ?? []);
  if (codecs.length > 0) transceiver.setCodecPreferences(/** @type {RTCRtpCodec[]} */ (codecs));
}
