// The meeting page of a research session: who is seen where, and the buttons below.

import { Devices } from "../terminal/devices.js";
import { Picture, Sounds, attr, enable, h, keyed, show, text } from "../terminal/dom.js";
import { MeetingClient, RefusedError } from "./client.js";
import { MeetingMedia } from "./media.js";
import { StudyView } from "./study.js";

/** @typedef {import("./client.js").Meeting} Meeting */
/** @typedef {import("./client.js").Person} Person */
/** @typedef {{key: string, slot: number, peer: string, screen: boolean}} Tile */

const page = /** @type {HTMLElement} */ (document.getElementById("meeting"));
/** @type {Record<string, string>} */
const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

/** @template {HTMLElement} T @param {string} name @returns {T} */
function part(name) {
  const found = page.querySelector(`[data-${name}]`);
  if (!found) throw new Error(`no [data-${name}]`);
  return /** @type {T} */ (found);
}

/** @param {string} name @returns {string} */
function word(name) {
  return words[name] ?? name;
}

const lobby = part("lobby");
const room = part("room");
const tiles = part("tiles");
const buttons = Object.fromEntries(
  ["join", "anyway", "send", "listen", "mic", "camera", "screen", "leave"].map((name) => [
    name,
    /** @type {HTMLButtonElement} */ (part(name)),
  ]),
);
/** @param {string} name @returns {HTMLButtonElement} */
function button(name) {
  return /** @type {HTMLButtonElement} */ (buttons[name]);
}

/** Only the leader has it. */
const recordButton = /** @type {HTMLButtonElement | null} */ (page.querySelector("[data-record]"));

/** @type {Meeting | null} */
let meeting = null;
/** @type {MeetingMedia | null} */
let media = null;
let online = true;
let said = "";
/** @type {{audio: MediaStreamTrack[], video: MediaStreamTrack[]}} */
let received = { audio: [], video: [] };
/** @type {WeakMap<HTMLElement, Picture>} */
const pictures = new WeakMap();
const sounds = new Sounds(() => undefined);
const devices = new Devices(
  () => ({ camera: null, microphone: null }),
  () => draw(),
);
page.append(sounds.root);

const client = new MeetingClient(page.dataset.session ?? "", page.dataset.signedIn === "yes", {
  changed: take,
  left: (error) => out(error.message),
  online: (on) => {
    online = on;
    draw();
  },
});

const study = new StudyView(page, client, words, { act, take });

// ---------------------------------------------------------------------------- coming and going

/** @param {boolean} anyway */
async function join(anyway) {
  tell("");
  enable(button("join"), false);
  try {
    const answer = await client.join(anyway);
    if (!answer.grants) throw new Error("no grants");
    media = new MeetingMedia(answer.room, answer.grants, devices, {
      changed: draw,
      own: draw,
      tracks: (slots) => {
        received = slots;
        draw();
      },
      screenEnded: () => void share(false),
    });
    media.start();
    show(lobby, false);
    show(room, true);
    take(answer);
    button("send").focus();
  } catch (error) {
    failed(error);
    show(button("anyway"), error instanceof RefusedError && error.code === "meeting_other_page");
  } finally {
    enable(button("join"), true);
  }
}

/** Out of the meeting, with a sentence in the lobby. @param {string} sentence */
function out(sentence) {
  client.stop();
  media?.stop();
  media = null;
  meeting = null;
  received = { audio: [], video: [] };
  sounds.show([]);
  study.stop();
  keyed(tiles, [], () => "", () => h("li"), () => undefined);
  show(room, false);
  show(lobby, true);
  show(button("anyway"), false);
  tell(sentence);
  button("join").focus();
}

