/** A document from this device to its lesson, however often the line breaks. No page. */

import { RefusedError, takeIn, upload } from "../uploads.js";

/** More than this the server does not take, bytes. */
const MAX_BYTES = 100_000_000;

/**
 * @typedef {object} Outcome
 * @property {boolean} ok
 * @property {string} zh @property {string} en why not; empty where the server stayed away
 */

/**
 * @param {string} lesson
 * @param {File} file
 * @param {{token: string, sent: (share: number) => void, waiting: () => void}} options
 * @returns {Promise<Outcome>}
 */
export async function give(lesson, file, options) {
  if (file.size > MAX_BYTES) {
    const mb = Math.ceil(file.size / 1_000_000);
    return {
      ok: false,
      zh: `文件有 ${mb} MB，超过 100 MB。请压缩图片后另存，或分成几份。`,
      en: `The file has ${mb} MB, more than 100 MB. Save it with smaller pictures, or in parts.`,
    };
  }
  const listener = { ...options, signal: new AbortController().signal };
  const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  try {
    const id = await upload(file, listener);
    await takeIn(file, `/api/lessons/${encodeURIComponent(lesson)}/document-files`, { upload: id }, key, listener);
    return { ok: true, zh: "", en: "" };
  } catch (error) {
    if (error instanceof RefusedError) return { ok: false, zh: error.zh, en: error.en };
    console.warn("a document was not given", error);
    return { ok: false, zh: "", en: "" };
  }
}
