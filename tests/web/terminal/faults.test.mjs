import assert from "node:assert/strict";
import test from "node:test";

import { Faults } from "../../../sync_classroom/web/static/terminal/faults.js";

function made() {
  const clock = { at: 0 };
  return { clock, faults: new Faults(() => clock.at) };
}

test("the last ten are kept with their age, the latest last", () => {
  const { clock, faults } = made();
  for (let n = 0; n < 12; n += 1) {
    clock.at = n * 1000;
    faults.note(`fault ${n}`);
  }
  const list = faults.list();
  assert.equal(list.length, 10);
  assert.deepEqual(list[0], { ago_s: 9, text: "fault 2" });
  assert.deepEqual(list.at(-1), { ago_s: 0, text: "fault 11" });
});

test("a banner is noted when it appears, again when it comes back, and not while it stands", () => {
  const { faults } = made();
  const bad = { id: "relay", tone: "bad", text: "断了 1 秒" };
  faults.see([bad, { id: "ended", tone: "info", text: "下课" }]);
  faults.see([{ ...bad, text: "断了 2 秒" }]);
  faults.see([]);
  faults.see([bad]);
  assert.deepEqual(faults.list().map((f) => f.text), ["断了 1 秒", "断了 1 秒"]);
});

test("what the server would refuse is put right: control characters, halves of letters, length", () => {
  const { faults } = made();
  faults.note("two\nlines\u0000 \ud800");
  faults.note("x".repeat(500));
  faults.note("");
  faults.note(undefined);
  assert.deepEqual(faults.list().map((f) => f.text), ["two lines", "x".repeat(200)]);
});

test("errors of the page are heard", () => {
  const { faults } = made();
  const page = new EventTarget();
  faults.listen(page);
  page.dispatchEvent(Object.assign(new Event("error"), { message: "Script error" }));
  page.dispatchEvent(Object.assign(new Event("unhandledrejection"), { reason: new Error("no") }));
  assert.deepEqual(faults.list().map((f) => f.text), ["Script error", "Error: no"]);
});
