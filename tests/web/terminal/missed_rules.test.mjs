import assert from "node:assert/strict";
import test from "node:test";

import * as rules from "../../../sync_classroom/web/static/terminal/missed_rules.js";
import { civil } from "../../../sync_classroom/web/static/terminal/state.js";

const loss = (from, to, parts = [{}]) => ({ from_at: from, to_at: to, from_s: 20, to_s: 320, parts });
const EARLY = loss("2026-11-23T02:03:00Z", "2026-11-23T02:11:00Z");
const LATE = loss("2026-11-23T02:20:05Z", "2026-11-23T02:20:25Z", []);

test("the server is asked soon until the evidence of the return is in, then seldom", () => {
  const asked = { at: 10_000, backAt: 9_000, first: "a", until: "a", waiting: false };
  assert.equal(rules.askAgainAt(asked), 13_000);
  assert.equal(rules.askAgainAt({ ...asked, until: "b" }), 70_000);
  // Something is not written yet: it will be in a moment.
  assert.equal(rules.askAgainAt({ ...asked, until: "b", waiting: true }), 13_000);
  // A room that never has any evidence is not asked about for ever.
  assert.equal(rules.askAgainAt({ ...asked, at: 70_000, first: null, until: null }), 130_000);
});

test("what was watched or waved away is offered no more, what is not written yet is not ready", () => {
  assert.deepEqual(rules.open([EARLY, LATE], [EARLY]), [LATE]);
  // A sample that came late has moved its beginning; a line lost again is another matter.
  const moved = loss("2026-11-23T02:02:50Z", EARLY.to_at);
  const longer = loss(EARLY.from_at, "2026-11-23T02:15:00Z");
  assert.deepEqual(rules.open([moved, longer], [EARLY]), [longer]);
  assert.deepEqual(rules.ready([EARLY, LATE]), [EARLY]);
});

test("playing goes on behind a gap in the recording, and waits where nothing is there", () => {
  const buffered = [[20, 30], [41, 50]];
  assert.equal(rules.playableFrom(buffered, 25), 25);
  assert.equal(rules.playableFrom(buffered, 19.9), 20);
  assert.equal(rules.playableFrom(buffered, 30), 41);
  assert.equal(rules.playableFrom(buffered, 35), 41);
  assert.equal(rules.playableFrom(buffered, 50), null);
  assert.equal(rules.playableFrom([], 25), null);
});

test("what lies ahead is counted without its gaps", () => {
  assert.equal(rules.ahead([[20, 30], [41, 50]], 25), 14);
  assert.equal(rules.ahead([[20, 30]], 31), 0);
});

test("the time of the lesson is told, and no time outside of what was missed", () => {
  assert.equal(rules.instantOf(EARLY, 80), Date.parse("2026-11-23T02:04:00Z"));
  assert.equal(rules.instantOf(EARLY, 0), Date.parse(EARLY.from_at));
  assert.equal(rules.instantOf(EARLY, 1000), Date.parse("2026-11-23T02:08:00Z"));
});

test("a long loss is named in minutes, a short one in seconds", () => {
  const here = (at) => civil(at, "Asia/Shanghai");
  assert.equal(rules.spanText(EARLY, here), "10:03–10:11");
  assert.equal(rules.spanText(LATE, here), "10:20:05–10:20:25");
});
