import assert from "node:assert/strict";
import test from "node:test";

import { Ink, InkBoard, batches } from "../../../sync_classroom/web/static/terminal/ink.js";

const dots = (id, count) => ({ id, colour: "red", points: Array.from({ length: count }, () => [id, 0]) });

function made() {
  const [said, due, waits] = [[], [], []];
  const clock = { at: 1000 };
  const board = new InkBoard({
    send: (message) => said.push(message),
    changed: () => undefined,
    later: (act, ms) => {
      due.push(act);
      waits.push(ms);
    },
    now: () => clock.at,
  });
  board.enter("o-1");
  const flush = () => due.splice(0).forEach((act) => act());
  return { board, said, flush, waits, clock };
}

test("ink stays within the server's bounds by the server's rule", () => {
  const ink = new Ink();
  ink.draw(Array.from({ length: 203 }, (_, n) => dots(n, 1)));
  assert.deepEqual([ink.strokes.size, ink.strokes.keys().next().value], [200, 3]);
  ink.draw([dots(1000, 4990)]);
  assert.deepEqual([ink.strokes.size, ink.strokes.keys().next().value, ink.count], [11, 193, 5000]);
  ink.wipe(1000);
  ink.wipe(77777);
  assert.deepEqual([ink.strokes.size, ink.count], [10, 10]);
});

test("what a hand makes in one moment is one message, in order with what is wiped", () => {
  const { board, said, flush } = made();
  board.draw(1, "red", [[1, 1]]);
  board.draw(1, "red", [[2, 2], [3, 3]]);
  board.point([5, 5]);
  board.point([6, 6]);
  assert.deepEqual(said, []);
  flush();
  assert.deepEqual(said, [
    { type: "ink", strokes: [{ id: 1, colour: "red", points: [[1, 1], [2, 2], [3, 3]] }], lesson: "o-1" },
    { type: "point", at: [6, 6], lesson: "o-1" },
  ]);
  board.draw(2, "blue", [[9, 9]]);
  board.undo();
  assert.deepEqual(said.slice(2).map((m) => m.type), ["ink", "wipe"]);
  assert.equal(said[3].stroke, 2);
  flush();
  assert.equal(said.length, 4);
});

test("the first point after a pause is said at once, the next ones when it is their time", () => {
  const { board, flush, waits, clock } = made();
  board.point([1, 1]);
  flush();
  clock.at += 20;
  board.point([2, 2]);
  flush();
  clock.at += 200;
  board.point([3, 3]);
  assert.deepEqual(waits, [0, 40, 0]);
});

test("long ink is cut into messages that the server takes", () => {
  const cut = batches([dots(1, 390), dots(2, 30), dots(3, 900)]);
  assert.deepEqual(cut.map((b) => b.map((s) => [s.id, s.points.length])), [
    [[1, 390], [2, 10]],
    [[2, 20], [3, 380]],
    [[3, 400]],
    [[3, 120]],
  ]);
  assert.deepEqual(batches([]), []);
});

test("a room hears, a host that has drawn is not contradicted", () => {
  const { board: room } = made();
  room.receive({ type: "ink", lesson: "o-1", whole: false, strokes: [dots(1, 2)] });
  room.receive({ type: "ink", lesson: "o-2", whole: false, strokes: [dots(9, 2)] });
  room.receive({ type: "point", lesson: "o-1", at: [1, 2] });
  assert.deepEqual([[...room.ink.strokes.keys()], room.pointer], [[1], [1, 2]]);
  room.receive({ type: "ink", lesson: "o-1", whole: true, strokes: [dots(2, 1)] });
  assert.deepEqual([...room.ink.strokes.keys()], [2]);
  room.receive({ type: "wipe", lesson: "o-1", stroke: null });
  assert.equal(room.ink.count, 0);
  room.enter(null);
  assert.equal(room.lesson, null);
  // Told before the page has decided that it is in the lesson.
  room.receive({ type: "ink", lesson: "o-3", whole: true, strokes: [dots(2, 1)] });
  room.enter("o-3");
  assert.equal(room.ink.count, 1);

  const { board: host, said } = made();
  host.welcomed();
  assert.deepEqual(said, []);
  host.draw(1, "red", [[1, 1]]);
  host.receive({ type: "ink", lesson: "o-1", whole: true, strokes: [] });
  assert.equal(host.ink.count, 1);
  host.welcomed();
  assert.deepEqual(said.map((m) => m.type), ["wipe", "ink"]);
});

test("strokes go with their page and come back with it when the rooms have turned", () => {
  const { board, said, flush } = made();
  board.turn("d-1/1", true);
  board.draw(1, "red", [[1, 1], [2, 2]]);
  flush();
  said.length = 0;
  board.turn("d-1/2", false);
  assert.deepEqual(said, [{ type: "wipe", stroke: null, lesson: "o-1" }]);
  assert.equal(board.ink.strokes.size, 0);
  board.draw(board.next(), "blue", [[9, 9]]);
  flush();
  said.length = 0;
  board.turn("d-1/1", false);
  assert.deepEqual([...board.ink.strokes.keys()], [1]);
  assert.deepEqual(said, [{ type: "wipe", stroke: null, lesson: "o-1" }], "the rooms still see page 2");
  board.turn("d-1/1", true);
  board.turn("d-1/1", true);
  assert.deepEqual(said.slice(1), [
    { type: "ink", strokes: [{ id: 1, colour: "red", points: [[1, 1], [2, 2]] }], lesson: "o-1" },
  ]);
});

test("what was drawn before the page was known belongs to the page that is shown", () => {
  const { board, said } = made();
  board.receive({ type: "ink", lesson: "o-1", whole: true, strokes: [dots(4, 3)] });
  board.turn("d-1/3", true);
  assert.deepEqual([board.ink.strokes.size, said], [1, []]);
  board.turn(null, true);
  assert.equal(board.ink.strokes.size, 0);
  board.turn("d-1/3", true);
  assert.equal(board.ink.strokes.size, 1);
});

test("a stroke on a page whose own are not said yet comes after them", () => {
  const { board, said, flush } = made();
  board.turn("d-1/1", true);
  board.draw(1, "red", [[1, 1]]);
  board.turn("d-1/2", true);
  board.turn("d-1/1", false);
  said.length = 0;
  board.draw(2, "blue", [[5, 5]]);
  flush();
  board.turn("d-1/1", true);
  assert.deepEqual(said.map((m) => m.strokes.map((s) => s.id)), [[1], [2]]);
});
