import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

import { STRINGS, translate } from "../../../sync_classroom/web/static/terminal/strings.js";

const FOLDER = new URL("../../../sync_classroom/web/static/terminal/", import.meta.url);
const SOURCES = readdirSync(FOLDER, { recursive: true })
  .filter((name) => name.endsWith(".js") && name !== "strings.js")
  .map((name) => readFileSync(new URL(name, FOLDER), "utf8"));
const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

test("every sentence exists in both languages with the same values in it", () => {
  for (const [key, pair] of Object.entries(STRINGS)) {
    assert.equal(pair.length, 2, key);
    const [zh, en] = pair;
    assert.ok(zh.trim() && en.trim(), key);
    assert.deepEqual(placeholders(zh), placeholders(en), key);
    if (!key.startsWith("language.")) assert.doesNotMatch(en, /[\u4e00-\u9fff]/, key);
  }
});

test("every sentence the page names exists, and every sentence is named", () => {
  const source = SOURCES.join("\n");
  const whole = new Set(
    [...source.matchAll(/["'`]([a-z]+(?:\.[a-z0-9_]+)+)["'`]/g)].map((m) => m[1]),
  );
  const built = [...source.matchAll(/`([a-z]+(?:\.[a-z]+)*\.)\$\{/g)].map((m) => m[1]);
  // Sentences about a lost device are made as `banner.${kind}_lost`.
  const made = (key) => built.some((stem) => key.startsWith(stem)) || /_lost$/.test(key);
  const families = new Set(Object.keys(STRINGS).map((k) => k.split(".")[0]));
  for (const key of whole) {
    const file = key.endsWith(".js");
    if (families.has(key.split(".")[0]) && !file) assert.ok(key in STRINGS, `${key} has no sentence`);
  }
  for (const key of Object.keys(STRINGS)) {
    assert.ok(whole.has(key) || made(key), `${key} is never said`);
  }
});

test("values are put into sentences and an unknown sentence is a mistake", () => {
  assert.equal(translate("zh", "host.live", { time: "00:12" }), "上课中 00:12");
  assert.equal(translate("en", "host.live", { time: "00:12" }), "Live 00:12");
  assert.throws(() => translate("zh", "no.such.key"), /no\.such\.key/);
});
