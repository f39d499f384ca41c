// Pages of documents beside recordings: the lesson's, from the server; a resource's, from its file.

import { Pack, PageBeside } from "./terminal/page_track.js";

/** @typedef {import("./terminal/page_track.js").TrackPage & {url: string}} LinkedPage */

for (const article of document.querySelectorAll("article[data-pages]")) {
  const video = article.querySelector("video");
  if (!video) continue;
  /** @type {LinkedPage[]} */
  const track = JSON.parse(/** @type {HTMLElement} */ (article).dataset.pages ?? "[]");
  const beside = new PageBeside(video, track, (page) => page.url);
  video.parentElement?.append(beside.root);
}

for (const video of document.querySelectorAll(".preview video")) {
  const media = /** @type {HTMLVideoElement} */ (video);
  Pack.of(media.currentSrc || media.src)
    .then((pack) => {
      if (!pack) return;
      media.after(new PageBeside(media, pack.pages, (page) => pack.picture(page)).root);
    })
    .catch((error) => console.warn("pages of the recording cannot be read", error));
}
