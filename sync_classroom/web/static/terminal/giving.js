/** A document from this device to its lesson: sent as it is, with its name. No page. */

/** More than this the server does not take, bytes; it says so too, after all of it was sent. */
const MAX_BYTES = 100_000_000;

/**
 * @typedef {object} Outcome
 * @property {boolean} ok
 * @property {string} zh @property {string} en why not; empty where the line broke
 */

/**
 * XMLHttpRequest, because fetch does not tell how much has been sent.
 * @param {string} lesson
 * @param {File} file
 * @param {{token: string, sent: (share: number) => void}} options
 * @returns {Promise<Outcome>}
 */
export function give(lesson, file, { token, sent }) {
  if (file.size > MAX_BYTES) {
    const mb = Math.ceil(file.size / 1_000_000);
    return Promise.resolve({
      ok: false,
      zh: `文件有 ${mb} MB，超过 100 MB。请压缩图片后另存，或分成几份。`,
      en: `The file has ${mb} MB, more than 100 MB. Save it with smaller pictures, or in parts.`,
    });
  }
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/lessons/${encodeURIComponent(lesson)}/document-files`);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.setRequestHeader("Idempotency-Key", crypto.getRandomValues(new Uint32Array(4)).join("-"));
    request.responseType = "json";
    request.upload.onprogress = (event) => sent(event.loaded / Math.max(1, event.total));
    request.onload = () => {
      const { zh = "", en = "" } = request.response ?? {};
      resolve({ ok: request.status === 201, zh, en });
    };
    request.onerror = () => resolve({ ok: false, zh: "", en: "" });
    request.send(file);
  });
}
