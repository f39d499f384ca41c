// What played to its end is completed.

const media = /** @type {HTMLMediaElement | null} */ (document.querySelector("[data-complete]"));
const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-completed]"));
if (media && form) media.addEventListener("ended", () => form.requestSubmit());

export {};
