import assert from "node:assert/strict";
import test from "node:test";

import {
  decide,
  heard,
  isCompleted,
  isReminded,
  newCopy,
  pauseAfter,
  sameWord,
  sourcesOf,
  union,
  watchedSeconds,
  wordOf,
} from "../../../sync_classroom/web/static/terminal/inbox_rules.js";

const NOW = Date.parse("2026-11-23T18:00:00+08:00");
const push = (name, more = {}) => ({
  push: name, target: "t1", title: name, subject: "英语", reason: "补推", class_name: "", kind: "video",
  media_type: "video/mp4", name: "a.mp4", bytes: 100, sha256: "00", duration_s: 60, href: "/f", cached: null,
  sent_at: `2026-11-23T1${name.at(-1)}:00:00+08:00`, expires_at: null, opened_at: null, completed_at: null,
  reminded_at: null,
  ...more,
});
const copy = (name, more = {}, told = {}) => ({ ...newCopy(push(name, told)), ...more });
const kept = (name, more = {}, told = {}) => copy(name, { state: "kept", bytes: 100, delivered: 1, ...more }, told);
const next = (copies, more = {}) =>
  decide(copies, { now: NOW, quota: 1000, quiet: true, playing: null, ...more });
const names = (copies) => copies.map((c) => c.push.push);

test("what a person waits for comes first, then what was begun, then the newest", () => {
  const all = [copy("p1"), copy("p2", { bytes: 5, state: "fetching" }), copy("p3"), copy("p4", { asked: true })];
  assert.equal(next(all).fetch.push.push, "p4");
  assert.equal(next(all.slice(0, 3)).fetch.push.push, "p2");
  assert.equal(next([copy("p1"), copy("p3")]).fetch.push.push, "p3");
  assert.equal(next([]).fetch, null);
});

test("outside quiet hours only what a person asked for is fetched", () => {
  assert.equal(next([copy("p1")], { quiet: false }).fetch, null);
  assert.equal(next([copy("p1", { asked: true })], { quiet: false }).fetch.push.push, "p1");
});

test("what was given up or failed comes again only when a person asks", () => {
  for (const state of ["evicted", "failed"]) {
    assert.equal(next([copy("p1", { state })]).fetch, null);
    assert.equal(next([copy("p1", { state, asked: true })]).fetch.push.push, "p1");
  }
});

test("room is made by what was seen, then by what was opened, then by the oldest", () => {
  const all = [kept("p1"), kept("p2", { opened: 1 }), kept("p3", { opened: 1, completed: 1 }), copy("p4")];
  assert.deepEqual(names(next(all, { quota: 400 }).evict), []);
  assert.deepEqual(names(next(all, { quota: 399 }).evict), ["p3"]);
  assert.deepEqual(names(next(all, { quota: 299 }).evict), ["p3", "p2"]);
  assert.deepEqual(names(next(all, { quota: 199 }).evict), ["p3", "p2", "p1"]);
});

test("what is on the screen is never given up, and nothing is if that is not enough", () => {
  const all = [kept("p1"), kept("p2"), copy("p3", {}, { bytes: 150 })];
  const { fetch, evict } = next(all, { quota: 200, playing: "p1.t1" });
  assert.equal(fetch, null);
  assert.deepEqual(evict, []);
});

test("what can never fit is refused and does not stand in the way", () => {
  const { refuse, fetch } = next([copy("p1"), copy("p2", {}, { bytes: 1001 })]);
  assert.deepEqual(names(refuse), ["p2"]);
  assert.equal(fetch.push.push, "p1");
});

test("what is over is removed, not fetched, and makes room", () => {
  const ended = { expires_at: new Date(NOW).toISOString() };
  const all = [kept("p1", {}, ended), copy("p2", {}, ended), kept("p3", { over: true }), copy("p4")];
  const { remove, fetch, evict } = next(all, { quota: 100 });
  assert.deepEqual(names(remove), ["p1", "p3"]);
  assert.equal(fetch.push.push, "p4");
  assert.deepEqual(evict, []);
  assert.deepEqual(names(next(all, { playing: "p1.t1" }).remove), ["p3"]);
});

test("the server's list adds, renews and ends what is known, and nothing unsaid is lost", () => {
  const known = [kept("p1", { opened: 5 }), copy("p2"), kept("p3"), copy("p4", { unsaid: true, completed: 9 })];
  const all = heard(known, [push("p1", { title: "另一个标题" }), push("p5")]);
  const by = Object.fromEntries(all.map((c) => [c.push.push, c]));
  assert.deepEqual(Object.keys(by).sort(), ["p1", "p3", "p4", "p5"]);
  assert.equal(by.p1.push.title, "另一个标题");
  assert.equal(by.p1.opened, 5);
  assert.equal(by.p5.state, "waiting");
  assert.ok(by.p3.over && by.p4.over && !by.p1.over);
  assert.equal(by.p4.completed, 9);
  assert.equal(heard(all, [push("p3")]).find((c) => c.push.push === "p3").over, false);
});

test("seconds count once, however often and in whatever pieces they are played", () => {
  const played = union(union([], [[0, 10]]), [[5, 12], [20, 30], [30, 31], [40, 40]]);
  assert.deepEqual(played, [[0, 12], [20, 31]]);
  assert.equal(watchedSeconds(played), 23);
  assert.equal(isCompleted([[0, 40], [50, 58]], 60), true);
  assert.equal(isCompleted([[0, 47]], 60), false);
  assert.equal(isCompleted([[0, 47]], NaN), false);
});

test("a word has the steps that were taken, and how much is here yet is no news", () => {
  const said = kept("p1", { opened: 7, played: [[0, 61.9]] });
  assert.deepEqual(wordOf(said), {
    push: "p1", target: "t1", state: "kept", bytes: 100, failure: null, watched_s: 61, delivered: 1, opened: 7,
  });
  assert.equal(wordOf(copy("p1")).state, "fetching");
  assert.ok(sameWord(said, { ...said, bytes: 3 }));
  assert.ok(!sameWord(said, { ...said, completed: 8 }));
});

test("pauses after failures grow and stay", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 50].map(pauseAfter), [2_000, 10_000, 60_000, 300_000, 300_000, 300_000]);
});

test("a reminder stands until somebody has opened it, here or on the teacher's page", () => {
  const asked = { reminded_at: "2026-11-23T17:00:00+08:00" };
  assert.ok(isReminded(copy("p1", {}, asked)));
  assert.ok(!isReminded(copy("p1")));
  assert.ok(!isReminded(kept("p1", { opened: 5 }, asked)));
  assert.ok(!isReminded(copy("p1", {}, { ...asked, opened_at: asked.reminded_at })));
});

test("a cache is asked first, unless it gave wrong bytes, and told when a person waits", () => {
  const cached = "https://cache.example/f?push=p1";
  assert.deepEqual(sourcesOf(copy("p1"), 0), { url: "/f", cached: null });
  assert.deepEqual(sourcesOf(copy("p1", { asked: true }), 0), { url: "/f?asked=1", cached: null });
  assert.deepEqual(sourcesOf(copy("p1", {}, { cached }), 1), { url: "/f", cached });
  assert.deepEqual(sourcesOf(copy("p1", { asked: true }, { cached }), 0), {
    url: "/f?asked=1",
    cached: `${cached}&asked=1`,
  });
  assert.deepEqual(sourcesOf(copy("p1", { tries: 1 }, { cached }), 0), { url: "/f", cached: null });
  assert.deepEqual(sourcesOf(copy("p1", {}, { cached }), 2), { url: "/f", cached: null });
});
