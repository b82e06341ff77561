/** Clients that come, say something more or less right, and are gone. */
import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  ChunkEncoder,
  encodeCommandMessage,
  MessageType,
  RtmpClientHandshake,
} from "../../src/rtmp/mod.ts";
import { encodeInterleavedFrame, encodeRequest } from "../../src/rtsp/mod.ts";
import { BODIES, RtmpClient } from "../support/rtmp_client.ts";
import { audioPacket, RtspPeer, SDP } from "../support/rtsp_peer.ts";
import { seededRandom } from "../support/split.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TCP = "RTP/AVP/TCP;unicast;interleaved=0-1";

/** The requests of a good client, and the media between them. */
function rtsp(url: string, steps: readonly (Uint8Array | Step)[]): Uint8Array[] {
  return steps.map((step, index) =>
    step instanceof Uint8Array ? step : encodeRequest({
      method: step[0],
      url: url + (step[1] ?? ""),
      headers: { CSeq: String(index + 1), ...step[2] },
      ...(step[3] === undefined ? {} : { body: step[3] }),
    })
  );
}

type Step = [method: string, path?: string, headers?: Record<string, string>, body?: string];

function publishing(url: string, transport: string): Uint8Array[] {
  return rtsp(url, [
    ["OPTIONS"],
    ["ANNOUNCE", "", { "Content-Type": "application/sdp" }, SDP],
    ["SETUP", "/streamid=0", { Transport: `${transport};mode=record` }],
    ["RECORD", "", { Range: "npt=0-" }],
    ...transport.includes("TCP") ? [media(1), media(2)] : [],
    ["GET_PARAMETER"],
    ["PAUSE"],
    ["RECORD"],
    ["TEARDOWN"],
  ]);
}

function playing(url: string, transport: string): Uint8Array[] {
  return rtsp(url, [
    ["OPTIONS"],
    ["DESCRIBE", "", { Accept: "application/sdp" }],
    ["SETUP", "/trackID=0", { Transport: transport }],
    ["PLAY", "", { Range: "npt=now-" }],
    ...transport.includes("TCP") ? [encodeInterleavedFrame(1, RECEIVER_REPORT)] : [],
    ["PAUSE"],
    ["PLAY"],
    ["TEARDOWN"],
  ]);
}

function media(number: number): Uint8Array {
  return encodeInterleavedFrame(0, audioPacket(number));
}

const RECEIVER_REPORT = Uint8Array.of(0x80, 201, 0, 1, 1, 2, 3, 4);

/** What an RTMP client sends that does not look at the answers. */
function rtmp(command: "publish" | "play", key: string): Uint8Array[] {
  const handshake = new RtmpClientHandshake({ random: (length) => new Uint8Array(length).fill(7) });
  const encoder = new ChunkEncoder();
  const call = (name: string, transactionId: number, args: string[], streamId = 0) => {
    const object = name === "connect" ? { app: "live", tcUrl: "rtmp://127.0.0.1/live" } : null;
    const { type, body } = encodeCommandMessage({ name, transactionId, object, args });
    return encoder.encode({ type, payload: body, timestampMs: 0, chunkStreamId: 3, streamId });
  };
  const frame = (payload: Uint8Array) =>
    encoder.encode({
      type: MessageType.Video,
      payload,
      timestampMs: 0,
      chunkStreamId: 4,
      streamId: 1,
    });
  return [
    handshake.start(),
    new Uint8Array(1536),
    call("connect", 1, []),
    call("createStream", 2, []),
    call(command, 3, [key], 1),
    ...command === "publish" ? [frame(BODIES.videoConfig), frame(BODIES.key(0))] : [],
    call("deleteStream", 4, [], 1),
  ];
}

