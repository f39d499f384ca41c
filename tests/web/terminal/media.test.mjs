import assert from "node:assert/strict";
import test from "node:test";

import { clockItem, lineItem } from "../../../sync_classroom/web/static/terminal/check.js";
import { deviceLabel } from "../../../sync_classroom/web/static/terminal/enrolment.js";
import { encodings } from "../../../sync_classroom/web/static/terminal/lesson_media.js";
import { readStats } from "../../../sync_classroom/web/static/terminal/media.js";
import { preferred, roomOf } from "../../../sync_classroom/web/static/terminal/session.js";

const video = (mimeType, sdpFmtpLine) => ({ mimeType: `video/${mimeType}`, sdpFmtpLine });

test("constrained baseline H.264 is offered first, then VP8, and nothing the relay cannot forward", () => {
  const offered = preferred("video", [
    video("VP8"),
    video("rtx"),
    video("VP9", "profile-id=0"),
    video("H264", "packetization-mode=1;profile-level-id=42001f"),
    video("H264", "packetization-mode=0;profile-level-id=42e01f"),
    video("H264", "packetization-mode=1;profile-level-id=42e01f"),
    video("H264", "packetization-mode=1;profile-level-id=4d001f"),
    video("AV1"),
    video("red"),
  ]);
  assert.deepEqual(
    offered.map((c) => [c.mimeType, c.sdpFmtpLine]),
    [
      ["video/H264", "packetization-mode=1;profile-level-id=42e01f"],
      ["video/H264", "packetization-mode=1;profile-level-id=42001f"],
      ["video/VP8", undefined],
      ["video/rtx", undefined],
    ],
  );
});

test("of sound only Opus is offered", () => {
  const codecs = [{ mimeType: "audio/red" }, { mimeType: "audio/opus" }, { mimeType: "audio/PCMU" }];
  assert.deepEqual(preferred("audio", codecs), [{ mimeType: "audio/opus" }]);
});

test("the room of a token is read from it, rubbish names no room", () => {
  const payload = Buffer.from(JSON.stringify({ room: "check:far-1-r1" })).toString("base64url");
  assert.equal(roomOf(`e30.${payload}.sig`), "check:far-1-r1");
  assert.equal(roomOf("not a token"), "");
  assert.equal(roomOf("a.!!!.b"), "");
});

test("a teacher's camera goes up in three layers, the smallest 320 across", () => {
  const layers = encodings("camera", false, 1280);
  assert.deepEqual(
    layers.map((l) => [l.rid, l.scaleResolutionDownBy, l.maxBitrate]),
    [["l", 4, 150_000], ["m", 2, 600_000], ["h", 1, 2_500_000]],
  );
  assert.ok(layers.every((l) => l.active !== false));
  assert.deepEqual(encodings("camera", false, 320).map((l) => l.scaleResolutionDownBy), [1, 1, 1]);
});

test("a room's own picture has a large layer only while it is called on", () => {
  for (const [width, scale] of [[1280, 4], [640, 2], [160, 1], [undefined, 4]]) {
    const [small, large] = encodings("seat", false, width);
    assert.equal(small.scaleResolutionDownBy, scale);
    assert.deepEqual([small.maxBitrate, small.maxFramerate], [150_000, 15]);
    assert.equal(large.active, false);
  }
  const [small, large] = encodings("seat", true, 1280);
  assert.deepEqual([small.rid, small.maxBitrate], ["l", 150_000]);
  assert.deepEqual(
    [large.rid, large.active, large.maxBitrate, large.scaleResolutionDownBy],
    ["h", true, 1_500_000, 1],
  );
});

test("courseware goes up in one sharp layer without a name", () => {
  assert.deepEqual(encodings("screen", false, 1920), [{ maxBitrate: 2_500_000, maxFramerate: 15 }]);
});
function report(...entries) {
  return new Map(entries.map((e) => [e.id, e]));
}

