import assert from "node:assert/strict";
import test from "node:test";

import { PlanNotices } from "../../../sync_classroom/web/static/terminal/plan_notices.js";
import { translate } from "../../../sync_classroom/web/static/terminal/strings.js";
import { MINUTE, START } from "./fixtures.mjs";

const END = START + 40 * MINUTE;

function notice(id, sentences = ["停课"], { more = 0, until = END } = {}) {
  return {
    type: "notice",
    id,
    at: new Date(START - MINUTE).toISOString(),
    until: new Date(until).toISOString(),
    items: sentences.map((zh) => ({
      kind: "cancelled",
      lesson: "o-1",
      zh,
      en: `${zh} in English`,
      until: new Date(until).toISOString(),
    })),
    more,
  };
}

function made() {
  const said = [];
  const line = { up: true };
  const notices = new PlanNotices((id, state) => {
    if (line.up) said.push([id, state]);
    return line.up;
  });
  const banners = (more = {}) =>
    notices.banners({
      now: START,
      t: (key, params) => translate("zh", key, params),
      language: "zh",
      inLesson: false,
      changed: () => undefined,
      ...more,
    });
  return { notices, said, line, banners };
}

test("a change is shown whole in the lobby and said to be shown once", () => {
  const { notices, said, banners } = made();
  notices.take(notice(1, ["一", "二"], { more: 3 }));
  const [banner] = banners();
  assert.equal(banner.text, "课表有变动\n一\n二\n另有 3 项，请看课表");
  assert.equal(banner.size, "whole");
  banners();
  assert.deepEqual(said, [[1, "shown"]]);
});

test("during a lesson only its first sentence is shown, and it is not shown yet", () => {
  const { notices, said, banners } = made();
  notices.take(notice(1, ["一", "二"]));
  const [banner] = banners({ inLesson: true });
  assert.deepEqual([banner.text, banner.size], ["一\n另有 1 项，请看课表", "small"]);
  assert.deepEqual(said, []);
  banners();
  assert.deepEqual(said, [[1, "shown"]]);
});

test("one sentence is shown whole during a lesson too", () => {
  const { notices, said, banners } = made();
  notices.take(notice(1));
  assert.equal(banners({ inLesson: true })[0].text, "停课");
  assert.deepEqual(said, [[1, "shown"]]);
});

test("the button reads it and the next one follows, oldest first", () => {
  const { notices, said, banners } = made();
  notices.take(notice(1, ["一"]));
  notices.take(notice(2, ["二"]));
  assert.equal(banners()[0].text, "课表有变动（2 条）\n一");
  banners()[0].dismiss();
  assert.equal(banners()[0].text, "课表有变动\n二");
  assert.deepEqual(said, [[1, "shown"], [1, "read"], [2, "shown"]]);
});

test("what was read while the server was away is said when it is back, and not shown again", () => {
  const { notices, said, line, banners } = made();
  notices.take(notice(1));
  line.up = false;
  banners()[0].dismiss();
  assert.deepEqual(said, []);
  line.up = true;
  notices.welcomed();
  notices.take(notice(1));
  assert.deepEqual(said, [[1, "read"], [1, "read"]]);
  assert.deepEqual(banners(), []);
});

test("shown is said again over a new connection", () => {
  const { notices, said, banners } = made();
  notices.take(notice(1));
  banners();
  notices.welcomed();
  banners();
  assert.deepEqual(said, [[1, "shown"], [1, "shown"]]);
});

test("a notice goes when the lessons it names are over", () => {
  const { notices, banners } = made();
  notices.take(notice(1));
  assert.equal(banners({ now: END - 1 }).length, 1);
  assert.deepEqual(banners({ now: END }), []);
});

test("a sentence about a lesson that is over is left out", () => {
  const { notices, banners } = made();
  const later = notice(1, ["一", "二"], { until: END + MINUTE });
  later.items[0].until = new Date(END).toISOString();
  notices.take(later);
  assert.equal(banners({ now: END })[0].text, "课表有变动\n二");
});

test("more than twenty waiting drop the oldest", () => {
  const { notices, banners } = made();
  for (let id = 1; id <= 25; id += 1) notices.take(notice(id, [`第${id}条`]));
  assert.equal(banners()[0].text, "课表有变动（20 条）\n第6条");
});

test("English is chosen by the page", () => {
  const { notices, banners } = made();
  notices.take(notice(1, ["停课"]));
  const [banner] = banners({ language: "en", t: (key, params) => translate("en", key, params) });
  assert.equal(banner.text, "The timetable has changed\n停课 in English");
});

test("a device that is taken away forgets", () => {
  const { notices, said, banners } = made();
  notices.take(notice(1));
  notices.forget();
  notices.welcomed();
  assert.deepEqual([banners(), said], [[], []]);
});
