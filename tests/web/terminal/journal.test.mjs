// What a room received, by its own account: samples of ten seconds, whatever the page went through.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Observer } from "../../../sync_classroom/web/static/terminal/journal.js";

const CLOCK = 1_795_395_600_000;

/** A room that looks twice a second; `at` is monotonic ms, media is told by frames and bytes. */
class Room {
  constructor({ lesson = "o-1", seat = "o-1-s0" } = {}) {
    this.samples = [];
    this.observer = new Observer((sample) => this.samples.push(sample));
    Object.assign(this, { lesson, seat, at: 5_000, frames: 0, bytes: 0, offset: 250.4 });
    this.movedAt = -Infinity;
  }

  look({ moving = true, ms = 500, clock = CLOCK + this.at } = {}) {
    if (moving) {
      this.frames += 5;
      this.bytes += 3_000;
      this.movedAt = this.at;
    }
    const { lesson, seat, at, offset, frames, bytes, movedAt } = this;
    const slots = {
      0: { kind: "audio", frames: 0, bytes, movedAt, width: 0, level: 0 },
      2: { kind: "video", frames, bytes: 9 * bytes, movedAt, width: 640, level: 0 },
    };
    this.observer.look({ lesson, seat, at, clock, offset, slots });
    this.at += ms;
  }

  for(ms, options) {
    for (const until = this.at + ms; this.at < until; ) this.look(options);
  }
}

test("a lesson that flows is samples of ten seconds one after the other", () => {
  const room = new Room();
  room.for(30_500);
  assert.deepEqual(
    room.samples.map(({ from, to, moved, frames, sound }) => [from - CLOCK, to - CLOCK, moved, frames, sound]),
    [
      [5_000, 15_000, 10_000, 100, 60_000],
      [15_000, 25_000, 10_000, 100, 60_000],
      [25_000, 35_000, 10_000, 100, 60_000],
    ],
  );
  assert.deepEqual(
    [room.samples[0].lesson, room.samples[0].seat, room.samples[0].offset],
    ["o-1", "o-1-s0", 250],
  );
});

test("what stands still for two seconds does not move", () => {
  const room = new Room();
  room.for(10_000);
  room.for(10_000, { moving: false });
  room.for(10_500);
  const [first, second, third] = room.samples;
  assert.equal(first.moved, 10_000);
  assert.equal(second.frames, 5); // the look that ended the first sample was counted there
  assert.ok(second.moved <= 2_500 && second.moved >= 1_500, String(second.moved));
  assert.equal(third.moved, 10_000);
});

test("a session that begins anew counts from nothing, and nothing is counted twice", () => {
  const room = new Room();
  room.for(5_000);
  room.frames = room.bytes = 0;
  room.for(5_500);
  assert.equal(room.samples.length, 1);
  assert.equal(room.samples[0].frames, 45 + 50 + 5);
});

test("leaving a lesson and going to the next one each end a sample", () => {
  const room = new Room();
  room.for(3_500);
  room.lesson = "o-2";
  room.seat = "o-2-s0";
  room.for(2_500);
  room.observer.look(null);
  assert.deepEqual(
    room.samples.map(({ lesson, from, to }) => [lesson, to - from]),
    [
      ["o-1", 3_000],
      ["o-2", 2_000],
    ],
  );
  room.observer.look(null);
  assert.equal(room.samples.length, 2);
});

test("a page that slept says nothing of that time", () => {
  const room = new Room();
  room.for(3_000);
  room.at += 60_000;
  room.for(11_000);
  assert.deepEqual(
    room.samples.map(({ from, to }) => [from - CLOCK, to - from]),
    [
      [5_000, 2_500],
      [68_000, 10_000],
    ],
  );
});

test("a clock that is set in the middle makes no sample longer or shorter", () => {
  const room = new Room();
  room.for(5_000);
  room.for(6_000, { clock: CLOCK + 3_600_000 });
  assert.equal(room.samples[0].to - room.samples[0].from, 10_000);
  assert.equal(room.samples[0].from, CLOCK + 5_000);
});

test("a clock that was never compared is said to be so", () => {
  const room = new Room();
  room.offset = null;
  room.for(10_500);
  assert.equal(room.samples[0].offset, null);
});

test("a clock that is compared in the middle of a sample was as wrong at its beginning", () => {
  const room = new Room();
  room.offset = null;
  room.for(4_000);
  room.offset = -77.6;
  room.for(6_500);
  assert.equal(room.samples[0].offset, -78);
});

test("without a session there are samples in which nothing came", () => {
  const observed = [];
  const observer = new Observer((sample) => observed.push(sample));
  for (let at = 0; at <= 10_000; at += 500) {
    observer.look({ lesson: "o", seat: "s", at, clock: CLOCK + at, offset: 0, slots: {} });
  }
  assert.equal(observed.length, 1);
  assert.deepEqual([observed[0].moved, observed[0].frames, observed[0].sound], [0, 0, 0]);
});
