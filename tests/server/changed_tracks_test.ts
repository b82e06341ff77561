/** RTSP players of RTMP publishers whose tracks come late, or change. */
import { assertEquals } from "@std/assert";
import { parseRtpPacket } from "../../src/rtp/mod.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

const SPS = Uint8Array.fromBase64("Z01AC+yhQj8uAiAAAAMAIAAABkHihTLA");
const PPS = Uint8Array.fromBase64("aM4PyA==");
const VIDEO_CONFIG = new Uint8Array([
  ...[0x17, 0, 0, 0, 0, 1, ...SPS.subarray(1, 4), 0xff],
  ...[0xe1, 0, SPS.length, ...SPS, 1, 0, PPS.length, ...PPS],
]);
const KEY_FRAME = new Uint8Array([0x17, 1, 0, 0, 0, 0, 0, 0, 4, 0x65, 1, 2, 3]);
const AAC_44100 = new Uint8Array([0xaf, 0, 0x12, 0x10]);
const AAC_48000 = new Uint8Array([0xaf, 0, 0x11, 0x90]);
const AAC_FRAME = new Uint8Array([0xaf, 1, 0x21, 0x10, 4]);

/** A server to which a test publishes FLV bodies, and RTSP players of it. */
class Studio implements AsyncDisposable {
  readonly #weir: TestServer;
  readonly #publication;

  constructor(weir: TestServer) {
    this.#weir = weir;
    this.#publication = weir.server.hub.acquire("live/cam");
  }

  static async open(): Promise<Studio> {
    const timing = { describeWaitMs: 100 };
    return new Studio(await TestServer.start({ rtmp: false, rtsp: LOCAL, timing }));
  }

  send(kind: "audio" | "video", dtsMs: number, ...bodies: Uint8Array[]): void {
    for (const body of bodies) {
      this.#publication.write(unitOfFlv({ kind, dtsUs: dtsMs * 1000, body })!);
    }
    this.#publication.commit();
  }

  async player(): Promise<{ peer: RtspPeer; rates: string[]; url: string }> {
    const { port } = this.#weir.server.addresses[0]!;
    const peer = await RtspPeer.dial(port);
    const { status, body } = await peer.request("DESCRIBE");
    assertEquals(status, 200);
    const maps = new TextDecoder().decode(body).matchAll(/^a=rtpmap:\d+ (\S+)/gm);
    const rates = Array.from(maps, ([, map]) => map!);
    return { peer, rates, url: `rtsp://127.0.0.1:${port}/live/cam` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#weir[Symbol.asyncDispose]();
  }
}

async function play({ peer, url }: { peer: RtspPeer; url: string }): Promise<void> {
  const setUp = await peer.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" },
  });
  const Session = setUp.headers.get("Session")!.split(";")[0]!;
  assertEquals((await peer.request("PLAY", { url, headers: { Session } })).status, 200);
}

async function nextTimestamp(peer: RtspPeer): Promise<number> {
  while (true) {
    const { channel, payload } = await peer.nextFrame();
    if (channel === 0) return parseRtpPacket(payload).timestamp;
  }
}

Deno.test("who asks for a stream after its audio came late is told of it (M072)", async () => {
  await using studio = await Studio.open();
  studio.send("video", 0, VIDEO_CONFIG, KEY_FRAME);
  {
    const { peer, rates } = await studio.player();
    using _ = peer;
    assertEquals(rates, ["H264/90000"]);
  }
  studio.send("audio", 5000, AAC_44100, AAC_FRAME);
  const { peer, rates } = await studio.player();
  using _ = peer;
  assertEquals(rates, ["H264/90000", "MPEG4-GENERIC/44100/2"]);
});

Deno.test("who joins when the sample rate has changed is told, and gets that clock; who is there keeps its own (M071)", async () => {
  await using studio = await Studio.open();
  studio.send("audio", 0, AAC_44100, AAC_FRAME);
  const early = await studio.player();
  using _early = early.peer;
  assertEquals(early.rates, ["MPEG4-GENERIC/44100/2"]);
  await play(early);
  const first = await nextTimestamp(early.peer);

  studio.send("audio", 1000, AAC_48000, AAC_FRAME);
  assertEquals((await nextTimestamp(early.peer) - first) >>> 0, 44_100);
  const late = await studio.player();
  using _late = late.peer;
  assertEquals(late.rates, ["MPEG4-GENERIC/48000/2"]);
  await play(late);
  const joined = await nextTimestamp(late.peer);
  studio.send("audio", 2000, AAC_FRAME);
  assertEquals((await nextTimestamp(late.peer) - joined) >>> 0, 48_000);
  assertEquals((await nextTimestamp(early.peer) - first) >>> 0, 88_200);
});
