import assert from "node:assert/strict";
import test, { mock } from "node:test";

import {
  BACKOFF_FIRST_MS,
  BACKOFF_LAST_MS,
  ClockOffset,
  Connection,
  backoff,
} from "../../../sync_classroom/web/static/terminal/connection.js";

/** A socket whose other end is the test. */
class FarEnd {
  static all = [];
  static OPEN = 1;
  constructor(url) {
    this.url = url;
    this.readyState = 0;
    this.sent = [];
    FarEnd.all.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  accept() {
    this.readyState = 1;
    this.onopen();
  }
  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
  hangUp(code) {
    this.onclose({ code });
  }
  types() {
    return this.sent.map((m) => m.type);
  }
}

const WELCOME = { type: "welcome", now: 5_000_000, plan: [] };

function connected(run) {
  return () => {
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
    globalThis.WebSocket = FarEnd;
    FarEnd.all = [];
    const heard = { states: [], messages: [], refused: [], offsets: [] };
    const connection = new Connection({
      url: "ws://test",
      token: "secret",
      version: "1",
      offset: 0,
      listener: {
        state: (s) => heard.states.push(s),
        message: (m) => heard.messages.push(m.type),
        refused: (c, e) => heard.refused.push([c.type, e.code]),
        clock: (o) => heard.offsets.push(o),
      },
    });
    try {
      run({ connection, heard, last: () => FarEnd.all.at(-1) });
    } finally {
      connection.stop();
      mock.timers.reset();
    }
  };
}

/** Time goes by in small steps: Node's clock would otherwise stand at the end of the whole wait. */
function pass(ms) {
  for (let gone = 0; gone < ms; gone += 50) mock.timers.tick(Math.min(50, ms - gone));
}

function greet({ connection, last }) {
  connection.start();
  last().accept();
  last().say(WELCOME);
}

test("pauses double from half a second to five, with jitter", () => {
  assert.deepEqual([backoff(0, () => 0), backoff(0, () => 1)], [BACKOFF_FIRST_MS / 2, BACKOFF_FIRST_MS]);
  assert.equal(backoff(2, () => 1), 2000);
  assert.equal(backoff(50, () => 1), BACKOFF_LAST_MS);
});

test("hello is first and the welcome brings the server's clock", connected((c) => {
  greet(c);
  const [hello] = c.last().sent;
  assert.deepEqual([hello.type, hello.token, hello.version], ["hello", "secret", "1"]);
  assert.match(hello.boot, /^[0-9a-f]{32}$/);
  assert.deepEqual(c.heard.states, ["online"]);
  assert.equal(c.connection.now(), 5_000_000);
}));

test("the shortest round trip says how far the clock is off", () => {
  const clock = new ClockOffset(0);
  clock.feed(0, 100, 1060);
  clock.feed(1000, 1010, 2010);
  clock.feed(2000, 2400, 3300);
  assert.equal(clock.offset, 1005);
  // Somebody set a clock: older samples are void.
  clock.feed(3000, 3200, 99_000);
  assert.equal(clock.offset, 95_900);
});

test("a command is repeated until it is acknowledged", connected((c) => {
  greet(c);
  c.connection.command("start", { lesson: "o-1" });
  const first = c.last().sent.at(-1);
  pass(3000);
  assert.deepEqual(c.last().sent.filter((m) => m.type === "start").map((m) => m.id), [first.id, first.id]);
  c.last().say({ type: "time", sent: Date.now() - 3000, now: Date.now() });
  c.last().say({ type: "ack", id: first.id });
  pass(3000);
  assert.equal(c.last().sent.filter((m) => m.type === "start").length, 2);
  assert.equal(c.connection.unacknowledged("start", "o-1"), null);
}));

test("a command pressed while the server is away is said after the next welcome", connected((c) => {
  greet(c);
  c.last().hangUp(1006);
  c.connection.command("end", { lesson: "o-1" });
  assert.deepEqual(c.heard.states, ["online", "offline"]);
  pass(500);
  assert.equal(FarEnd.all.length, 2);
  c.last().accept();
  assert.deepEqual(c.last().types(), ["hello"]);
  c.last().say(WELCOME);
  assert.ok(c.last().types().includes("end"));
}));

test("the last of several presses is the one that counts", connected((c) => {
  greet(c);
  c.last().hangUp(1006);
  c.connection.command("hand", { lesson: "o-1", raised: true });
  c.connection.command("hand", { lesson: "o-1", raised: false });
  c.connection.command("extend", { lesson: "o-1" });
  c.connection.command("extend", { lesson: "o-1" });
  pass(500);
  c.last().accept();
  c.last().say(WELCOME);
  const hands = c.last().sent.filter((m) => m.type === "hand");
  assert.deepEqual(hands.map((m) => m.raised), [false]);
  assert.equal(c.last().types().filter((t) => t === "extend").length, 2);
}));

test("a refused command is given up and told", connected((c) => {
  greet(c);
  c.connection.command("call", { lesson: "o-1", seat: "s" });
  const { id } = c.last().sent.at(-1);
  c.last().say({ type: "error", id, code: "not_live", zh: "…", en: "…" });
  assert.deepEqual(c.heard.refused, [["call", "not_live"]]);
  assert.equal(c.connection.pending.size, 0);
}));

test("the queue of commands is bounded", connected((c) => {
  greet(c);
  c.last().hangUp(1006);
  for (let i = 0; i < 70; i += 1) c.connection.command("extend", { lesson: `o-${i}` });
  assert.equal(c.connection.pending.size, 64);
  assert.equal(c.connection.unacknowledged("extend", "o-5"), null);
}));

test("a server that does not answer the time is gone", connected((c) => {
  greet(c);
  pass(4500);
  assert.equal(c.connection.state, "online");
  pass(1000);
  assert.equal(c.connection.state, "offline");
}));

test("an attempt without a welcome is given up", connected((c) => {
  c.connection.start();
  c.last().accept();
  pass(8000);
  assert.equal(FarEnd.all.length, 1);
  pass(1500);
  assert.equal(FarEnd.all.length, 2);
}));

test("another window ends it until somebody takes the classroom back", connected((c) => {
  greet(c);
  c.last().say({ type: "bye", reason: "replaced" });
  assert.equal(c.connection.state, "replaced");
  pass(60_000);
  assert.equal(FarEnd.all.length, 1);
  c.connection.takeBack();
  assert.equal(FarEnd.all.length, 2);
}));

test("a revoked token ends it for good", connected((c) => {
  c.connection.start();
  c.last().accept();
  c.last().hangUp(4401);
  assert.deepEqual(c.heard.states, ["revoked"]);
  pass(60_000);
  assert.equal(FarEnd.all.length, 1);
}));

test("a restart brings it back by itself within a second", connected((c) => {
  greet(c);
  c.last().say({ type: "bye", reason: "restart" });
  pass(500);
  assert.equal(FarEnd.all.length, 2);
}));

test("rubbish from the server is dropped", connected((c) => {
  greet(c);
  c.last().onmessage({ data: "{" });
  c.last().onmessage({ data: "null" });
  c.last().onmessage({ data: "3" });
  assert.equal(c.connection.state, "online");
}));

test("renewing asks for one more welcome without looking offline", connected((c) => {
  greet(c);
  c.connection.renew();
  assert.equal(FarEnd.all.length, 2);
  c.last().accept();
  c.last().say(WELCOME);
  assert.deepEqual(c.heard.states, ["online"]);
  assert.equal(c.heard.messages.filter((m) => m === "welcome").length, 2);
}));
