import assert from "node:assert/strict";
import test from "node:test";

import * as state from "../../../sync_classroom/web/static/terminal/state.js";
import { MINUTE, START, inputs, lesson, live } from "./fixtures.mjs";

const END = START + 40 * MINUTE;
const host = (more = {}) => lesson({ role: "host", seat: null, seats: [], ...more });

test("a long name keeps its beginning and its end, where names of one town differ", () => {
  assert.equal(state.brief("随迁子女学校一"), "随迁子女学校一");
  assert.equal(state.brief("太仓市城厢镇流动人口子女义务教育定点学校（北校区）第一分部"), "太仓市城厢镇流…区）第一分部");
  assert.equal(state.brief("Taicang Primary School for Migrant Workers' Children, North"), "Taicang Primar…ldren, North");
  assert.equal(state.brief("字".repeat(14)), "字".repeat(14));
});

test("connected, the server says where a lesson is in its life", () => {
  for (const known of ["planned", "open", "live", "ended", "missed", "cancelled"]) {
    // Far outside its hours: the clock has no say.
    const given = inputs({ lessons: [lesson({ state: known })], now: START - 300 * MINUTE });
    assert.equal(state.phaseOf(given.lessons[0], given), known);
  }
});

test("the live state is newer than the plan it came after", () => {
  const given = inputs({ live: { "o-1": live({ state: "live" }) } });
  assert.equal(state.phaseOf(given.lessons[0], given), "live");
});

test("away from the server the clock opens, runs and ends a cached lesson", () => {
  const at = (now, more = {}) => {
    const given = inputs({ link: "offline", now, ...more });
    return state.phaseOf(given.lessons[0], given);
  };
  assert.equal(at(START - 10 * MINUTE - 1), "planned");
  assert.equal(at(START - 10 * MINUTE), "open");
  assert.equal(at(END + 5 * MINUTE - 1), "open");
  assert.equal(at(END + 5 * MINUTE), "missed");
  assert.equal(at(START, { flowing: true }), "live");
  // As long as the picture comes and the tokens hold, nobody is cut off.
  assert.equal(at(END + 29 * MINUTE, { flowing: true }), "live");
  assert.equal(at(END + 30 * MINUTE, { flowing: true }), "missed");
});

test("away from the server an extension that was told still counts", () => {
  const extended = live({ ends_at: "2026-11-23T09:50:00+08:00" });
  const given = inputs({ link: "offline", now: END + 14 * MINUTE, live: { "o-1": extended } });
  assert.equal(state.phaseOf(given.lessons[0], given), "live");
  const later = { ...given, now: END + 15 * MINUTE };
  assert.equal(state.phaseOf(later.lessons[0], later), "ended");
});

test("what has ended, was cancelled or was missed stays so away from the server", () => {
  for (const over of ["ended", "missed", "cancelled"]) {
    const given = inputs({ link: "offline", lessons: [lesson({ state: over })], flowing: true });
    assert.equal(state.phaseOf(given.lessons[0], given), over);
  }
});

test("a lesson ended here is over at once, whatever the server still says", () => {
  const given = inputs({ lessons: [host({ state: "live" })], giving: null, left: ["o-1"] });
  assert.equal(state.phaseOf(given.lessons[0], given), "ended");
  assert.deepEqual(state.screenOf(given), { name: "lobby", lesson: null });
});

test("a remote room is in a lesson from the moment it opens", () => {
  const screen = (known) => state.screenOf(inputs({ lessons: [lesson({ state: known })] })).name;
  assert.equal(screen("planned"), "lobby");
  assert.equal(screen("open"), "remote");
  assert.equal(screen("live"), "remote");
  assert.equal(screen("ended"), "lobby");
});

test("a host is in a lesson only after pressing the button", () => {
  const lessons = [host({ state: "live" })];
  assert.equal(state.screenOf(inputs({ lessons })).name, "lobby");
  assert.equal(state.screenOf(inputs({ lessons, giving: "o-1" })).name, "host");
  assert.equal(state.screenOf(inputs({ lessons, giving: "o-2" })).name, "lobby");
});

