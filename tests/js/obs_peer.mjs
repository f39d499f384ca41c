// A WHIP publisher as OBS 30 and later is one: on libdatachannel, with the tracks, payload types and
// handlers of its WHIP output. The offer goes out before any candidate is gathered, and keyframes
// come when the encoder makes them, not when they are asked for.
//
//   node obs_peer.mjs URL TOKEN MEDIA
//
// MEDIA is a file of records: kind ("v", "a"), milliseconds and length as 32 bits, then a coded
// picture (Annex B) or 20 ms of Opus; it is played in a loop. Says JSON lines; a closed stdin is
// the stop button.
import { readFileSync } from "node:fs";
import {
  Audio,
  H264RtpPacketizer,
  PeerConnection,
  RtcpNackResponder,
  RtcpSrReporter,
  RtpPacketizationConfig,
  RtpPacketizer,
  Video,
} from "node-datachannel";

const [url, token, media] = process.argv.slice(2);
const FRAGMENT = 1200;
const say = (said) => process.stdout.write(`${JSON.stringify(said)}\n`);

function records(path) {
  const data = readFileSync(path);
  const found = [];
  for (let at = 0; at < data.length; ) {
    const length = data.readUInt32BE(at + 5);
    const body = data.subarray(at + 9, at + 9 + length);
    found.push({ kind: String.fromCharCode(data[at]), ms: data.readUInt32BE(at + 1), body });
    at += 9 + length;
  }
  return found;
}

function track(peer, description, ssrc, payloadType, clock, packetizer) {
  description.addSSRC(ssrc, "cname", "stream", `${clock}`);
  const config = new RtpPacketizationConfig(ssrc, "cname", payloadType, clock);
  const added = peer.addTrack(description);
  const chain = packetizer(config);
  chain.addToChain(new RtcpSrReporter(config));
  chain.addToChain(new RtcpNackResponder());
  added.setMediaHandler(chain);
  return { added, config };
}

const peer = new PeerConnection("obs", { iceServers: [], disableAutoNegotiation: true });
peer.onStateChange((state) => say({ state }));
const audio = new Audio("0", "SendOnly");
audio.addOpusCodec(111);
const video = new Video("1", "SendOnly");
video.addH264Codec(96);
const tracks = {
  a: track(peer, audio, 1001, 111, 48000, (config) => new RtpPacketizer(config)),
  v: track(peer, video, 2002, 96, 90000, (config) => new H264RtpPacketizer("StartSequence", config, FRAGMENT)),
};
const offered = new Promise((resolve) => peer.onLocalDescription((sdp) => resolve(sdp)));
peer.setLocalDescription("offer");
const headers = { Authorization: `Bearer ${token}`, "User-Agent": "libobs/30" };
const answer = await fetch(url, {
  method: "POST",
  body: await offered,
  headers: { ...headers, "Content-Type": "application/sdp" },
});
say({ status: answer.status });
if (answer.status !== 201) process.exit(1);
const session = new URL(answer.headers.get("location"), url);
peer.setRemoteDescription(await answer.text(), "answer");

const played = records(media);
const length = played.at(-1).ms + 20;
const began = performance.now();
let next = 0;
let sent = 0;
setInterval(() => {
  for (;;) {
    const record = played[next % played.length];
    const ms = record.ms + Math.floor(next / played.length) * length;
    if (ms > performance.now() - began) return;
    next += 1;
    const { added, config } = tracks[record.kind];
    if (!added.isOpen()) continue;
    config.timestamp = (ms * config.clockRate) / 1000;
    added.sendMessageBinary(record.body);
    if (record.kind === "v") say({ sent: (sent += 1) });
  }
}, 5);

process.stdin.resume();
process.stdin.on("end", async () => {
  const gone = await fetch(session, { method: "DELETE", headers });
  say({ deleted: gone.status });
  peer.close();
  process.exit(0);
});
