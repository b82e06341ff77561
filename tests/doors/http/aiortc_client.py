"""A client of WHIP and WHEP made of aiortc: "publish" or "play", a URL, and a file that is read, or for the hashes of
the pictures, which are written when nothing has come for so long. What it has seen is the last line."""

import asyncio
import hashlib
import sys
import urllib.request
from urllib.parse import urljoin

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

SILENCE_S = 1.5


def request(url, method, body=None):
    headers = {} if body is None else {"content-type": "application/sdp"}
    asked = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(asked) as response:
        return response.read().decode(), response.headers.get("location")


async def signal(peer, url):
    await peer.setLocalDescription(await peer.createOffer())
    body = peer.localDescription.sdp.encode()
    answer, location = await asyncio.to_thread(request, url, "POST", body)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    return urljoin(url, location)


def hash_of(frame):
    hashed = hashlib.md5()
    for plane in frame.planes:
        rows = memoryview(plane)
        # Rows are padded to what the processor likes.
        for row in range(plane.height):
            hashed.update(rows[row * plane.line_size : row * plane.line_size + plane.width])
    return hashed.hexdigest()


async def publish(url, path):
    peer = RTCPeerConnection()
    player = MediaPlayer(path, decode=False)
    for track in (player.video, player.audio):
        if track is not None:
            peer.addTrack(track)
    for transceiver in peer.getTransceivers():
        transceiver.direction = "sendonly"
    ended = asyncio.Event()
    # Sound ends some time before or behind the picture.
    player.video.on("ended", lambda: ended.set())
    session = await signal(peer, url)
    await asyncio.wait_for(ended.wait(), 60)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(request, session, "DELETE")
    await peer.close()
    print("published")


async def play(url, path):
    peer = RTCPeerConnection()
    sounds = 0
    pictures = asyncio.Queue()

    async def read(track):
        nonlocal sounds
        while True:
            frame = await track.recv()
            if track.kind == "audio":
                sounds += 1
            else:
                pictures.put_nowait(hash_of(frame))

    reading = []
    peer.on("track", lambda track: reading.append(asyncio.ensure_future(read(track))))
    for kind in ("audio", "video"):
        peer.addTransceiver(kind, direction="recvonly")
    await signal(peer, url)
    print("connected", flush=True)
    hashes = [await asyncio.wait_for(pictures.get(), 20)]
    try:
        while True:
            hashes.append(await asyncio.wait_for(pictures.get(), SILENCE_S))
    except asyncio.TimeoutError:
        pass
    with open(path, "w") as file:
        file.write("\n".join(hashes))
    await peer.close()
    # Tracks end with an exception.
    await asyncio.gather(*reading, return_exceptions=True)
    print("played", len(hashes), "sounds", sounds)


asyncio.run({"publish": publish, "play": play}[sys.argv[1]](*sys.argv[2:4]))