/** Sends `bytes`, then leaves: at once, having read something, or when the server has closed. */
async function visit(
  port: number,
  bytes: Uint8Array,
  leave: "at once" | "having read" | "in order",
): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    if (leave === "at once") return;
    const target = new Uint8Array(16 * 1024);
    await conn.closeWrite();
    while (await conn.read(target) !== null) if (leave === "having read") return;
  } catch (error) {
    // The server may have closed by now.
    const isClosed = error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.NotConnected;
    if (!isClosed) throw error;
  }
}

/** Runs `count` jobs, 20 at a time. */
async function inTurn(count: number, job: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await job(next++);
  };
  await Promise.all(Array.from({ length: 20 }, work));
}

function portOf(weir: TestServer, wanted: string): number {
  return weir.server.addresses.find(({ protocol }) => protocol === wanted)!.port;
}

Deno.test({
  name: "leaks under churn: 2000 RTMP and RTSP clients that leave anywhere leave nothing (seed 11)",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using weir = await TestServer.start({
      rtsp: LOCAL,
      rtp: LOCAL,
      hub: { lingerMs: 0 },
      rtspSession: { idleTimeoutMs: 500, mediaTimeoutMs: 500 },
      session: { roleTimeoutMs: 1000 },
      timing: { closeMs: 100, describeWaitMs: 50, playWaitMs: 50 },
    });
    const ports = { rtmp: portOf(weir, "rtmp"), rtsp: portOf(weir, "rtsp") };
    const url = `rtsp://127.0.0.1:${ports.rtsp}/live/cam`;
    const random = seededRandom(11);
    const below = (limit: number) => Math.floor(random() * limit);
    const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)]!;
    await inTurn(2000, async (index) => {
      const name = below(10);
      const udp = `RTP/AVP;unicast;client_port=${20_000 + index * 2}-${20_001 + index * 2}`;
      const [port, pieces] = pick<() => [number, Uint8Array[]]>([
        () => [ports.rtsp, publishing(url + name, TCP)],
        () => [ports.rtsp, publishing(url + name, udp)],
        () => [ports.rtsp, playing(url + name, TCP)],
        () => [ports.rtsp, playing(url + name, udp)],
        () => [ports.rtmp, rtmp("publish", `cam${name}`)],
        () => [ports.rtmp, rtmp("publish", `cam${name}`)],
        () => [ports.rtmp, rtmp("play", `cam${name}`)],
        () => [ports.rtmp, rtmp("play", `cam${name}`)],
      ])();
      const bytes = concat(pieces);
      // Half of them leave between two requests, the others anywhere.
      const whole = concat(pieces.slice(0, below(pieces.length + 1)));
      const said = random() < 0.5 ? whole : bytes.subarray(0, below(bytes.length));
      await visit(port, said, pick(["at once", "having read", "in order"]));
    });
    await weir.quiet();
    await until(() => weir.server.rtspSessionCount === 0);
    await until(() => weir.server.streams.length === 0);
  },
});

const TOKENS = [
  "\r\n\r\n",
  "\0",
  "$\x00\xff\xff",
  "Session: ffffffffffffffffffffffffffffffff\r\n",
  "Content-Length: 4294967296\r\n",
  "Transport: RTP/AVP;unicast;client_port=30000-30001\r\n",
  "Transport: \r\n",
  "../../%2e%2e/%00",
  "rtsp://[::1%25lo]:0/",
  "CSeq: 18446744073709551616\r\n",
  "Authorization: Digest \r\n",
  "a=rtpmap:0 H264/4294967295/255\r\n",
  "a=fmtp:0 sprop-parameter-sets=Z0,,====;config=ff\r\n",
  "m=video 0 RTP/AVP 96 97 98\r\n",
  "TEARDOWN",
  "GET /",
];

