// The one place of the page where something is said, with what can be done about it.

import { h } from "../terminal/dom.js";

/**
 * @typedef {{label: string, run: () => void}} Action
 */

/**
 * Say something; what was said before goes.
 * @param {string} text
 * @param {{bad?: boolean, actions?: Action[], more?: string[]}} [options] `more`: further lines
 */
export function say(text, { bad = false, actions = [], more = [] } = {}) {
  const place = document.getElementById("messages");
  if (!place) return;
  const line = h("p", {}, text);
  for (const { label, run } of actions) {
    line.append(" ", h("button", { class: "link-button", type: "button", onclick: run }, label));
  }
  const words = h("div", {}, line);
  if (more.length) words.append(h("ul", {}, ...more.map((one) => h("li", {}, one))));
  const notice = h("div", { class: bad ? "notice bad" : "notice", role: bad ? "alert" : "status" }, words);
  notice.dataset.said = "";
  place.replaceChildren(notice);
}

/** Nothing more to say. */
export function hush() {
  document.querySelector("#messages [data-said]")?.remove();
}
