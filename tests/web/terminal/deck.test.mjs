import assert from "node:assert/strict";
import test from "node:test";

import { Deck } from "../../../sync_classroom/web/static/terminal/deck.js";

const DOCUMENTS = [
  { id: "d-1", name: "课件.pdf", pages: 3, problem: null },
  { id: "d-2", name: "坏.pdf", pages: 0, problem: { zh: "坏", en: "bad" } },
];
const at = (document, page) => ({
  documents: DOCUMENTS,
  page: document && { document, name: "课件.pdf", page, pages: 3, width: 2560, height: 1440 },
});

test("a page that was pressed is shown at once, and the server's when it has taken it over", () => {
  const deck = new Deck();
  assert.deepEqual(deck.place("o-1", at("d-1", 1)), { document: "d-1", page: 1 });
  assert.deepEqual(deck.show("o-1", { document: "d-1", page: 2 }, 1000), { document: "d-1", page: 2 });
  assert.equal(deck.shown("o-1", at("d-1", 1)).page, 2);
  assert.equal(deck.agreed(at("d-1", 1)), false);
  // Another lesson's page is none of its business.
  assert.equal(deck.place("o-2", at("d-1", 1)).page, 1);
  deck.settle(at("d-1", 1), 1100, true);
  deck.settle(at("d-1", 1), 1200, false);
  assert.equal(deck.place("o-1", at("d-1", 1)).page, 2, "the state follows the acknowledgement");
  deck.settle(at("d-1", 2), 1300, false);
  assert.equal(deck.agreed(at("d-1", 2)), true);
  assert.equal(deck.place("o-1", at("d-1", 3)).page, 3, "somebody else turned");
});

test("a wish that the server never shows is let go", () => {
  const deck = new Deck();
  deck.show("o-1", null, 1000);
  deck.settle(at("d-1", 1), 3900, false);
  assert.equal(deck.place("o-1", at("d-1", 1)), null);
  deck.settle(at("d-1", 1), 4001, false);
  assert.equal(deck.place("o-1", at("d-1", 1)).page, 1);
  deck.show("o-1", null, 5000);
  deck.refused();
  assert.equal(deck.place("o-1", at("d-1", 1)).page, 1);
});

test("turning ends at the first and the last page", () => {
  const deck = new Deck();
  const turned = (page, by) => deck.turned("o-1", at("d-1", page), by)?.page ?? null;
  assert.deepEqual([turned(1, 1), turned(3, 1), turned(1, -1), turned(2, -1)], [2, null, null, 1]);
  assert.deepEqual([turned(1, Infinity), turned(3, -Infinity)], [3, 1]);
  assert.equal(deck.turned("o-1", at(null, null), 1), null);
});

test("a document opens where it was left", () => {
  const deck = new Deck();
  assert.deepEqual(deck.opening("d-1"), { document: "d-1", page: 1 });
  deck.show("o-1", { document: "d-1", page: 3 }, 0);
  deck.show("o-1", null, 1);
  assert.deepEqual(deck.opening("d-1"), { document: "d-1", page: 3 });
});

test("what has no pages is not shown", () => {
  const deck = new Deck();
  deck.show("o-1", { document: "d-2", page: 1 }, 0);
  assert.equal(deck.shown("o-1", at(null, null)), null);
  assert.equal(deck.shown("o-1", undefined), null);
});
