"""A recording host: GStreamer's RTSP server with a live H.264 and AAC stream.

    /usr/bin/python3 gst_rtsp_server.py PORT [--b-frames N] [--user NAME:PASSWORD] [--no-audio]

serves rtsp://127.0.0.1:PORT/main: a moving ball, a tone of 1000 Hz. Prints a line when it listens,
ends with its standard input. `stop` as a line on standard input stops the stream without ending the
connection, as a host does whose encoder hangs.
"""

import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def description(options):
    profile = "main" if options.b_frames else "constrained-baseline"
    video = (
        "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1"
        f" ! identity name=gate ! videoconvert ! x264enc key-int-max=25 bitrate=300"
        f" bframes={options.b_frames} b-adapt=false speed-preset=veryfast"
        f" ! video/x-h264,profile={profile} ! rtph264pay name=pay0 pt=96 config-interval=0"
    )
    audio = (
        " audiotestsrc is-live=true freq=1000 volume=0.5 ! audio/x-raw,rate=44100,channels=1"
        " ! audioconvert ! avenc_aac ! rtpmp4gpay name=pay1 pt=97"
    )
    return f"( {video} {'' if options.no_audio else audio} )"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("--b-frames", type=int, default=0)
    parser.add_argument("--user", default="")
    parser.add_argument("--no-audio", action="store_true")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(description(options))
    factory.set_shared(True)
    medias = []
    factory.connect("media-configure", lambda _, media: medias.append(media))
    if options.user:
        name, _, password = options.user.partition(":")
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), token)
        server.set_auth(auth)
        factory.add_role_from_structure(
            Gst.Structure.new_from_string(
                "user,media.factory.access=(boolean)true,media.factory.construct=(boolean)true"
            )
        )
    server.get_mount_points().add_factory("/main", factory)
    if server.attach(None) == 0:
        sys.exit("the port is taken")
    loop = GLib.MainLoop()

    def stop_stream():
        for media in medias:
            media.get_element().set_state(Gst.State.PAUSED)

    def read():
        for line in sys.stdin:
            if line.strip() == "stop":
                GLib.idle_add(stop_stream)
        loop.quit()

    threading.Thread(target=read, daemon=True).start()
    print("listening", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