test("a live lesson comes before one that has just opened", () => {
  const late = lesson({ id: "o-0", state: "open", starts_at: "2026-11-23T08:00:00+08:00" });
  const now = lesson({ state: "live" });
  assert.equal(state.lessonNow(inputs({ lessons: [late, now] }))?.id, "o-1");
  assert.equal(state.lessonNow(inputs({ lessons: [late] }))?.id, "o-0");
});

test("no token, a revoked one, and another window have their own screens", () => {
  assert.equal(state.screenOf(inputs({ enrolled: false })).name, "enrol");
  assert.equal(state.screenOf(inputs({ link: "revoked" })).name, "enrol");
  const lessons = [lesson({ state: "live" })];
  assert.equal(state.screenOf(inputs({ lessons, link: "replaced" })).name, "replaced");
});

test("the lobby speaks of the lesson that runs, else of the next that is not over", () => {
  const first = lesson({ id: "o-0", state: "missed", starts_at: "2026-11-23T08:00:00+08:00" });
  const later = lesson({ id: "o-2", starts_at: "2026-11-23T10:00:00+08:00" });
  assert.equal(state.nextLesson(inputs({ lessons: [later, first, lesson()] }))?.id, "o-1");
  const running = { ...later, state: "live" };
  assert.equal(state.nextLesson(inputs({ lessons: [lesson(), running] }))?.id, "o-2");
  assert.equal(state.nextLesson(inputs({ lessons: [first] })), null);
});

test("the host's button follows the state from check to start to going on", () => {
  const lessons = [host()];
  const button = (more) => {
    const given = inputs({ lessons, ...more });
    return state.lobbyButton(given.lessons[0], given, more.checking ?? false);
  };
  const check = { key: "host.check", action: "check", enabled: true };
  assert.deepEqual(button({ now: START - 10 * MINUTE - 1 }), check);
  const checking = { key: "check.running", action: "check", enabled: false };
  assert.deepEqual(button({ now: START - 60 * MINUTE, checking: true }), checking);
  const start = { key: "host.start", action: "start", enabled: true };
  assert.deepEqual(button({ now: START - 10 * MINUTE }), start);
  // A failed or running self-check never takes the start away.
  assert.deepEqual(button({ now: START, checking: true }), start);
  assert.equal(button({ lessons: [host({ state: "live" })] }).key, "host.resume");
  assert.deepEqual(state.lobbyButton(null, inputs(), false), check);
});

test("the bar of a live lesson counts up, then down, then over", () => {
  const given = (now, more = {}) =>
    inputs({ lessons: [host()], giving: "o-1", now, live: { "o-1": live(more) } });
  const bar = (now, more) => {
    const moment = given(now, more);
    return state.hostBar(moment.lessons[0], moment, { since: START, armedAt: null });
  };
  assert.deepEqual(bar(START + 5000 + 12_000).label, { key: "host.live", time: "00:12" });
  assert.equal(bar(START + MINUTE).left, null);
  assert.equal(bar(END - 2 * MINUTE).left, "02:00");
  assert.deepEqual(bar(END + 65_000).label, { key: "host.overtime", time: "01:05" });
  assert.equal(bar(START).canExtend, true);
  assert.equal(bar(START, { can_extend: false }).canExtend, false);
});

test("before the lesson is live the bar offers the way back", () => {
  const given = inputs({ lessons: [host({ state: "open" })], giving: "o-1" });
  const bar = state.hostBar(given.lessons[0], given, { since: START, armedAt: null });
  assert.equal(bar.live, false);
  assert.equal(bar.label.key, "host.starting");
  assert.equal(bar.end, "host.cancel");
  const sent = { ...given, flowing: true };
  const waiting = state.hostBar(sent.lessons[0], sent, { since: START, armedAt: null });
  assert.equal(waiting.label.key, "host.waiting_live");
  assert.equal(state.pressEnd(bar, null, START), "cancel");
});

