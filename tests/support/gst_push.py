"""A recording host that pushes by RTMP: GStreamer's rtmp2sink.

    /usr/bin/python3 gst_push.py URL

A moving ball and a tone of 1000 Hz; ends with its standard input, or when the server refuses.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

Gst.init(None)
loop = GLib.MainLoop()
pipeline = Gst.parse_launch(
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1"
    " ! x264enc tune=zerolatency key-int-max=25 bitrate=300"
    " ! video/x-h264,profile=constrained-baseline ! h264parse ! queue ! mux."
    " audiotestsrc is-live=true freq=1000 volume=0.5 ! audio/x-raw,rate=44100,channels=1"
    f" ! audioconvert ! avenc_aac ! aacparse ! queue ! mux."
    f" flvmux name=mux streamable=true ! rtmp2sink location={sys.argv[1]}"
)
status = []


def failed(_, message):
    status.append(1)
    print(message.parse_error(), file=sys.stderr)
    loop.quit()


bus = pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message::error", failed)
threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
pipeline.set_state(Gst.State.PLAYING)
loop.run()
pipeline.set_state(Gst.State.NULL)
sys.exit(len(status))