/** A dialogue with some faults in it: bytes, tokens, whole messages lost, doubled or out of order. */
function mutated(pieces: readonly Uint8Array[], random: () => number): Uint8Array {
  const below = (limit: number) => Math.floor(random() * limit);
  const messages = [...pieces];
  for (let fault = below(3); fault > 0; fault--) {
    const at = below(messages.length);
    const [message] = messages.splice(at, random() < 0.7 ? 1 : 0);
    if (message !== undefined && random() < 0.7) {
      messages.splice(below(messages.length + 1), 0, message, ...random() < 0.3 ? [message] : []);
    }
  }
  let bytes = Uint8Array.from(concat(messages));
  for (let fault = below(5); fault > 0 && bytes.length > 0; fault--) {
    const at = below(bytes.length);
    const how = random();
    if (how < 0.4) bytes[at] = below(256);
    else if (how < 0.5) bytes = concat([bytes.subarray(0, at), bytes.subarray(at + below(40))]);
    else {
      const token = TOKENS[below(TOKENS.length)]!;
      const inserted = Uint8Array.from(token, (letter) => letter.charCodeAt(0));
      bytes = concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
    }
  }
  return bytes;
}

Deno.test({
  name: "RTSP dialogues with faults end nothing but themselves (seed 12)",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using weir = await TestServer.start({
      rtsp: LOCAL,
      rtp: LOCAL,
      // What a fault makes of a name must not take the bystanders' stream over.
      hub: { lingerMs: 0, conflict: "reject" },
      rtspSession: { idleTimeoutMs: 500, mediaTimeoutMs: 3000 },
      timing: { closeMs: 100, describeWaitMs: 30 },
    });
    const port = portOf(weir, "rtsp");
    const url = `rtsp://127.0.0.1:${port}/live/cam`;
    using publisher = await RtspPeer.dial(port);
    await publisher.record();
    using player = await RtspPeer.dial(port);
    const setUp = await player.request("SETUP", {
      url: `${url}/trackID=0`,
      headers: { Transport: TCP },
    });
    const headers = { Session: setUp.headers.get("Session")!.split(";")[0]! };
    await player.request("PLAY", { headers });
    const random = seededRandom(12);
    let number = 0;
    await inTurn(1200, async (index) => {
      const transport = random() < 0.7
        ? TCP
        : `RTP/AVP;unicast;client_port=${20_000 + index * 2}-${20_001 + index * 2}`;
      const good = random() < 0.5 ? publishing(`${url}${index % 7}`, transport) : playing(
        random() < 0.7 ? url : `${url}${index % 7}`,
        transport,
      );
      await visit(port, mutated(good, random), random() < 0.8 ? "in order" : "at once");
      if (index % 10 === 0) await publisher.frame(0, audioPacket(++number));
    });
    for (let wanted = 1; wanted <= number; wanted++) {
      let frame = await player.nextFrame();
      while (frame.channel !== 0) frame = await player.nextFrame();
      assertEquals(frame.payload[12], wanted & 0xff);
    }
    assert(number > 100);
    await until(() => weir.server.connectionCount === 2);
    player.close();
    publisher.close();
    await until(() => weir.server.rtspSessionCount === 0);
    await until(() => weir.server.streams.length === 0);
  },
});

Deno.test({
  name: "RTMP dialogues with faults end nothing but themselves (seed 13)",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using weir = await TestServer.start({
      hub: { lingerMs: 0, conflict: "reject" },
      timing: { closeMs: 100, playWaitMs: 30 },
    });
    using publisher = await RtmpClient.publisher(weir.port, "cam");
    await publisher.frames(0, 1);
    using player = await RtmpClient.player(weir.port, "cam");
    const random = seededRandom(13);
    let number = 1;
    await inTurn(1200, async (index) => {
      const [start, ...rest] = rtmp(random() < 0.5 ? "publish" : "play", `cam${index % 7}`);
      const bytes = concat([start!, mutated(rest, random)]);
      await visit(weir.port, bytes, random() < 0.8 ? "in order" : "at once");
      if (index % 10 === 0) await publisher.frames(number++, 1);
    });
    const expected = Array.from({ length: number }, (_, index) => index);
    assertEquals(await player.frameNumbers(number - 1), expected);
    await until(() => weir.server.connectionCount === 2);
    assertEquals(weir.server.streams.map(({ name }) => name), ["live/cam"]);
  },
});
