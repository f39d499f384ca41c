import assert from "node:assert/strict";
import test from "node:test";

import { Pages, sizeFor } from "../../../sync_classroom/web/static/terminal/pages.js";

const SLIDE = { width: 2560, height: 1440 };
const page = (number, pages = 9) => ({ lesson: "o-1", document: "d-1", page: number, pages });
const address = (number, size = "small") => `/api/lessons/o-1/documents/d-1/pages/${number}?size=${size}`;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Pictures arrive when the test says so. */
function made({ token = "t" } = {}) {
  const [asked, gone, later] = [[], [], []];
  const open = new Map();
  const pages = new Pages({
    token: () => token,
    changed: () => undefined,
    bring: (url, _, signal) => {
      asked.push(url);
      return new Promise((resolve, reject) => {
        open.set(url, { resolve: () => resolve(`blob:${url}`), reject });
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    },
    later: (act, ms) => later.push([act, ms]),
    letGo: (url) => gone.push(url),
  });
  const arrive = async (url) => {
    open.get(url).resolve();
    await settled();
  };
  const fail = async (url) => {
    open.get(url).reject(new Error("504"));
    await settled();
  };
  return { pages, asked, gone, later, arrive, fail };
}

test("the page that is shown is fetched first, then the next, then the one before", async () => {
  const { pages, asked, arrive } = made();
  assert.equal(pages.show(page(4), "small"), null);
  assert.deepEqual(asked, [address(4)]);
  await arrive(address(4));
  assert.deepEqual(asked, [address(4), address(5), address(3)]);
  assert.deepEqual(pages.show(page(4), "small"), { url: `blob:${address(4)}`, fresh: true });
});

test("the last page stays until the new one is here, and one fetched ahead is there at once", async () => {
  const { pages, arrive } = made();
  pages.show(page(1), "small");
  await arrive(address(1));
  pages.show(page(1), "small");
  assert.deepEqual(pages.show(page(2), "small"), { url: `blob:${address(1)}`, fresh: false });
  await arrive(address(2));
  assert.deepEqual(pages.show(page(2), "small"), { url: `blob:${address(2)}`, fresh: true });
  assert.equal(pages.show(null, "small"), null);
  // What was put away is no stand-in for what is shown next.
  assert.equal(pages.show(page(7), "small"), null);
});

test("what is shown has the line to itself: what was fetched ahead waits", async () => {
  const { pages, asked, arrive } = made();
  pages.show(page(4), "small");
  await arrive(address(4));
  pages.show(page(9), "small");
  await settled();
  assert.deepEqual(asked, [address(4), address(5), address(3), address(9)]);
  assert.deepEqual([...pages.coming.keys()], [address(9)]);
  await arrive(address(9));
  assert.deepEqual(asked.at(-1), address(8));
});

test("a line that breaks is tried again, later each time", async () => {
  const { pages, asked, later, fail, arrive } = made();
  pages.show(page(1, 1), "small");
  for (const wait of [500, 1000, 2000, 5000, 5000]) {
    await fail(address(1));
    const [act, ms] = later.shift();
    assert.equal(ms, wait);
    act();
  }
  assert.equal(asked.length, 6);
  await arrive(address(1));
  assert.equal(pages.show(page(1, 1), "small").fresh, true);
});

test("a few pages are kept, and never is the one on the screen let go", async () => {
  const { pages, gone, arrive } = made();
  for (let number = 1; number <= 30; number += 1) {
    pages.show(page(number, 30), "small");
    await arrive(address(number));
    pages.show(page(number, 30), "small");
  }
  assert.ok(pages.kept.size <= 13, String(pages.kept.size));
  assert.ok(gone.length >= 17, String(gone.length));
  assert.ok(!gone.includes(`blob:${address(30)}`));
  assert.equal(gone[0], `blob:${address(1)}`);
});

test("small pictures of the strip wait for the page itself", async () => {
  const { pages, asked, arrive } = made();
  pages.show(page(1, 2), "large");
  pages.wantThumbs([1, 2].map((number) => ({ lesson: "o-1", document: "d-1", page: number })));
  assert.deepEqual(asked, [address(1, "large")]);
  await arrive(address(1, "large"));
  assert.deepEqual(asked.slice(1), [address(2, "large"), address(1, "thumb")]);
  await arrive(address(1, "thumb"));
  assert.equal(pages.thumb({ lesson: "o-1", document: "d-1", page: 1 }), `blob:${address(1, "thumb")}`);
});

test("a device without a token asks for nothing", () => {
  const { pages, asked } = made({ token: null });
  pages.show(page(1), "small");
  assert.deepEqual(asked, []);
});

test("a screen is given the pixels it has and no more", () => {
  assert.equal(sizeFor(SLIDE, { width: 880, height: 490 }), "small");
  assert.equal(sizeFor(SLIDE, { width: 1300, height: 720 }), "small");
  assert.equal(sizeFor(SLIDE, { width: 2560, height: 1400 }), "large");
  // An upright page is as high as its box.
  assert.equal(sizeFor({ width: 1132, height: 1600 }, { width: 1270, height: 700 }), "small");
  assert.equal(sizeFor({ width: 1132, height: 1600 }, { width: 1270, height: 1000 }), "large");
  // A picture that is small of itself is the same in both sizes.
  assert.equal(sizeFor({ width: 400, height: 300 }, { width: 1270, height: 700 }), "large");
});
