#!/bin/sh
# Starts a classroom terminal on Linux: Chromium in kiosk mode on /terminal, again if it ever ends.
# Usage: terminal.sh https://class.example     (put it in the session's autostart)
set -eu

server=${1:-${SYNC_CLASSROOM_URL:-}}
case "$server" in
    https://*|http://localhost*|http://127.0.0.1*) ;;
    "") echo "usage: terminal.sh https://SERVER   (or set SYNC_CLASSROOM_URL)" >&2; exit 2 ;;
    *) echo "terminal.sh: $server is not https: the browser would give the page no camera" >&2; exit 2 ;;
esac

browser=""
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then browser=$name; break; fi
done
[ -n "$browser" ] || { echo "terminal.sh: no Chromium found; install the package chromium" >&2; exit 1; }

# A classroom screen must not go dark in mid-lesson; the page holds a wake lock as well.
if [ -n "${DISPLAY:-}" ] && command -v xset >/dev/null 2>&1; then
    xset s off -dpms || true
fi

profile="${XDG_DATA_HOME:-$HOME/.local/share}/sync-classroom-terminal"
mkdir -p "$profile"

while :; do
    # Camera, microphone, screen and sound without a question: nobody stands there to answer one.
    "$browser" \
        --kiosk --no-first-run --noerrdialogs --disable-session-crashed-bubble \
        --user-data-dir="$profile" \
        --use-fake-ui-for-media-stream \
        --auto-select-desktop-capture-source="Entire screen" \
        --autoplay-policy=no-user-gesture-required \
        --disable-features=Translate,InfiniteSessionRestore \
        --overscroll-history-navigation=0 --disable-pinch \
        "$server/terminal" || true
    [ -n "${SYNC_CLASSROOM_ONCE:-}" ] && exit 0
    sleep 2
done