/** @param {Meeting} next */
function take(next) {
  if (media && !next.over) study.take(next);
  // An answer that was overtaken: it would take us off a place we have just been given.
  if (meeting && next.version < meeting.version) return;
  meeting = next;
  if (!media) return;
  if (next.grants) media.grants = next.grants;
  if (next.over) {
    client.leave();
    out(word("over"));
    return;
  }
  const sends = next.places.includes(next.me);
  if (!sends && media.up) media.silence();
  if (next.screen !== next.me && media.screen) media.unshare();
  media.setLive(next.places.some((peer) => peer !== null && peer !== next.me));
  media.setLarge(next.speaker === next.me && next.screen === null);
  draw();
}

// ---------------------------------------------------------------------------- the buttons

/** @param {() => Promise<void>} work */
async function act(work) {
  said = "";
  try {
    await work();
  } catch (error) {
    failed(error);
  }
  draw();
}

/** @param {unknown} error */
function failed(error) {
  if (error instanceof RefusedError) tell(error.message);
  else if (error instanceof Error && error.name === "DeviceError") tell(word("noScreen"));
  else tell(word("offline"));
}

/** One place for messages: the lobby's is the page's own. @param {string} sentence */
function tell(sentence) {
  said = sentence;
  const place = document.getElementById("messages");
  if (place) {
    place.replaceChildren(
      ...(sentence && !media ? [h("div", { class: "notice bad", role: "alert" }, h("p", {}, sentence))] : []),
    );
  }
}

/** @param {boolean} on */
async function share(on) {
  if (!media) return;
  if (!on) media.unshare();
  take(await client.share(on));
  if (on) media.share();
}

button("join").addEventListener("click", () => void join(false));
button("anyway").addEventListener("click", () => void join(true));
button("send").addEventListener("click", () => void act(async () => {
  const answer = await client.send();
  if (answer.grants) await media?.speak(answer.grants);
  take(answer);
}));
button("listen").addEventListener("click", () => void act(async () => take(await client.giveUp())));
button("mic").addEventListener("click", () => void act(async () => media?.turn("microphone", !media.on.microphone)));
button("camera").addEventListener("click", () => void act(async () => media?.turn("camera", !media.on.camera)));
button("screen").addEventListener("click", () => void act(async () => {
  if (media?.screen) return share(false);
  await media?.capture();
  return share(true);
}));
button("leave").addEventListener("click", () => {
  client.leave();
  out(word("left"));
});
recordButton?.addEventListener("click", () => void act(async () => {
  take(await client.record(recordButton.getAttribute("aria-pressed") !== "true"));
}));
page.querySelector("[data-finish]")?.addEventListener("click", () => {
  if (confirm(word("confirm"))) void act(async () => void (await client.finish()));
});
addEventListener("pagehide", () => client.leave());

// ---------------------------------------------------------------------------- the picture

function draw() {
  if (!meeting || !media) return;
  const now = meeting;
  drawTiles(now, media);
  drawPeople(now);
  drawRecording(now);
  const sends = media.up !== null;
  show(button("send"), !sends);
  for (const name of ["listen", "mic", "camera", "screen"]) show(button(name), sends);
  attr(button("mic"), "aria-pressed", String(media.on.microphone));
  attr(button("camera"), "aria-pressed", String(media.on.camera));
  attr(button("screen"), "aria-pressed", String(media.screen !== null));
  text(part("line"), said || line(media));
}

/** @param {MeetingMedia} of */
function line(of) {
  if (!online) return word("offline");
  const states = [of.down.link, ...(of.up ? [of.up.link] : [])].map((l) => l.status.state);
  if (states.includes("denied")) return word("denied");
  if (states.includes("down")) return word("down");
  if (of.up && devices.problem("camera") && devices.problem("microphone")) return word("noDevice");
  return states.includes("opening") ? word("opening") : word("good");
}