test("ending takes two presses that are not a double click", () => {
  const given = inputs({ lessons: [host()], giving: "o-1", live: { "o-1": live() } });
  const bar = (armedAt, now) =>
    state.hostBar(given.lessons[0], { ...given, now }, { since: START, armedAt });
  const press = (armedAt, now) => state.pressEnd(bar(armedAt, now), armedAt, now);
  assert.equal(press(null, START), "arm");
  assert.equal(press(START, START + 349), "ignore");
  assert.equal(press(START, START + 350), "end");
  assert.equal(press(START, START + 3999), "end");
  // Nobody confirmed: it is as if nothing had been pressed.
  assert.equal(press(START, START + 4000), "arm");
  assert.equal(bar(START, START + 1000).end, "host.end_confirm");
  assert.equal(bar(START, START + 4000).end, "host.end");
});

test("without the server a host's lesson is live while its picture flows", () => {
  const given = inputs({ lessons: [host()], giving: "o-1", link: "offline", flowing: true });
  const bar = state.hostBar(
    given.lessons[0],
    { ...given, now: START + 90_000 },
    { since: START, armedAt: null },
  );
  assert.deepEqual([bar.live, bar.label.time, bar.canExtend], [true, "01:30", false]);
});

test("rooms on the wall come first in the wall's order, with place, line and head count", () => {
  const seats = ["a", "b", "c"].map((id) => ({ id, school: "随迁三校", classroom: `${id}室` }));
  const told = live({
    wall: ["c", "a"],
    called_on: "c",
    hands: [{ seat: "b", at: "2026-11-23T09:01:00+08:00" }],
    seats: [
      { id: "a", online: true, receiving: true, line: "good", present: 41 },
      { id: "b", online: false, receiving: true, line: null, present: null },
      { id: "c", online: true, receiving: false, line: "reconnecting", present: null },
    ],
  });
  const rooms = state.roomsOf(host({ seats }), told, 12);
  assert.deepEqual(
    rooms.map((r) => [r.id, r.slot, r.line, r.present, r.hand, r.called]),
    [
      ["c", 0, "reconnecting", null, null, true],
      ["a", 1, "good", 41, null, false],
      ["b", null, "good", null, 1, false],
    ],
  );
  assert.equal(rooms[0].name, "随迁三校 c室");
});

test("a wall longer than the slots leaves the rest without a picture", () => {
  const seats = Array.from({ length: 14 }, (_, i) => ({ id: `s${i}`, classroom: `${i}` }));
  const rooms = state.roomsOf(host({ seats }), live({ wall: seats.map((s) => s.id) }), 12);
  assert.deepEqual([rooms[11].slot, rooms[12].slot, rooms.length], [11, null, 14]);
  assert.equal(rooms[0].line, "offline");
});

test("a seat knows its hand, its turn, and who else speaks", () => {
  const hands = [{ seat: "s-0", at: "" }, { seat: "s-1", at: "" }];
  const seat = (told, wish = null) => state.seatOf(lesson(), told, wish);
  assert.deepEqual([seat(live({ hands })).raised, seat(live({ hands })).place], [true, 2]);
  assert.equal(seat(live(), true).raised, true);
  assert.equal(seat(live({ hands }), false).raised, false);
  const called = seat(live({ called_on: "s-1", hands }));
  assert.deepEqual([called.called, called.onAir, called.raised, called.other], [true, true, false, null]);
  assert.equal(seat(live({ called_on: "s-1", muted: true })).onAir, false);
  assert.equal(seat(live({ called_on: "s-2" })).other, "s-2");
  assert.deepEqual([seat(undefined).called, seat(undefined).expected], [false, 42]);
});

const sample = (at, more = {}) => ({
  at, connected: true, bytes: at * 100, received: at, lost: 0, frames: at / 100, freezes: 0, ...more,
});
const context = { now: 6000, expected: true, downSince: null, waiting: false };

test("the line is judged over the last five seconds", () => {
  const steady = [0, 1000, 2000, 3000, 4000, 5000, 6000].map((at) => sample(at));
  const good = state.lineOf(steady, context);
  assert.deepEqual(good, { state: "good", seconds: 0, kbps: 800, loss: 0, frames: 50 });
  const old = [sample(0, { lost: 0 }), sample(500, { lost: 400 }), ...[1000, 6000].map((at) => sample(at, { lost: 400 }))];
  assert.equal(state.lineOf(old, context).state, "good");
});

