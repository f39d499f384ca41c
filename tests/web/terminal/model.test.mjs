import assert from "node:assert/strict";
import test from "node:test";

import { Model } from "../../../sync_classroom/web/static/terminal/model.js";
import { Store } from "../../../sync_classroom/web/static/terminal/store.js";
import { MemoryStorage, START, lesson, live } from "./fixtures.mjs";

const nothingWaits = () => false;

function made(storage = new MemoryStorage()) {
  const model = new Model(new Store(storage), "Asia/Shanghai");
  return { storage, model };
}

function welcome(more = {}) {
  return {
    now: START,
    school: { id: "far-1", name: "受援校一" },
    classroom: { id: "far-1-r1", name: "1号教室" },
    zone: "Asia/Shanghai",
    term: { name: "秋", week1_monday: "2026-08-31" },
    check: null,
    plan: [lesson()],
    ...more,
  };
}

test("the plan, its grants and the live hours are there after a reboot", () => {
  const { storage, model } = made();
  model.welcome(welcome());
  model.setLive(live({ ends_at: "2026-11-23T09:50:00+08:00" }));
  const again = made(storage).model;
  assert.equal(again.lesson("o-1").grants.url, "https://relay.example");
  assert.equal(again.live["o-1"].ends_at, "2026-11-23T09:50:00+08:00");
  assert.deepEqual([again.school.name, again.term.week1_monday], ["受援校一", "2026-08-31"]);
  assert.equal(again.welcomed, false);
});

test("a memory that cannot be read is no memory", () => {
  const storage = new MemoryStorage();
  storage.setItem("sync-classroom/terminal/plan", "{torn");
  assert.deepEqual(made(storage).model.lessons, []);
});

test("a reload goes on giving, an end does not", () => {
  const { storage, model } = made();
  model.welcome(welcome({ plan: [lesson({ role: "host", state: "live" })] }));
  model.give("o-1", START);
  model.sharing(true);
  assert.deepEqual(made(storage).model.giving, { lesson: "o-1", since: START, screen: true });
  model.end("o-1");
  assert.equal(made(storage).model.giving, null);
  assert.deepEqual(made(storage).model.left, ["o-1"]);
});

test("an end the server has not heard is said again after a reload", () => {
  const { storage, model } = made();
  model.end("o-1");
  const again = made(storage).model;
  const running = lesson({ role: "host", state: "live" });
  assert.deepEqual(again.welcome(welcome({ plan: [running] })), ["o-1"]);
  assert.deepEqual(again.welcome(welcome({ plan: [{ ...running, state: "ended" }] })), []);
  again.refused({ type: "end", lesson: "o-1" });
  assert.deepEqual(made(storage).model.left, []);
});

test("a lesson that ended while this terminal was away has ended", () => {
  const { model } = made();
  model.welcome(welcome({ plan: [lesson({ role: "host", state: "live" })] }));
  model.setLive(live());
  model.give("o-1", START);
  const over = model.setPlan([lesson({ role: "host", state: "ended" })]);
  assert.equal(over.id, "o-1");
  assert.equal(model.live["o-1"].state, "ended");
});

test("the live state that ends the lesson given here says so", () => {
  const { model } = made();
  model.welcome(welcome({ plan: [lesson({ role: "host" })] }));
  assert.equal(model.setLive(live({ state: "ended" })), null);
  model.give("o-1", START);
  assert.equal(model.setLive(live({ state: "ended" })).id, "o-1");
});

test("what is no longer planned is forgotten", () => {
  const { model } = made();
  model.welcome(welcome());
  model.setLive(live());
  model.setPlan([]);
  assert.deepEqual(model.live, {});
});

test("a hand is shown as pressed until the server has it", () => {
  const { model } = made();
  model.welcome(welcome());
  model.setLive(live());
  assert.equal(model.turnHand(lesson(), 0), true);
  model.settle(10, (type) => type === "hand");
  assert.equal(model.hand.raised, true);
  // Acknowledged, but the state has not come yet: it must not flicker.
  model.settle(20, nothingWaits);
  assert.equal(model.hand.raised, true);
  model.setLive(live({ hands: [{ seat: "s-1", at: "" }] }));
  model.settle(30, nothingWaits);
  assert.equal(model.hand, null);
  assert.equal(model.turnHand(lesson(), 40), false);
});

test("a hand the server never shows is let go", () => {
  const { model } = made();
  model.welcome(welcome());
  model.turnHand(lesson(), 0);
  model.settle(3001, nothingWaits);
  assert.equal(model.hand, null);
});

test("a head count is said once, when the presses have paused", () => {
  const { model } = made();
  model.welcome(welcome());
  model.setPresent(lesson(), 41, 0);
  assert.equal(model.settle(699, nothingWaits), null);
  model.setPresent(lesson(), 40, 699);
  assert.equal(model.settle(1398, nothingWaits), null);
  assert.deepEqual(model.settle(1399, nothingWaits), { lesson: "o-1", present: 40 });
  assert.equal(model.settle(1500, nothingWaits), null);
  model.setLive(live({ seats: [{ id: "s-1", online: true, receiving: true, present: 40 }] }));
  model.settle(1600, nothingWaits);
  assert.equal(model.present, null);
});

test("a withdrawn device forgets everything but its language", () => {
  const { storage, model } = made();
  model.store.language = "en";
  model.store.token = "t";
  model.welcome(welcome());
  model.forget();
  const again = made(storage).model;
  assert.deepEqual([again.store.token, again.lessons, again.school], [null, [], null]);
  assert.equal(again.store.language, "en");
});
