/**
 * Keeps the page's shell on the device, so that a terminal that boots while the server is away
 * still opens and runs today's lessons. Static files never change under their versioned address:
 * the kept copy is the file. The page itself is asked for first and kept as a second choice.
 */

/// <reference lib="webworker" />

/** @type {ServiceWorkerGlobalScope} */
const worker = /** @type {any} */ (self);

const CACHE = "terminal-shell";
const PAGE = "/terminal";
/** Files of pushes that are on this device, by their key; the server knows no such address. */
const KEPT = "/terminal/kept/";
/** Where the page's worker puts them; inbox_store.js says the same. */
const FOLDER = "pushes";
/** What such a file may be shown as. */
const TYPES = /^(video\/(mp4|webm)|audio\/(mp4|mpeg)|image\/(jpeg|png|webp)|application\/pdf)$/;
/** A server that has not begun to answer by then is away, ms. */
const PATIENCE_MS = 2_500;
/** Files under `static/<version>/`; tests/web/test_terminal_page.py compares them with the folder. */
const FILES = [
  "tokens.css",
  "uploads.js",
  "terminal/terminal.css",
  "terminal/check.js",
  "terminal/checkup.js",
  "terminal/connection.js",
  "terminal/courier.js",
  "terminal/deck.js",
  "terminal/devices.js",
  "terminal/dom.js",
  "terminal/enrolment.js",
  "terminal/faults.js",
  "terminal/fetcher.js",
  "terminal/giving.js",
  "terminal/inbox.js",
  "terminal/inbox_rules.js",
  "terminal/inbox_store.js",
  "terminal/ink.js",
  "terminal/interaction.js",
  "terminal/journal.js",
  "terminal/lesson_media.js",
  "terminal/line_reports.js",
  "terminal/media.js",
  "terminal/missed.js",
  "terminal/missed_rules.js",
  "terminal/model.js",
  "terminal/notices.js",
  "terminal/page_track.js",
  "terminal/pages.js",
  "terminal/plan_notices.js",
  "terminal/playout.js",
  "terminal/replay.js",
  "terminal/presenting.js",
  "terminal/session.js",
  "terminal/sha256.js",
  "terminal/sharing.js",
  "terminal/shell.js",
  "terminal/spool.js",
  "terminal/stage.js",
  "terminal/state.js",
  "terminal/store.js",
  "terminal/strings.js",
  "terminal/terminal.js",
  "terminal/types.js",
  "terminal/views/frame.css",
  "terminal/views/frame.js",
  "terminal/views/headcount.js",
  "terminal/views/help.js",
  "terminal/views/host.css",
  "terminal/views/host.js",
  "terminal/views/inbox.css",
  "terminal/views/inbox.js",
  "terminal/views/ink.css",
  "terminal/views/ink.js",
  "terminal/views/lobby.css",
  "terminal/views/lobby.js",
  "terminal/views/message.js",
  "terminal/views/missed.css",
  "terminal/views/missed.js",
  "terminal/views/pages.css",
  "terminal/views/pages.js",
  "terminal/views/question.css",
  "terminal/views/question.js",
  "terminal/views/remote.css",
  "terminal/views/remote.js",
  "terminal/views/say.js",
  "terminal/views/stage.css",
];

worker.addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(worker.clients.claim());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== worker.location.origin) return;
  if (request.mode === "navigate" && url.pathname === PAGE) event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
  else if (url.pathname.startsWith(KEPT)) event.respondWith(keptPush(request, url));
});

/** The page and the files of the version it names. */
async function keep() {
  const response = await fetch(PAGE, { cache: "no-store" });
  if (!response.ok) throw new Error(`the page answered ${response.status}`);
  await keepPage(response);
}

/**
 * Files first, page last: a page is only kept together with everything it needs.
 * @param {Response} response
 */
async function keepPage(response) {
  const cache = await caches.open(CACHE);
  const html = await response.clone().text();
  const base = /(\/static\/[^"']+\/)terminal\/terminal\.js/.exec(html)?.[1];
  if (!base) throw new Error("the page names no version");
  const urls = FILES.map((name) => base + name);
  const missing = [];
  for (const url of urls) if (!(await cache.match(url))) missing.push(url);
  await cache.addAll(missing);
  await cache.put(PAGE, response);
  const wanted = new Set([PAGE, ...urls]);
  for (const request of await cache.keys()) {
    if (!wanted.has(new URL(request.url).pathname)) await cache.delete(request);
  }
}

/** @param {Request} request */
async function page(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(PAGE);
  try {
    const signal = kept ? AbortSignal.timeout(PATIENCE_MS) : null;
    const response = await fetch(request, { signal });
    // A proxy in front of a server that is away answers 502: the kept page serves better.
    if (!response.ok && kept) return kept;
    if (response.ok) keepPage(response.clone()).catch((error) => console.warn("shell not kept", error));
    return response;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

/** @param {Request} request */
async function file(request) {
  const kept = await caches.match(request, { cacheName: CACHE });
  return kept ?? fetch(request);
}

/**
 * A push from this device's disk, whole or in the range a player asks for (RFC 9110 14).
 * @param {Request} request
 * @param {URL} url
 */
async function keptPush(request, url) {
  const type = url.searchParams.get("type") ?? "";
  /** @type {File} */
  let file;
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER);
    file = await (await folder.getFileHandle(url.pathname.slice(KEPT.length))).getFile();
  } catch (error) {
    console.warn("a push is not on this device", error);
    return new Response("", { status: 404 });
  }
  const headers = new Headers({
    "Content-Type": TYPES.test(type) ? type : "application/octet-stream",
    "Accept-Ranges": "bytes",
    "X-Content-Type-Options": "nosniff",
  });
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("Range") ?? "");
  const from = Number(range?.[1] ?? 0);
  if (!range || from >= file.size) {
    headers.set("Content-Length", String(file.size));
    return new Response(file, { headers });
  }
  const to = range[2] ? Math.min(Number(range[2]) + 1, file.size) : file.size;
  headers.set("Content-Range", `bytes ${from}-${to - 1}/${file.size}`);
  headers.set("Content-Length", String(to - from));
  return new Response(file.slice(from, to), { status: 206, headers });
}