test("loss or a frozen teacher is a weak line, nothing expected is not", () => {
  const lossy = [sample(1000), sample(6000, { received: 6000 - 200, lost: 200 })];
  const judged = state.lineOf(lossy, context);
  assert.deepEqual([judged.state, judged.loss], ["weak", 0.04]);
  const frozen = [sample(1000), sample(6000, { freezes: 1 })];
  assert.equal(state.lineOf(frozen, context).state, "weak");
  assert.equal(state.lineOf(frozen, { ...context, expected: false }).state, "good");
});

test("a lost line counts its seconds, a new one says that it connects", () => {
  const lost = state.lineOf([sample(6000)], { ...context, downSince: 3000 });
  assert.deepEqual([lost.state, lost.seconds], ["reconnecting", 3]);
  assert.equal(state.lineOf([], context).state, "connecting");
  assert.equal(state.lineOf([sample(0, { connected: false })], context).state, "connecting");
  assert.equal(state.lineOf([], { ...context, waiting: true }).state, "good");
});

test("codes are read forgivingly", () => {
  for (const typed of ["K7M2P9QX", "k7m2 p9qx", "K7M2-P9QX", " k7m2—p9qx ", "Ｋ７Ｍ２Ｐ９ＱＸ"]) {
    assert.deepEqual(state.readCode(typed), { code: "K7M2P9QX", problem: null });
  }
});

test("what cannot be a code says which letters and how many", () => {
  const problem = (typed) => state.readCode(typed).problem;
  assert.deepEqual(problem("K7M2P9O0"), { key: "enrol.bad_characters", params: { characters: "O0" } });
  assert.deepEqual(problem("K7M2"), { key: "enrol.short", params: { left: 4 } });
  assert.deepEqual(problem(""), { key: "enrol.short", params: { left: 8 } });
  assert.deepEqual(problem("K7M2P9QXK"), { key: "enrol.long", params: { extra: 1 } });
});

test("yesterday's cached plan is not today's", () => {
  const zone = "Asia/Shanghai";
  assert.equal(state.todays([lesson()], START, zone).length, 1);
  assert.equal(state.todays([lesson()], START - 10 * 60 * MINUTE, zone).length, 0);
  assert.equal(state.todays([lesson()], START + 15 * 60 * MINUTE, zone).length, 0);
  const over = lesson({ starts_at: "2026-11-23T23:50:00+08:00", ends_at: "2026-11-24T00:30:00+08:00" });
  const midnight = Date.parse("2026-11-24T00:10:00+08:00");
  assert.equal(state.todays([over], midnight, zone).length, 1);
});

test("civil time is the programme's, wherever the device thinks it is", () => {
  const shown = state.civil(Date.parse("2026-11-22T23:05:09Z"), "Asia/Shanghai");
  assert.deepEqual(
    [shown.year, shown.month, shown.day, shown.weekday, shown.minutes, shown.seconds],
    [2026, 11, 23, 1, "07:05", "07:05:09"],
  );
});

test("weeks are counted from the Monday of week 1", () => {
  const week = (at) => state.weekOf(Date.parse(at), "Asia/Shanghai", { week1_monday: "2026-08-31" });
  assert.equal(week("2026-11-23T00:00:00+08:00"), 13);
  assert.equal(week("2026-11-22T23:59:59+08:00"), 12);
  assert.equal(week("2026-08-30T12:00:00+08:00"), null);
  assert.equal(state.weekOf(START, "Asia/Shanghai", null), null);
});

test("lengths are written as clocks", () => {
  assert.equal(state.clockText(0), "00:00");
  assert.equal(state.clockText(12_999), "00:12");
  assert.equal(state.clockText(3_600_000 + 61_000), "1:01:01");
});

test("an unknown kind of change is shown as a change", () => {
  assert.equal(state.changeKey(null), null);
  assert.equal(state.changeKey({ kind: "moved", reason: "" }), "change.moved");
  assert.equal(state.changeKey({ kind: "swapped", reason: "" }), "change.other");
});
