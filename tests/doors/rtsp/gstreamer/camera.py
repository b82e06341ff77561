"""A camera of GStreamer's RTSP server that can be talked to: it prints its port, and how many octets it has heard."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

Gst.init(None)

SENT = (
    "( videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=25/1 "
    "! x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96 "
    "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 )"
)
HEARD = (
    '( capsfilter caps="application/x-rtp, media=audio, payload=0, clock-rate=8000, encoding-name=PCMU" '
    "name=depay_backchannel ! rtppcmudepay ! fakesink name=ear sync=false async=false )"
)


def configure(_factory, media):
    octets = 0

    def hear(_pad, info):
        nonlocal octets
        octets += info.get_buffer().get_size()
        print("heard", octets, flush=True)
        return Gst.PadProbeReturn.OK

    ear = media.get_element().get_by_name_recurse_up("ear")
    ear.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, hear)


server = GstRtspServer.RTSPOnvifServer.new()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPOnvifMediaFactory.new()
factory.set_launch(SENT)
factory.set_backchannel_launch(HEARD)
factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
factory.connect("media-configure", configure)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print("port", server.get_bound_port(), flush=True)
GLib.MainLoop().run()
sys.exit(0)
