"""aiortc as a WHIP publisher or a WHEP player: aiortc_peer.py publish|watch URL BEARER.

It prints "publishing", or "frames N" as it decodes, until it is killed."""
import asyncio
import sys
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack


def post(url, bearer, offer):
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp", "Authorization": "Bearer " + bearer})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 201, answer.status
        return answer.read().decode()


async def run(mode, url, bearer):
    pc = RTCPeerConnection()
    over = asyncio.Event()

    @pc.on("track")
    async def on_track(track):
        n = 0
        while True:
            await track.recv()
            n += 1
            print("frames", n, flush=True)

    if mode == "publish":
        pc.addTrack(VideoStreamTrack())
        for t in pc.getTransceivers():
            t.direction = "sendonly"
    else:
        pc.addTransceiver("video", direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    answer = await asyncio.get_event_loop().run_in_executor(None, post, url, bearer, pc.localDescription.sdp)
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    print("publishing" if mode == "publish" else "watching", flush=True)
    await over.wait()


asyncio.run(run(*sys.argv[1:]))
