/** Players that are there when what was described to them changes. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RtmpClient, type RtmpMedia } from "../../../src/client/mod.ts";
import { parseRtcp } from "../../../src/rtp/mod.ts";
import type { RtspChangePolicy } from "../../../src/server/mod.ts";
import { RtspPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** AAC-LC, stereo, of 44.1 and of 48 kHz; and a frame, as FFmpeg's encoder makes it of silence. */
const CONFIGS = { 44_100: "af001210", 48_000: "af001190" } as const;
const FRAME = "af01211004608c1c";

/** A configuration of H.264, as x264 makes it of a picture of 160x120. */
const AVCC = "17000000000142d00bffe100186742d00bda0a11f97011000003000100000300140f1226a0" +
  "01000468ce3c80";

class Publisher implements AsyncDisposable {
  readonly #client: RtmpClient;
  readonly #writer: WritableStreamDefaultWriter<RtmpMedia>;
  #timestampMs = 0;

  private constructor(client: RtmpClient, writer: WritableStreamDefaultWriter<RtmpMedia>) {
    this.#client = client;
    this.#writer = writer;
  }

  static async start(weir: TestServer): Promise<Publisher> {
    const client = await RtmpClient.connect(`${weir.url}/live/cam`);
    return new Publisher(client, (await client.publish()).getWriter());
  }

  async send(kind: "audio" | "video", ...bodies: string[]): Promise<void> {
    for (const hex of bodies) {
      const timestampMs = this.#timestampMs += 23;
      await this.#writer.write({ kind, timestampMs, body: Uint8Array.fromHex(hex) });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

async function start(onChange?: RtspChangePolicy): Promise<{ weir: TestServer; rtsp: number }> {
  const weir = await TestServer.start({
    rtsp: LOCAL,
    rtp: false,
    ...(onChange === undefined ? {} : { rtspSession: { onChange } }),
  });
  const rtsp = weir.server.addresses.find(({ protocol }) => protocol === "rtsp")!.port;
  return { weir, rtsp };
}

async function play(port: number, tracks: number): Promise<RtspPeer> {
  const peer = await RtspPeer.dial(port);
  let session: Record<string, string> = {};
  for (let track = 0; track < tracks; track++) {
    const setUp = await peer.request("SETUP", {
      url: `rtsp://127.0.0.1:${port}/live/cam/trackID=${track}`,
      headers: {
        ...session,
        Transport: `RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1}`,
      },
    });
    assertEquals(setUp.status, 200);
    session = { Session: setUp.headers.get("Session")!.split(";")[0]! };
  }
  assertEquals((await peer.request("PLAY", { headers: session })).status, 200);
  return peer;
}

/** Why the server says good-bye. */
async function goodbye(peer: RtspPeer): Promise<string | undefined> {
  for (;;) {
    const { channel, payload } = await peer.nextFrame();
    if (channel % 2 === 0) continue;
    const bye = parseRtcp(payload).find(({ type }) => type === "goodbye");
    if (bye?.type === "goodbye") return bye.reason;
  }
}

Deno.test("a player whose sound gets another configuration is told so, and its session ends", async () => {
  const { weir, rtsp } = await start();
  await using _ = weir;
  await using publisher = await Publisher.start(weir);
  await publisher.send("audio", CONFIGS[44_100], FRAME, FRAME);
  using player = await play(rtsp, 1);
  // The same again, as some encoders say it each second, is no change.
  await publisher.send("audio", CONFIGS[44_100], FRAME);
  await publisher.send("audio", CONFIGS[48_000], FRAME);
  assertMatch((await goodbye(player))!, /another description now: audio 0 \(aac\) has changed/);
  // Who comes now is told of the new one.
  using next = await RtspPeer.dial(rtsp);
  const described = await next.request("DESCRIBE");
  assertMatch(new TextDecoder().decode(described.body), /MPEG4-GENERIC\/48000\/2/);
});

Deno.test("where the policy is to announce, the player is told the new description and goes on", async () => {
  const { weir, rtsp } = await start("announce");
  await using _ = weir;
  await using publisher = await Publisher.start(weir);
  await publisher.send("audio", CONFIGS[44_100], FRAME, FRAME);
  using player = await play(rtsp, 1);
  await publisher.send("audio", CONFIGS[48_000], FRAME);
  for (;;) {
    const message = await player.message();
    assert(message !== undefined);
    if (message.kind !== "request") continue;
    assertEquals(message.method, "ANNOUNCE");
    assertMatch(new TextDecoder().decode(message.body), /MPEG4-GENERIC\/48000\/2/);
    const cseq = message.headers.get("CSeq");
    // As FFmpeg answers what it does not know.
    await player.send(`RTSP/1.0 501 Not Implemented\r\nCSeq: ${cseq}\r\n\r\n`);
    break;
  }
  await publisher.send("audio", FRAME);
  assertEquals((await player.nextFrame()).channel < 2, true);
  assertEquals((await player.request("OPTIONS")).status, 200);
});

for (
  const [onChange, expected] of [
    ["wrong", undefined],
    ["end", /audio 0 \(aac\) was added/],
  ] as const
) {
  Deno.test(`a player of pictures to which sound is added ${expected ? "ends" : "goes on"} by the policy ${onChange}`, async () => {
    const { weir, rtsp } = await start(onChange);
    await using _ = weir;
    await using publisher = await Publisher.start(weir);
    const picture = "1701000000" + "00000004" + "65888400";
    await publisher.send("video", AVCC, picture);
    await until(() => weir.server.hub.get("live/cam")?.trackCount === 1);
    using player = await play(rtsp, 1);
    await publisher.send("audio", CONFIGS[44_100], FRAME);
    if (expected !== undefined) return assertMatch((await goodbye(player))!, expected);
    await until(() => weir.server.hub.get("live/cam")?.trackCount === 2);
    await publisher.send("video", picture, picture, picture);
    for (let seen = 0; seen < 3;) if ((await player.nextFrame()).channel === 0) seen++;
    assertEquals((await player.request("OPTIONS")).status, 200);
  });
}
