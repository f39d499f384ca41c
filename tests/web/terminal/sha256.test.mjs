import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";

import { Sha256 } from "../../../sync_classroom/web/static/terminal/sha256.js";

const text = (value) => new TextEncoder().encode(value);

test("the examples of FIPS 180-4 come out", () => {
  assert.equal(
    new Sha256().update(text("abc")).hex(),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  assert.equal(
    new Sha256().hex(),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
  assert.equal(
    new Sha256().update(text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex(),
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  );
});

test("every length about a block comes out as another implementation says, in pieces of any size", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 31 + 7) & 255);
  for (let length = 0; length <= bytes.length; length++) {
    const part = bytes.subarray(0, length);
    const wanted = createHash("sha256").update(part).digest("hex");
    for (const step of [1, 7, 63, 64, 65, 300]) {
      const hash = new Sha256();
      for (let at = 0; at < length; at += step) hash.update(part.subarray(at, at + step));
      assert.equal(hash.hex(), wanted, `${length} bytes by ${step}`);
    }
  }
});

test("a megabyte comes out, too", () => {
  const bytes = new Uint8Array(1_048_577).map((_, i) => i % 251);
  const hash = new Sha256().update(bytes.subarray(0, 500_000)).update(bytes.subarray(500_000));
  assert.equal(hash.hex(), createHash("sha256").update(bytes).digest("hex"));
});
