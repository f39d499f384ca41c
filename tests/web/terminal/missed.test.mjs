import assert from "node:assert/strict";
import test from "node:test";

import { Missed } from "../../../sync_classroom/web/static/terminal/missed.js";

const LOSS = { from_at: "2026-11-23T02:03:00Z", to_at: "2026-11-23T02:11:00Z", from_s: 20, to_s: 500, parts: [{}], pages: [] };
/** As the page keeps it. */
const KEPT = { ...LOSS, lesson: "o-1" };

/** A page with a server that answers as told; `asked` are its questions, `said` what the room reads. */
function room(t, answers) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  const said = [];
  t.mock.method(globalThis, "fetch", async (path, { headers }) => {
    asked.push([path, headers.Authorization]);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === null) throw new TypeError("the line is away");
    return { ok: true, json: async () => ({ over: false, make_up: false, until: null, missed: [], ...answer }) };
  });
  const missed = new Missed({ token: () => "secret", changed: () => undefined, say: (key) => said.push(key) });
  const look = async (at, more = {}) => {
    t.mock.method(performance, "now", () => at);
    missed.look({ lesson: "o-1", flowing: true, online: true, at, ...more });
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  return { missed, look, asked, said };
}

test("a room asks when media come, until the evidence of that is in, then seldom", async (t) => {
  const { missed, look, asked } = room(t, [{ until: "a" }, { until: "a" }, { until: "b", missed: [LOSS] }]);
  await look(0, { flowing: false });
  assert.equal(asked.length, 0);
  await look(1_000);
  assert.deepEqual(asked, [["/api/terminal/lessons/o-1/missed", "Bearer secret"]]);
  await look(2_000);
  assert.equal(asked.length, 1);
  await look(4_000);
  await look(7_000);
  assert.deepEqual(missed.offered(), [KEPT]);
  await look(60_000);
  assert.equal(asked.length, 3);
  await look(67_000);
  assert.equal(asked.length, 4);
  // The line goes and comes back: at once, whatever was planned.
  await look(68_000, { flowing: false });
  await look(69_000);
  assert.equal(asked.length, 5);
});

test("what was watched is offered no more, and a server that is away is asked again", async (t) => {
  const { missed, look, asked } = room(t, [null, { until: "a", missed: [LOSS] }]);
  await look(0);
  assert.deepEqual(missed.offered(), []);
  await look(4_000);
  assert.equal(asked.length, 1);
  await look(8_000);
  assert.deepEqual(missed.offered(), [KEPT]);
  missed.put(LOSS);
  await look(12_000);
  assert.deepEqual(missed.offered(), []);
});

for (const [make_up, key] of [[true, "missed.made_up"], [false, "missed.over"]]) {
  test(`after the lesson the room reads who makes up for it: ${key}`, async (t) => {
    const { look, said } = room(t, [{ until: "a", missed: [LOSS] }, { over: true, make_up }]);
    await look(0);
    await look(1_000, { lesson: null });
    t.mock.timers.tick(12_000);
    await look(13_000, { lesson: null });
    assert.deepEqual(said, [key]);
  });
}

test("a room that missed nothing reads nothing, and the next lesson begins anew", async (t) => {
  const { missed, look, said, asked } = room(t, [{ until: "a" }, { until: "a", missed: [LOSS] }]);
  await look(0);
  await look(1_000, { lesson: null });
  t.mock.timers.tick(20_000);
  assert.deepEqual([said, asked.length], [[], 1]);
  await look(2_000, { lesson: "o-2" });
  assert.equal(asked[1][0], "/api/terminal/lessons/o-2/missed");
  assert.deepEqual(missed.offered(), [{ ...LOSS, lesson: "o-2" }]);
});
