import assert from "node:assert/strict";
import test from "node:test";

import { Pack, pageAt } from "../../../sync_classroom/web/static/terminal/page_track.js";

const PAGES = [
  { from_s: 0, to_s: 10, page: 1 },
  { from_s: 10, to_s: 20, page: 2 },
  { from_s: 60, to_s: 100, page: 1 },
];

test("the page of a moment, before it is turned and after", () => {
  const at = (seconds) => pageAt(PAGES, seconds)?.page ?? null;
  assert.deepEqual([0, 9.99, 10, 19.9, 20, 59.9, 60, 100].map(at), [1, 1, 2, 2, null, null, 1, null]);
  assert.equal(pageAt([], 5), null);
});

/** A file that answers ranges; `asked` are the ranges. */
function file(t, bytes, { ranges = true } = {}) {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (_, { headers }) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.Range);
    asked.push([Number(from), Number(to)]);
    const part = bytes.slice(Number(from), Number(to) + 1);
    const range = `bytes ${from}-${to}/${bytes.length}`;
    return ranges
      ? new Response(part, { status: 206, headers: { "Content-Range": range } })
      : new Response(bytes, { status: 200 });
  });
  return asked;
}

/** Media, two pictures, the index, and what comes last. */
function packed({ magic = "SYNCPAGE", type = "image/webp" } = {}) {
  const encode = (text) => new TextEncoder().encode(text);
  const [media, one, two] = ["media", "first picture", "second"].map(encode);
  const places = [[one, media.length], [two, media.length + one.length]];
  const pages = PAGES.map((page, n) => ({ ...page, type, at: places[n % 2][1], bytes: places[n % 2][0].length }));
  const index = encode(JSON.stringify({ pages }));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, index.length);
  return new Uint8Array([...media, ...one, ...two, ...index, ...length, ...encode(magic)]);
}

test("the pages of a file are found from its end, and each picture is fetched once", async (t) => {
  const asked = file(t, packed());
  const made = [];
  t.mock.method(URL, "createObjectURL", (blob) => `blob:${made.push(blob)}`);
  const gone = [];
  t.mock.method(URL, "revokeObjectURL", (url) => gone.push(url));
  const pack = await Pack.of("/kept/a");
  assert.deepEqual(pack.pages.map(({ page, from_s }) => [page, from_s]), [[1, 0], [2, 10], [1, 60]]);
  const before = asked.length;
  const urls = await Promise.all(pack.pages.map((page) => pack.picture(page)));
  assert.deepEqual(urls, ["blob:1", "blob:2", "blob:1"]);
  assert.equal(asked.length, before + 2);
  assert.deepEqual(await Promise.all(made.map((blob) => blob.text())), ["first picture", "second"]);
  assert.equal(made[0].type, "image/webp");
  pack.close();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(gone, ["blob:1", "blob:2"]);
});

test("a file without pages has none, and one that cannot be read says so", async (t) => {
  for (const bytes of [new Uint8Array(3), new Uint8Array(500), packed({ magic: "SYNCPAGF" })]) {
    file(t, bytes);
    assert.equal(await Pack.of("/kept/a"), null);
  }
  file(t, packed(), { ranges: false });
  await assert.rejects(Pack.of("/kept/a"));
});

test("what says it is no picture is shown as nothing", async (t) => {
  file(t, packed({ type: "text/html" }));
  const made = [];
  t.mock.method(URL, "createObjectURL", (blob) => made.push(blob));
  const pack = await Pack.of("/kept/a");
  await pack.picture(pack.pages[0]);
  assert.equal(made[0].type, "");
});
