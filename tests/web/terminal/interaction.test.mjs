import assert from "node:assert/strict";
import test from "node:test";

import * as interaction from "../../../sync_classroom/web/static/terminal/interaction.js";
import { START, lesson, live } from "./fixtures.mjs";

const host = (more = {}) => lesson({ role: "host", seat: null, seats: [], ...more });
const there = (id, more = {}) => ({ id, online: true, receiving: true, line: "good", present: null, ...more });

test("raised hands keep their order and say how long they wait", () => {
  const seats = [{ id: "a", classroom: "一室" }, { id: "b", classroom: "二室" }];
  const hands = [
    { seat: "b", at: "2026-11-23T09:01:00+08:00" },
    { seat: "a", at: "2026-11-23T09:01:32+08:00" },
  ];
  const told = live({ hands, turns: { b: 1 }, week_turns: {} });
  assert.deepEqual(interaction.handsOf(host({ seats }), told, START + 102_000), [
    { seat: "b", place: 1, name: "二室", waited: "00:42", fair: null },
    { seat: "a", place: 2, name: "一室", waited: "00:10", fair: "week" },
  ]);
});

test("a room with a turn earlier in the week waits for its first of this lesson", () => {
  const told = live({ hands: [{ seat: "a", at: "2026-11-23T09:00:00+08:00" }], turns: {}, week_turns: { a: 2 } });
  const [hand] = interaction.handsOf(host({ seats: [{ id: "a", classroom: "一室" }] }), told, START);
  assert.equal(hand.fair, "lesson");
});

test("rooms without a turn: none this week first, without absent ones and the one that speaks", () => {
  const seats = ["a", "b", "c", "d", "e"].map((id) => ({ id, classroom: id }));
  const told = live({
    seats: [there("a"), there("b"), there("c"), there("d", { online: false, receiving: false }), there("e")],
    turns: { b: 1 },
    week_turns: { a: 3, b: 1 },
    called_on: "e",
  });
  assert.deepEqual(interaction.withoutTurn(host({ seats }), told), ["c", "a"]);
  assert.deepEqual(interaction.withoutTurn(host({ seats }), undefined), []);
});

test("loudness is the logarithm of a level within the meter", () => {
  assert.deepEqual([0, 1].map(interaction.loudness), [0, 1]);
  assert.ok(Math.abs(interaction.loudness(0.01) - 0.2) < 1e-9);
  assert.equal(interaction.loudness(0.0001), 0);
});
