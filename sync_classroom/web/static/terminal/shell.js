/** The page's shell: kept on the device for a boot with the server away, and renewed after upgrades. */

/** Without HTTPS there is no service worker. */
export async function keepShell() {
  try {
    await navigator.serviceWorker?.register("/terminal-sw.js", { scope: "/terminal" });
  } catch (error) {
    console.warn("the page will not open with the server away", error);
  }
}

/**
 * Whether the server has another page than this one by now.
 * @param {string} version of this page
 */
export async function isOutdated(version) {
  try {
    const response = await fetch("/terminal", { cache: "no-store" });
    const now = /data-version="([^"]+)"/.exec(await response.text())?.[1];
    return now !== undefined && now !== version;
  } catch (error) {
    console.debug("page version not known", error);
    return false;
  }
}
