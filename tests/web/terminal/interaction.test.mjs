import assert from "node:assert/strict";
import test from "node:test";

import * as interaction from "../../../sync_classroom/web/static/terminal/interaction.js";
import { MINUTE, START, lesson, live } from "./fixtures.mjs";

const host = (more = {}) => lesson({ role: "host", seat: null, seats: [], ...more });
const there = (id, more = {}) => ({ id, online: true, receiving: true, line: "good", present: null, ...more });

test("rooms that suffer are told with the reason, those in trouble now before those that are away", () => {
  const room = (id, line) => ({ id, name: `room ${id}`, line });
  const rooms = [room("a", "offline"), room("b", "good"), room("c", "waiting"), room("d", "weak"), room("e", "weak"), room("f", "reconnecting")];
  const lines = { d: { loss: 0.084, path: "tcp" }, e: { loss: 0.01, path: "udp" } };
  const told = interaction.troublesOf(rooms, live({ lines }));
  assert.deepEqual(told.map((x) => [x.id, x.key, x.percent, x.detour]), [
    ["d", "trouble.loss", 8, "tcp"],
    ["e", "trouble.weak", 1, null],
    ["f", "trouble.reconnecting", 0, null],
    ["c", "trouble.waiting", 0, null],
    ["a", "trouble.offline", 0, null],
  ]);
  // Nobody can receive what the host does not send, and before the lesson nobody suffers.
  const silent = interaction.troublesOf(rooms, live({ host_media: false }));
  assert.ok(!silent.some((x) => x.id === "c"));
  assert.deepEqual(interaction.troublesOf(rooms, live({ state: "open" })), []);
  assert.deepEqual(interaction.troublesOf(rooms, undefined), []);
});

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

const question = (more = {}) => ({
  number: 2, text: "", options: ["", "", ""], asked_at: "", closed_at: null, shown: false, answers: {}, ...more,
});

test("a result is the sum of all rooms by option", () => {
  const asked = question({ answers: { a: [1, 2, 0], b: [0, 30, 4] } });
  assert.deepEqual(interaction.resultOf(asked, 3), { counts: [1, 32, 4], pupils: 37, rooms: 2, seats: 3, open: true });
  const none = interaction.resultOf(question({ closed_at: "2026-11-23T09:10:00+08:00" }), 3);
  assert.deepEqual([none.counts, none.pupils, none.open], [[0, 0, 0], 0, false]);
});

test("an answer is said once the presses have paused, and shown until the server has it", () => {
  const wish = new interaction.AnswerWish();
  const told = (more) => ({ question: question(more), seat: "s-1" });
  assert.deepEqual(wish.counts("o-1", question({ answers: { "s-1": [5, 0, 0] } }), "s-1"), [5, 0, 0]);
  wish.set("o-1", question(), "s-1", 1, 1, 1000);
  wish.set("o-1", question(), "s-1", 1, 2, 1300);
  assert.equal(wish.settle(1900, false, told()), null);
  assert.deepEqual(wish.settle(2000, false, told()), { lesson: "o-1", question: 2, counts: [0, 2, 0] });
  assert.equal(wish.settle(2100, true, told()), null);
  assert.deepEqual(wish.counts("o-1", question(), "s-1"), [0, 2, 0]);
  wish.settle(2200, false, told({ answers: { "s-1": [0, 2, 0] } }));
  assert.equal(wish.wish, null);
});

test("counts stay within a classroom, and rubbish in a field is nobody", () => {
  const wish = new interaction.AnswerWish();
  const put = (place, count) => wish.set("o-1", question(), "s-1", place, count, 0);
  put(0, 150);
  put(1, 90);
  assert.deepEqual(wish.wish.counts, [150, 50, 0]);
  put(1, -3);
  put(2, NaN);
  assert.deepEqual(wish.wish.counts, [150, 0, 0]);
});

test("nothing is said for nobody, and a wish goes with its question", () => {
  const wish = new interaction.AnswerWish();
  wish.set("o-1", question(), "s-1", 0, 0, 0);
  assert.equal(wish.settle(5000, false, { question: question(), seat: "s-1" }), null);
  wish.set("o-1", question(), "s-1", 0, 3, 0);
  assert.equal(wish.settle(5000, false, { question: question({ number: 3 }), seat: "s-1" }), null);
  assert.equal(wish.wish, null);
  wish.set("o-1", question(), "s-1", 0, 3, 0);
  wish.settle(5000, false, { question: question({ closed_at: "x" }), seat: "s-1" });
  assert.equal(wish.wish, null);
});

test("rooms are asked for their head count five minutes after the lesson went live", () => {
  const at = (minutes, more = {}) => interaction.headcountDue(live(more), START + 5_000 + minutes * MINUTE);
  assert.deepEqual([at(4.99), at(5), at(30)], [false, true, true]);
  assert.equal(at(5, { state: "ended" }), false);
  assert.equal(at(5, { live_at: null }), false);
  assert.equal(interaction.headcountDue(undefined, START), false);
});

test("messages are shown newest first by the room's name", () => {
  const seats = [{ id: "a", school: "随迁一校", classroom: "1号教室" }];
  const messages = [
    { id: "1", seat: "a", at: "2026-11-23T09:01:00+08:00", text: "听不清" },
    { id: "2", seat: "gone", at: "2026-11-23T09:02:00+08:00", text: "好了" },
  ];
  assert.deepEqual(interaction.messagesOf(host({ seats }), live({ messages })), [
    { id: "2", at: START + 2 * MINUTE, text: "好了", name: "gone" },
    { id: "1", at: START + MINUTE, text: "听不清", name: "随迁一校 1号教室" },
  ]);
  assert.deepEqual(interaction.messagesOf(host(), undefined), []);
});