const PAIR = [
  { id: "T", type: "transport", selectedCandidatePairId: "P", bytesReceived: 9000 },
  { id: "P", type: "candidate-pair", currentRoundTripTime: 0.018, localCandidateId: "L" },
  { id: "L", type: "local-candidate", candidateType: "host", protocol: "udp" },
];

test("statistics of slots are added up and each slot remembers when it moved", () => {
  const stats = (frames) =>
    report(
      ...PAIR,
      { id: "a", type: "inbound-rtp", kind: "audio", mid: "0", bytesReceived: 100, packetsReceived: 10, packetsLost: 0 },
      { id: "v", type: "inbound-rtp", kind: "video", mid: "2", bytesReceived: 900, packetsReceived: 90, packetsLost: 5, framesDecoded: frames, freezeCount: 1 },
      { id: "w", type: "inbound-rtp", kind: "video", mid: "3", bytesReceived: 0, framesDecoded: 0, freezeCount: 7 },
    );
  const first = readStats(stats(5), 1000, true, {});
  assert.deepEqual(first.sample, {
    at: 1000, connected: true, bytes: 1000, received: 100, lost: 5, frames: 5, freezes: 1,
  });
  assert.deepEqual([first.facts.path, first.facts.rttMs], ["udp", 18]);
  const second = readStats(stats(5), 2000, true, first.facts.slots);
  assert.equal(second.facts.slots["2"].movedAt, 1000);
  assert.equal(second.facts.slots["3"].movedAt, -Infinity);
  const third = readStats(stats(6), 3000, true, second.facts.slots);
  assert.equal(third.facts.slots["2"].movedAt, 3000);
});

test("a publisher is alive by what the relay reports back", () => {
  const stats = report(
    ...PAIR,
    { id: "r", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.02 },
    { id: "s", type: "media-source", kind: "audio", audioLevel: 0.3 },
  );
  const { sample, facts } = readStats(stats, 0, true, {});
  assert.deepEqual([sample.bytes, facts.sentLoss, facts.level], [9000, 0.02, 0.3]);
});

test("a relayed or TCP path is named, none is none", () => {
  const by = (candidate) =>
    readStats(report(PAIR[0], PAIR[1], { id: "L", ...candidate }), 0, true, {}).facts.path;
  assert.equal(by({ candidateType: "relay", protocol: "udp" }), "relay");
  assert.equal(by({ candidateType: "host", protocol: "tcp" }), "tcp");
  assert.equal(readStats(report(), 0, false, {}).facts.path, "none");
});

test("the self-check's sentences follow what was measured", () => {
  const line = (more) => lineItem({ kind: "udp", rtt_ms: 18.4, loss: 0, ...more });
  assert.deepEqual(line(), { state: "ok", detail: "check.line.ok", params: { kind: "UDP", rtt: 18 } });
  assert.equal(line({ loss: null }).state, "ok");
  assert.deepEqual(line({ loss: 0.051 }).params, { kind: "UDP", rtt: 18, loss: 5.1 });
  assert.equal(line({ loss: 0.031 }).detail, "check.line.lossy");
  assert.equal(line({ rtt_ms: 301 }).detail, "check.line.slow");
  assert.equal(clockItem({ offset: 0, measured: false }).state, "unknown");
  assert.deepEqual(clockItem({ offset: -4999, measured: true }).params, { ms: 4999 });
  assert.deepEqual(clockItem({ offset: -65_000, measured: true }).params, { seconds: 65 });
});

test("a device is named by browser and system", () => {
  const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
  assert.equal(deviceLabel(chrome), "Chrome 156 / Linux");
  assert.equal(deviceLabel("Mozilla/5.0 (Windows NT 10.0) Chrome/150.0 Safari/537.36 Edg/150.0"), "Chrome 150 / Windows");
  assert.equal(deviceLabel(""), "Browser");
});
