import assert from "node:assert/strict";
import test from "node:test";

import {
  ATTEMPTS,
  CALM_MS,
  FIND_MS,
  LEAST_MS,
  LEAST_PACKETS,
  MOST_MS,
  Playout,
  RTT_SHARE,
  STEP_MS,
} from "../../../sync_classroom/web/static/terminal/playout.js";

/** Looks half a second apart, 50 packets each; `share` of them asked for again. */
class Line {
  constructor() {
    this.playout = new Playout();
    this.sample = { at: 0, received: 0, asked: 0, freezes: 0, madeUp: 0, samples: 0, rttMs: 60 };
  }

  look({ share = 0, freezes = 0, madeUp = 0, rttMs = 60, packets = 50, ms = 500 } = {}) {
    const s = this.sample;
    this.sample = {
      at: s.at + ms,
      received: s.received + packets,
      asked: s.asked + share * packets,
      freezes: s.freezes + freezes,
      madeUp: s.madeUp + madeUp * 48 * ms,
      samples: s.samples + 48 * ms,
      rttMs,
    };
    return this.playout.look(this.sample);
  }
}

test("a good line is left to the browser, whatever its round trip", () => {
  const line = new Line();
  const seen = [60, 60, 900, 60].map((rttMs) => line.look({ rttMs, freezes: 1, madeUp: 0.1 }));
  assert.deepEqual(seen, [null, null, null, null]);
});

test("on a lossy line two attempts are waited for", () => {
  const line = new Line();
  line.look({ rttMs: 160 });
  assert.equal(line.look({ share: 0.05, rttMs: 160 }), ATTEMPTS * 160 + FIND_MS);
  assert.equal(line.look({ share: 0.05, rttMs: 90 }), ATTEMPTS * 160 + FIND_MS);
  const near = new Line();
  near.look({ rttMs: 5 });
  assert.equal(near.look({ share: 0.05, rttMs: 5 }), LEAST_MS);
  const far = new Line();
  far.look({ rttMs: 900 });
  assert.equal(far.look({ share: 0.05, rttMs: 900 }), MOST_MS);
  const swinging = new Line();
  swinging.look({ rttMs: 100 });
  assert.equal(swinging.look({ share: 0.05, rttMs: 300 }), ATTEMPTS * (100 + RTT_SHARE * 200) + FIND_MS);
  const unknown = new Line();
  unknown.look({ rttMs: null });
  assert.equal(unknown.look({ share: 0.05, rttMs: null }), ATTEMPTS * FIND_MS + FIND_MS);
});

test("what still failed makes the wait longer, up to its bound", () => {
  const line = new Line();
  line.look();
  const first = line.look({ share: 0.05, freezes: 1 });
  assert.equal(first, ATTEMPTS * 60 + FIND_MS);
  assert.equal(line.look({ share: 0.05, freezes: 1 }), first + STEP_MS);
  assert.equal(line.look({ share: 0.05, madeUp: 0.02 }), first + 2 * STEP_MS);
  assert.equal(line.look({ share: 0.05, madeUp: 0.005 }), first + 2 * STEP_MS);
  for (let look = 0; look < 20; look += 1) line.look({ share: 0.05, freezes: 1 });
  assert.equal(line.playout.target, MOST_MS);
});

test("a line that has been calm for a minute is left to the browser again", () => {
  const line = new Line();
  line.look();
  line.look({ share: 0.05 });
  let looks = 0;
  while (line.look() !== null) looks += 1;
  assert.equal(looks, CALM_MS / 500);
});

test("a look at too few packets is put off", () => {
  const line = new Line();
  line.look();
  assert.equal(line.look({ share: 0.5, packets: LEAST_PACKETS - 2 }), null);
  assert.equal(line.look({ share: 0.5, packets: 2 }), ATTEMPTS * 60 + FIND_MS);
});