/** @param {Meeting} now @param {MeetingMedia} of */
function drawTiles(now, of) {
  /** @type {Tile[]} */
  const wanted = now.places.flatMap((peer, slot) =>
    peer === null ? [] : [{ key: `place-${slot}`, slot, peer, screen: false }],
  );
  if (now.screen !== null) {
    wanted.unshift({ key: "screen", slot: now.places.length, peer: now.screen, screen: true });
  }
  const speaker = wanted.find((t) => t.peer === now.speaker)?.key;
  const others = wanted.find((t) => t.peer !== now.me)?.key;
  const large = now.screen !== null ? "screen" : (speaker ?? others ?? wanted[0]?.key);
  keyed(tiles, wanted, (t) => t.key, makeTile, (node, tile) => {
    node.classList.toggle("large", tile.key === large);
    node.classList.toggle("speaking", !tile.screen && tile.peer === now.speaker);
    const picture = /** @type {Picture} */ (pictures.get(node));
    const own = tile.peer === now.me;
    const track = own ? ownTrack(of, tile) : (received.video[tile.slot] ?? null);
    picture.show(track);
    const person = now.names[tile.peer];
    const name = tile.screen ? `${word("screen")} · ${person?.name ?? ""}` : caption(person, own);
    const seen = own ? track !== null : moving(of, tile.slot);
    picture.label(name, seen ? null : own ? word("cameraOff") : (person?.name ?? tile.peer));
    attr(node, "data-peer", tile.peer);
  });
  tiles.dataset.many = String(wanted.length);
  show(part("nobody"), wanted.length === 0);
  sounds.show(received.audio);
}

/** @param {Tile} tile */
function makeTile(tile) {
  const picture = new Picture({ class: tile.screen ? "tile tile-screen" : "tile" });
  const node = h("li", {}, picture.root);
  pictures.set(node, picture);
  return node;
}

/** @param {MeetingMedia} of @param {Tile} tile */
function ownTrack(of, tile) {
  if (tile.screen) return of.screenStream?.getVideoTracks()[0] ?? null;
  return of.up?.tracks.video ?? null;
}

/** Whether pictures come in a slot. @param {MeetingMedia} of @param {number} slot */
function moving(of, slot) {
  const stats = of.down.slot("video", slot);
  return stats !== null && performance.now() - stats.movedAt < 5_000;
}

/** @param {Person | undefined} person @param {boolean} own */
function caption(person, own) {
  const parts = [person?.name ?? "", own ? word("me") : "", person?.school || word("guest")];
  if (person?.leads) parts.push(word("leader"));
  return parts.filter(Boolean).join(" · ");
}

/** @param {Meeting} now */
function drawPeople(now) {
  text(part("count"), word("count").replace("{n}", String(now.people.length)));
  keyed(part("people"), now.people, (p) => p.peer, () => h("li", {}, h("span"), h("span", { class: "hint" })), (node, person) => {
    const [name, what] = /** @type {[Element, Element]} */ (/** @type {unknown} */ ([...node.children]));
    text(name, [person.name, person.peer === now.me ? `（${word("me")}）` : ""].join(""));
    const doing = person.peer === now.speaker ? word("speaking") : now.places.includes(person.peer) ? word("sends") : word("listens");
    text(what, [person.school || word("guest"), person.leads ? word("leader") : "", doing].filter(Boolean).join(" · "));
  });
}

/** Everybody sees that they are recorded, and the leader what the button will do. @param {Meeting} now */
function drawRecording(now) {
  const state = now.recording ?? "off";
  const note = part("recording");
  show(note, state !== "off");
  attr(note, "data-recording", state);
  if (state !== "off") text(part("recording-words"), word(`recording-${state}`));
  if (!recordButton) return;
  const asked = state !== "off";
  show(recordButton, now.recording !== null);
  attr(recordButton, "aria-pressed", String(asked));
  text(recordButton, word(asked ? "recordStop" : "recordStart"));
}

const clock = document.querySelector("[data-clock]");
const zone = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone: page.dataset.zone });
setInterval(() => {
  if (clock) text(clock, zone.format(new Date()));
  draw();
}, 1_000);
