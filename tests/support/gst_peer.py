"""A WHIP or WHEP client over GStreamer's webrtcbin: a foreign ICE, DTLS, SRTP and RTP stack.

Run by the system's Python, which has GStreamer's bindings:

    /usr/bin/python3 gst_peer.py whep URL            plays; prints counts of decoded frames as JSON
    /usr/bin/python3 gst_peer.py whip URL DESCRIPTION   publishes what the description makes

Ends when its standard input does, with DELETE. Uses nothing of ours.
"""

import json
import sys
import threading
import urllib.request
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

CAPS = {
    "audio": "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,"
    "encoding-params=(string)2",
    "H264": "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,"
    "packetization-mode=(string)1",
    "VP8": "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000",
}
DECODERS = {
    "OPUS": "rtpopusdepay ! opusdec",
    "H264": "rtph264depay ! avdec_h264",
    "VP8": "rtpvp8depay ! vp8dec",
}


def say(**what):
    print(json.dumps(what), flush=True)


class Peer:
    def __init__(self, way, url, description):
        self.way, self.url = way, url
        self.session = None
        self.frames = {"audio": 0, "video": 0}
        self.loop = GLib.MainLoop()
        # The fakesink is there because a description of one element is no pipeline.
        self.pipeline = Gst.parse_launch(
            f"fakesink async=false webrtcbin name=peer bundle-policy=max-bundle {description}"
        )
        self.peer = self.pipeline.get_by_name("peer")
        self.peer.connect("notify::ice-gathering-state", self.gathered)
        self.peer.connect("pad-added", self.pad_added)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.failed)

    def run(self, codec):
        if self.way == "whep":
            way = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
            for kind in ("audio", codec):
                self.peer.emit("add-transceiver", way, Gst.Caps.from_string(CAPS[kind]))
            self.pipeline.set_state(Gst.State.PLAYING)
            GLib.idle_add(self.negotiate)
        else:
            self.peer.connect("on-negotiation-needed", lambda _: self.negotiate())
            self.pipeline.set_state(Gst.State.PLAYING)
        threading.Thread(target=self.wait_for_the_end, daemon=True).start()
        GLib.timeout_add(200, self.report)
        self.loop.run()
        if self.session:
            request = urllib.request.Request(self.session, method="DELETE")
            with urllib.request.urlopen(request, timeout=60) as response:
                say(deleted=response.status)
        self.pipeline.set_state(Gst.State.NULL)

    def wait_for_the_end(self):
        sys.stdin.read()
        GLib.idle_add(self.loop.quit)

    def negotiate(self):
        promise = Gst.Promise.new_with_change_func(self.offered)
        self.peer.emit("create-offer", None, promise)
        return False

    def offered(self, promise):
        promise.wait()
        reply = promise.get_reply()  # owns the offer
        self.peer.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def gathered(self, peer, _):
        state = peer.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and self.session is None:
            GLib.idle_add(self.post)

    def post(self):
        sdp = self.peer.get_property("local-description").sdp.as_text()
        request = urllib.request.Request(
            self.url, data=sdp.encode(), headers={"Content-Type": "application/sdp"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                self.session = urljoin(self.url, response.headers["Location"])
                answer = response.read()
                say(status=response.status)
        except urllib.error.HTTPError as error:
            say(status=error.code, body=error.read().decode(), offer=sdp)
            self.loop.quit()
            return
        _, message = GstSdp.SDPMessage.new_from_text(answer.decode())
        described = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.peer.emit("set-remote-description", described, Gst.Promise.new())

    def pad_added(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps().get_structure(0)
        kind, codec = caps.get_string("media"), caps.get_string("encoding-name")
        bin_ = Gst.parse_bin_from_description(
            f"queue ! {DECODERS[codec]} ! fakesink name=end sync=false signal-handoffs=true", True
        )
        bin_.get_by_name("end").connect("handoff", self.count, kind)
        self.pipeline.add(bin_)
        bin_.sync_state_with_parent()
        pad.link(bin_.get_static_pad("sink"))

    def count(self, _sink, _buffer, _pad, kind):
        self.frames[kind] += 1

    def report(self):
        say(state=self.peer.get_property("connection-state").value_nick, **self.frames)
        return True

    def failed(self, _, message):
        say(error=str(message.parse_error()))
        self.loop.quit()


if __name__ == "__main__":
    Gst.init(None)
    way, url, codec = sys.argv[1:4]
    Peer(way, url, sys.argv[4] if len(sys.argv) > 4 else "").run(codec)
