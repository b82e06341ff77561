/** Players over TCP that are behind when their stream is over for them. */
import { assert, assertEquals } from "@std/assert";
import { parseRtcp, rtpPayloadType, rtpSequenceNumber } from "../../../src/rtp/mod.ts";
import { audioPacket, RtspPeer, SDP } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TCP = "RTP/AVP/TCP;unicast;interleaved=0-1";

/** What the kernel may hold for a player that does not read, with room to spare. */
const KERNEL_BYTES = 16 * 1024 * 1024;
const PACKET_BYTES = 60_000;

function start(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  return TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    rtp: false,
    hub: {
      conflict: "takeover",
      lingerMs: 0,
      maxLagBytes: 4 * KERNEL_BYTES,
      maxLagMs: 3_600_000,
    },
    ...options,
  });
}

function bigPacket(number: number): Uint8Array {
  const packet = new Uint8Array(PACKET_BYTES);
  packet.set(audioPacket(number));
  return packet;
}

async function play(weir: TestServer): Promise<RtspPeer> {
  const player = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  const setUp = await player.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: TCP },
  });
  assertEquals(setUp.status, 200);
  const session = setUp.headers.get("Session")!.split(";")[0]!;
  const played = await player.request("PLAY", { url, headers: { Session: session } });
  assertEquals(played.status, 200);
  return player;
}

/** Publishes more than a player that does not read can have; returns the number of packets. */
async function overfill(weir: TestServer, publisher: RtspPeer): Promise<number> {
  const count = Math.ceil(KERNEL_BYTES / PACKET_BYTES);
  for (let number = 0; number < count; number++) await publisher.frame(0, bigPacket(number));
  await until(() => weir.server.hub.get("live/cam")!.publication!.statistics.units === count);
  assert(lagOf(weir) > 100 * PACKET_BYTES, `${lagOf(weir)} bytes`);
  return count;
}

function lagOf(weir: TestServer): number {
  return weir.server.hub.get("live/cam")!.statistics.readers[0]!.lagBytes;
}

/** Publishes the other G.711, which the player was not told of. */
async function takeOver(weir: TestServer): Promise<RtspPeer> {
  const publisher = await RtspPeer.dial(weir.port);
  await publisher.record(SDP.replace("RTP/AVP 0", "RTP/AVP 8"));
  const packet = audioPacket(0);
  packet[1] = 8;
  await publisher.frame(0, packet);
  return publisher;
}

/** Reads up to the good-bye; returns the lengths of the packets before it, in which none is missing. */
async function readToGoodbye(player: RtspPeer): Promise<number[]> {
  const lengths: number[] = [];
  let last: number | undefined;
  for (;;) {
    const { channel, payload } = await player.nextFrame();
    if (channel === 1) {
      if (parseRtcp(payload).some(({ type }) => type === "goodbye")) return lengths;
      continue;
    }
    const sequence = rtpSequenceNumber(payload);
    assert(last === undefined || sequence === ((last + 1) & 0xffff));
    last = sequence;
    lengths.push(payload.length);
  }
}

const ENDS: Readonly<
  Record<string, (weir: TestServer, publisher: RtspPeer) => Promise<RtspPeer | void>>
> = {
  "a publisher with other tracks takes over": (weir) => takeOver(weir),
  "its stream ends": (_, publisher) => Promise.resolve(publisher.close()),
};

for (const [what, end] of Object.entries(ENDS)) {
  Deno.test(`a player over TCP that is behind gets the rest when ${what}, and then the end`, async () => {
    await using weir = await start();
    using publisher = await RtspPeer.dial(weir.port);
    await publisher.record();
    using player = await play(weir);
    const count = await overfill(weir, publisher);
    using _successor = await end(weir, publisher) ?? publisher;
    await weir.log.line(({ message, fields }) =>
      message === "rtsp publish ended" && (fields.reason === "replaced" || what.includes("ends"))
    );
    assertEquals(await readToGoodbye(player), new Array(count).fill(PACKET_BYTES));
  });
}

Deno.test("a player over TCP that does not take the rest in time is told the end behind a whole packet", async () => {
  await using weir = await start({ rtspSession: { drainMs: 100 } });
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using player = await play(weir);
  const count = await overfill(weir, publisher);
  using _successor = await takeOver(weir);
  await weir.log.line(({ message }) => message === "rtsp player has not taken the rest in time");
  const lengths = await readToGoodbye(player);
  assert(lengths.length < count, `${lengths.length}`);
  assertEquals(lengths, new Array(lengths.length).fill(PACKET_BYTES));
});

Deno.test("who comes when another publisher has taken over shares nothing with players of the one before", async () => {
  await using weir = await start();
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using before = await play(weir);
  await publisher.frame(0, audioPacket(0));
  await before.nextFrame();
  using successor = await takeOver(weir);
  // The one before has not left yet.
  await readToGoodbye(before);
  using player = await play(weir);
  const packet = audioPacket(1);
  packet[1] = 8;
  await successor.frame(0, packet);
  for (;;) {
    const { channel, payload } = await player.nextFrame();
    if (channel !== 0) continue;
    assertEquals(rtpPayloadType(payload), 8);
    break;
  }
});
