"""A player of GStreamer that talks for some seconds: URL, seconds, `tcp` or `udp`. It prints what it has said and seen."""

import ctypes
import re
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst

Gst.init(None)
library = ctypes.CDLL("libgstreamer-1.0.so.0")
library.gst_mini_object_ref.argtypes = [ctypes.c_void_p]

url, seconds, protocols = sys.argv[1], float(sys.argv[2]), sys.argv[3]
player = Gst.parse_launch(
    f"rtspsrc backchannel=onvif name=source location={url} protocols={protocols} "
    "source. ! rtph264depay ! fakesink name=eye sync=false"
)
source = player.get_by_name("source")
loop = GLib.MainLoop()
state = {"back": None, "said": 0, "seen": 0}


def select(_source, number, caps):
    if caps.get_structure(0).has_field("a-sendonly"):
        state["back"] = number
    return True


def see(_pad, _info):
    state["seen"] += 1
    return Gst.PadProbeReturn.OK


def say(sink):
    sample = sink.emit("pull-sample")
    if state["back"] is not None:
        # The signal takes the sample over, which the bindings do not know.
        address = re.search(r"at (0x[0-9a-f]+)\)", repr(sample)).group(1)
        library.gst_mini_object_ref(int(address, 16))
        source.emit("push-backchannel-sample", state["back"], sample)
        state["said"] += sample.get_buffer().get_size() - 12
    return Gst.FlowReturn.OK


def hear(_bus, message):
    if message.type == Gst.MessageType.ERROR:
        print("failed:", message.parse_error(), flush=True)
        loop.quit()
    return True


source.connect("select-stream", select)
player.get_by_name("eye").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, see)
mouth = Gst.parse_launch(
    "audiotestsrc is-live=true freq=1000 ! audio/x-raw,rate=8000,channels=1 ! mulawenc "
    "! rtppcmupay max-ptime=20000000 min-ptime=20000000 ! appsink name=out emit-signals=true sync=false"
)
mouth.get_by_name("out").connect("new-sample", say)
bus = player.get_bus()
bus.add_signal_watch()
bus.connect("message", hear)
player.set_state(Gst.State.PLAYING)
GLib.timeout_add(1500, lambda: mouth.set_state(Gst.State.PLAYING) and False)
GLib.timeout_add(int(seconds * 1000), loop.quit)
loop.run()
mouth.set_state(Gst.State.NULL)
print("said", state["said"], flush=True)
print("seen", state["seen"] > 0, flush=True)
player.set_state(Gst.State.NULL)
