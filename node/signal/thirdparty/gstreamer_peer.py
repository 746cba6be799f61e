"""GStreamer's webrtcbin as a WHIP publisher or a WHEP player:
gstreamer_peer.py publish|watch URL BEARER.

It prints "publishing", or "frames N" for whole frames as they leave the jitter buffer,
until it is killed."""
import sys
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)
mode, url, bearer = sys.argv[1:]
loop = GLib.MainLoop()
pipe = Gst.Pipeline.new("peer")
if mode == "publish":
    pipe = Gst.parse_launch(
        "videotestsrc is-live=true ! video/x-raw,width=640,height=360,framerate=30/1 ! vp8enc deadline=1 keyframe-max-dist=30 "
        "! rtpvp8pay pt=96 ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! webrtcbin name=rtc bundle-policy=max-bundle"
    )
    rtc = pipe.get_by_name("rtc")
else:
    rtc = Gst.ElementFactory.make("webrtcbin", "rtc")
    rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipe.add(rtc)
    caps = Gst.Caps.from_string("application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,packetization-mode=(string)1,profile-level-id=(string)42e01f")
    rtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)
frames = 0


def on_pad(_, pad):
    if pad.direction != Gst.PadDirection.SRC:
        return
    sink = Gst.ElementFactory.make("fakesink")
    sink.set_property("sync", False)
    pipe.add(sink)
    sink.sync_state_with_parent()
    pad.link(sink.get_static_pad("sink"))

    def count(_, info):
        global frames
        if info.get_buffer().extract_dup(1, 1)[0] & 0x80:  # of the RTP header: the jitter buffer sets no flag
            frames += 1
            print("frames", frames, flush=True)
        return Gst.PadProbeReturn.OK

    pad.add_probe(Gst.PadProbeType.BUFFER, count)


def gathered(element, _):
    if element.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        return
    offer = element.get_property("local-description").sdp.as_text()
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp", "Authorization": "Bearer " + bearer})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
    except urllib.error.HTTPError as e:
        print("refused", e.code, e.read().decode(), offer, flush=True)
        loop.quit()
        return
    _, sdp = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(text, sdp)
    element.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp), Gst.Promise.new())
    print("publishing" if mode == "publish" else "watching", flush=True)


def offered(promise, _):
    promise.wait()
    reply = promise.get_reply()
    if not reply.has_field("offer"):
        print("no offer:", reply.to_string(), flush=True)
        loop.quit()
        return
    offer = reply.get_value("offer")
    rtc.emit("set-local-description", offer, Gst.Promise.new())


def begin(element):
    rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(offered, None))


rtc.connect("notify::ice-gathering-state", gathered)
rtc.connect("pad-added", on_pad)
rtc.connect("on-negotiation-needed", begin)
pipe.set_state(Gst.State.PLAYING)
loop.run()
