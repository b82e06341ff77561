/** Talking to a camera through a server: ONVIF's audio back channel. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { RtspClient } from "../../../src/client/mod.ts";
import { HubError } from "../../../src/hub/mod.ts";
import { parseRtcp } from "../../../src/rtp/mod.ts";
import { RtspError } from "../../../src/rtsp/mod.ts";
import { parseSdp } from "../../../src/sdp/mod.ts";
import type { ServerOptions } from "../../../mod.ts";
import { type CameraPeer, sound } from "../../client/scripted_camera.ts";
import {
  BACK_CHANNEL,
  DAHUA,
  heard,
  say,
  TalkableCamera,
  WITHOUT,
} from "../../client/talkable_camera.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { ignoreWithout } from "../../support/process.ts";
import { RtspPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const ANYBODY: ServerOptions = {
  rtsp: LOCAL,
  rtp: LOCAL,
  hooks: { authenticate: () => ({ allow: "anonymous" }) },
};

function rtspUrl({ server }: TestServer): string {
  const { port } = server.addresses.find(({ protocol }) => protocol === "rtsp")!;
  return `rtsp://127.0.0.1:${port}/live/cam`;
}

/** Pulls from a camera, and waits until that has got through. */
async function pull({ server }: TestServer, url: string): Promise<AsyncDisposable> {
  const id = await server.addRelay({
    mode: "pull",
    name: "live/cam",
    url,
    backchannel: true,
    retryMs: 50,
  });
  await until(() => server.stream("live/cam").isLive);
  return {
    [Symbol.asyncDispose]: async () => void await server.removeRelay(id),
  };
}

for (const transport of ["tcp", "udp"] as const) {
  Deno.test(`what a player over ${transport} says is heard by the camera that is pulled from (R094)`, async () => {
    await using camera = new TalkableCamera();
    await using weir = await TestServer.start(ANYBODY);
    await using _relay = await pull(weir, camera.url);
    await using client = await RtspClient.connect(rtspUrl(weir), { transport });
    const talk = await client.talk();
    assertEquals(talk.protocol, transport);
    const codes = talk.tracks[0]!.media.formats.map(({ payloadType }) => payloadType);
    assertEquals(codes, [116, 97, 107, 0, 8]);
    await say(talk.tracks[0]!.getWriter());

    const peer = await camera.talker();
    const packets = await heard(peer, 5);
    assertEquals(packets.map(({ payloadType }) => payloadType), [8, 8, 8, 8, 8]);
    assertEquals(packets.map(({ payload }) => payload[0]), [0, 1, 2, 3, 4]);
    const [first] = packets;
    assertEquals(
      packets.map(({ timestamp }) => (timestamp - first!.timestamp) >>> 0),
      [0, 160, 320, 480, 640],
    );
    assertEquals(new Set(packets.map(({ ssrc }) => ssrc)).size, 1);
    // ONVIF's examples have the option in each of these.
    for (const method of ["DESCRIBE", "SETUP", "PLAY"]) {
      const request = peer.requests.all.find((one) => one.method === method)!;
      assertEquals(request.headers.get("Require"), BACK_CHANNEL, method);
    }
    // The camera is told by RTCP what time it is.
    const report = await peer.frames.find(({ channel }) => channel === 1);
    assertEquals(parseRtcp(report.payload)[0]!.type, "sender-report");

    await client.close();
    await peer.requests.find(({ method }) => method === "TEARDOWN");
    await weir.log.line(({ message }) => message === "rtsp talk ended");
    assertEquals(weir.server.stream("live/cam").backChannel?.isTaken, false);
  });
}

Deno.test("the back channel stands behind the other media where it is asked for, and nowhere else (R094)", async () => {
  await using camera = new TalkableCamera();
  await using weir = await TestServer.start(ANYBODY);
  await using _relay = await pull(weir, camera.url);
  await using client = await RtspClient.connect(rtspUrl(weir));
  const plain = await client.describe();
  assertEquals(plain.media.map(({ kind, direction }) => [kind, direction]), [
    ["audio", undefined],
    ["application", undefined],
  ]);
  const asked = await client.describe({ backchannel: true });
  assertEquals(asked.media.map(({ kind, direction }) => [kind, direction]), [
    ["audio", "recvonly"],
    ["application", "recvonly"],
    ["audio", "sendonly"],
  ]);
  assertEquals(asked.media[2]!.control, "trackID=2");
  assertEquals(asked.media[2]!.formats.map(({ encoding, clockRate }) => [encoding, clockRate]), [
    ["MPEG4-GENERIC", 64000],
    ["MPEG4-GENERIC", 16000],
    ["PCMA", 16000],
    ["PCMU", 8000],
    ["PCMA", 8000],
  ]);
});

Deno.test("one talks at a time: a second is told so, and may when the first has gone", async () => {
  await using camera = new TalkableCamera();
  await using weir = await TestServer.start(ANYBODY);
  await using _relay = await pull(weir, camera.url);
  const first = await RtspClient.connect(rtspUrl(weir), { transport: "tcp" });
  await first.talk();
  await using second = await RtspClient.connect(rtspUrl(weir), { transport: "tcp" });
  const refused = await assertRejects(() => second.talk(), RtspError, "talks to live/cam already");
  assertEquals(refused.status, 403);
  await assertRejects(
    () => weir.server.stream("live/cam").talk(new ReadableStream(), { codec: "pcmu" }),
    HubError,
    "already",
  );
  // Its connection ends without a word.
  await first.close();
  await weir.log.line(({ message }) => message === "rtsp talk ended");
  const talk = await second.talk();
  await say(talk.tracks[0]!.getWriter());
  assertEquals((await heard(await camera.talker(1), 5)).length, 5);
});

Deno.test("who publishes cannot be talked to: 551, and the stream alone", async () => {
  await using weir = await TestServer.start(ANYBODY);
  await using publisher = await RtspClient.connect(rtspUrl(weir), { transport: "tcp" });
  await publisher.announce(parseSdp("v=0\r\ns=x\r\nm=audio 0 RTP/AVP 8\r\n"));
  const recording = await publisher.record();
  const writer = recording.tracks[0]!.getWriter();
  await writer.write(sound(0));
  await using client = await RtspClient.connect(rtspUrl(weir));
  const refused = await assertRejects(() => client.talk(), RtspError);
  assertEquals(refused.status, 551);
  assertStringIncludes(refused.message, "The publisher of live/cam cannot be talked to");
  assertEquals((await client.describe({ backchannel: true })).media.length, 1);
  const { backChannel } = weir.server.stream("live/cam");
  assertEquals(backChannel, undefined);
});

Deno.test("who may play may not talk by that, and nobody may where nothing says who may", async () => {
  await using camera = new TalkableCamera();
  for (
    const authenticate of [
      undefined,
      ({ action }: { action: string }) =>
        action === "talk" ? { refuse: "Not for you" } : { allow: "anonymous" } as const,
    ]
  ) {
    await using weir = await TestServer.start({
      ...ANYBODY,
      hooks: authenticate === undefined ? {} : { authenticate },
    });
    await using _relay = await pull(weir, camera.url);
    await using client = await RtspClient.connect(rtspUrl(weir), { transport: "tcp" });
    const refused = await assertRejects(() => client.talk(), RtspError);
    assertEquals(refused.status, 551);
    assertStringIncludes(
      refused.message,
      authenticate === undefined ? "Nobody may talk" : "Not for you",
    );
    // One that sets it up unasked is refused too.
    using peer = await RtspPeer.dial(Number(new URL(rtspUrl(weir)).port));
    const { status } = await peer.request("SETUP", {
      url: `${rtspUrl(weir)}/trackID=2`,
      headers: { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" },
    });
    assertEquals(status, 403);
    assertEquals(weir.server.stream("live/cam").backChannel?.isTaken, false);
  }
});

Deno.test("a camera that refuses to be talked to says why through the server", async () => {
  await using camera = new TalkableCamera({
    SETUP: (request, peer) =>
      request.url.endsWith("trackID=5") ? { status: 453 } : peer.standard(request),
  });
  await using weir = await TestServer.start(ANYBODY);
  await using _relay = await pull(weir, camera.url);
  await using client = await RtspClient.connect(rtspUrl(weir), { transport: "tcp" });
  const refused = await assertRejects(() => client.talk(), RtspError);
  assertEquals(refused.status, 502);
  assertStringIncludes(refused.message, "453 Not Enough Bandwidth");
  assertEquals(weir.server.stream("live/cam").backChannel?.isTaken, false);
});

Deno.test("a camera that does not know the back channel is pulled from all the same", async () => {
  for (const status of [551, 400]) {
    await using camera = new TalkableCamera({
      DESCRIBE: (request, peer) =>
        request.headers.has("Require")
          ? { status, headers: { Unsupported: BACK_CHANNEL } }
          : { ...peer.standard(request)!, body: WITHOUT },
    });
    await using weir = await TestServer.start(ANYBODY);
    await using _relay = await pull(weir, camera.url);
    const line = await weir.log.line(({ message }) => message.endsWith("no back channel"));
    assertEquals(line.fields.reason, "It describes none");
    assertEquals(weir.server.stream("live/cam").backChannel, undefined);
  }
});

Deno.test("what is said goes through two servers to the camera, which one talker has at a time", async () => {
  await using camera = new TalkableCamera();
  await using near = await TestServer.start(ANYBODY);
  await using _near = await pull(near, camera.url);
  await using far = await TestServer.start(ANYBODY);
  await using _far = await pull(far, rtspUrl(near));
  const { codecs } = near.server.stream("live/cam").statistics!.publisher!.backChannel!;
  assertEquals(codecs, ["aac", "pcma", "pcmu"]);
  // The relay itself talks to nobody.
  assertEquals(near.server.stream("live/cam").backChannel?.isTaken, false);
  const client = await RtspClient.connect(rtspUrl(far), { transport: "udp" });
  const talk = await client.talk();
  await say(talk.tracks[0]!.getWriter(), { payloadType: 0 });
  const packets = await heard(await camera.talker(), 5);
  assertEquals(packets.map(({ payloadType }) => payloadType), [0, 0, 0, 0, 0]);
  assertEquals(packets.map(({ payload }) => payload[0]), [0, 1, 2, 3, 4]);
  await using other = await RtspClient.connect(rtspUrl(near), { transport: "tcp" });
  await assertRejects(() => other.talk(), RtspError, "already");
  await client.close();
  await near.log.line(({ message }) => message === "rtsp talk ended");
  await other.talk();
});

Deno.test("a camera of GStreamer's has all set up that it has described, and is asked to play without a range", async () => {
  for (const [tool, tracks] of [["GStreamer", [5, 1, 4]], ["LIVE555", [5]]] as const) {
    await using camera = new TalkableCamera({
      DESCRIBE: (request, peer) => ({
        ...peer.standard(request)!,
        body: DAHUA.replace("a=control:*", `a=tool:${tool}\r\na=control:*`),
      }),
    });
    await using client = await RtspClient.connect(camera.url, { transport: "tcp" });
    const talk = await client.talk();
    const peer = await camera.peer();
    // What it sends is nobody's.
    if (tracks.length > 1) await peer.send(1, sound(0));
    await say(talk.tracks[0]!.getWriter());
    await heard(peer, 5);
    const requests = peer.requests.all.slice(2);
    assertEquals(requests.map(({ method, url }) => `${method} ${url.split("/").at(-1)}`), [
      ...tracks.map((track) => `SETUP trackID=${track}`),
      "PLAY ",
    ], tool);
    assertEquals(requests.at(-1)!.headers.get("Range"), undefined);
  }
});

/** A camera that knows one law alone, as the small ones do. */
function lawOf(law: "PCMU" | "PCMA"): string {
  const payloadType = law === "PCMU" ? 0 : 8;
  return `${WITHOUT}m=audio 0 RTP/AVP ${payloadType}\r\na=control:trackID=5\r\n` +
    `a=rtpmap:${payloadType} ${law}/8000\r\na=sendonly\r\n`;
}

Deno.test("a program talks in either law of G.711, at the pace at which it is heard", async () => {
  await using camera = new TalkableCamera({
    DESCRIBE: (request, peer) => ({ ...peer.standard(request)!, body: lawOf("PCMA") }),
  });
  await using weir = await TestServer.start({ rtsp: LOCAL, rtp: LOCAL });
  await using _relay = await pull(weir, camera.url);
  const stream = weir.server.stream("live/cam");
  assertEquals(stream.backChannel?.formats.map(({ codec }) => codec), ["pcma", "pcmu"]);

  // Half a second of µ-law, in pieces that are no frames.
  const pieces = [1500, 500, 1999, 1].map((length) => new Uint8Array(length).fill(0xff));
  const startedMs = performance.now();
  const { units } = await stream.talk(ReadableStream.from(pieces), { codec: "pcmu" });
  const tookMs = performance.now() - startedMs;
  assertEquals(units, 25);
  assert(tookMs > 400 && tookMs < 1500, `${tookMs} ms`);
  const packets = await heard(await camera.talker(), 25);
  assertEquals(new Set(packets.map(({ payloadType }) => payloadType)), new Set([8]));
  assertEquals(
    packets.map(({ payload }) => [payload.length, payload[0]]),
    Array(25).fill([160, 0xd5]),
  );

  await assertRejects(
    () => stream.talk(new ReadableStream(), { codec: "opus" }),
    RangeError,
    "it takes pcma/8000, pcmu/8000",
  );
  await assertRejects(
    () => weir.server.stream("live/nobody").talk(new ReadableStream(), { codec: "pcma" }),
    HubError,
    "nobody publishes it",
  );
});

Deno.test("a program that talks is told when the camera goes, and ends by its signal", async () => {
  await using camera = new TalkableCamera();
  await using weir = await TestServer.start({ rtsp: LOCAL, rtp: LOCAL });
  await using _relay = await pull(weir, camera.url);
  const stream = weir.server.stream("live/cam");
  const endless = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(8000)),
    });
  const abort = new AbortController();
  const talking = stream.talk(endless(), { codec: "pcma", signal: abort.signal });
  await heard(await camera.talker(), 2);
  abort.abort();
  assert((await talking).units >= 2);
  assertEquals(stream.backChannel?.isTaken, false);

  const gone = assertRejects(() => stream.talk(endless(), { codec: "pcma" }), HubError, "any more");
  const talker = await camera.talker(1);
  await heard(talker, 1);
  talker.close();
  await gone;
});

/** Plays the stream with its back channel by raw requests over TCP; the back channel is on channel 4. */
async function playAndTalk(weir: TestServer): Promise<RtspPeer> {
  const url = rtspUrl(weir);
  const peer = await RtspPeer.dial(Number(new URL(url).port));
  let session: Record<string, string> = {};
  for (const track of [0, 2]) {
    const { status, headers } = await peer.request("SETUP", {
      url: `${url}/trackID=${track}`,
      headers: {
        ...session,
        Require: BACK_CHANNEL,
        Transport: `RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1}`,
      },
    });
    assertEquals(status, 200);
    session = { Session: headers.get("Session")!.split(";")[0]! };
  }
  const { status } = await peer.request("PLAY", { url, headers: session });
  assertEquals(status, 200);
  return peer;
}

Deno.test("who talks goes on when the camera has gone and come back, and one that floods is cut", async () => {
  await using camera = new TalkableCamera();
  await using weir = await TestServer.start(ANYBODY);
  await using _relay = await pull(weir, camera.url);
  using peer = await playAndTalk(weir);
  const saying = async (first: number) => {
    for (let number = first; number < first + 5; number++) {
      await peer.frame(4, sound(number, { ssrc: 99 }));
    }
  };
  await saying(0);
  await heard(await camera.talker(), 5);

  for (const one of camera.peers.all) one.close();
  await weir.log.line(({ message }) => message === "rtsp talk ended");
  await until(() =>
    weir.server.relays[0]?.state === "running" && weir.server.stream("live/cam").isLive
  );
  let again: CameraPeer | undefined;
  void camera.talker(1).then((peer) => again = peer);
  for (let number = 100; again === undefined; number++) {
    await peer.frame(4, sound(number, { ssrc: 99 }));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await until(() => weir.server.stream("live/cam").backChannel?.isTaken === true);
  await saying(5000);
  assert((await heard(again, 5)).length >= 5);

  // As much as the connection takes, of packets that are as large as can be.
  for (let number = 0; number < 100; number++) {
    await peer.frame(4, sound(6000 + number, { ssrc: 99, size: 60_000 }));
  }
  // The server has read them all when it answers.
  await peer.request("OPTIONS", { url: rtspUrl(weir) });
  peer.close();
  const ended = await weir.log.line(({ message, fields }) =>
    message === "rtsp talk ended" && "flooded" in fields
  );
  assert(Number(ended.fields.flooded) > 50, `${ended.fields.flooded}`);
});

Deno.test({
  name: "what is said over RTSPS is protected as the rest is, by TCP and UDP",
  ignore: ignoreWithout("openssl"),
  async fn() {
    await using camera = new TalkableCamera();
    const tls = await makeCertificate();
    await using weir = await TestServer.start({ ...ANYBODY, rtsps: LOCAL, tls });
    await using _relay = await pull(weir, camera.url);
    const { port } = weir.server.addresses.find(({ protocol }) => protocol === "rtsps")!;
    for (const [index, transport] of (["tcp", "udp"] as const).entries()) {
      const client = await RtspClient.connect(`rtsps://localhost:${port}/live/cam`, {
        transport,
        caCerts: [tls.cert],
      });
      const talk = await client.talk();
      assertEquals([talk.protocol, talk.tracks[0]!.media.protocol], [transport, "RTP/SAVP"]);
      await say(talk.tracks[0]!.getWriter());
      const packets = await heard(await camera.talker(index), 5);
      assertEquals(packets.map(({ payload }) => payload[0]), [0, 1, 2, 3, 4]);
      await client.close();
      await until(() => weir.server.stream("live/cam").backChannel?.isTaken === false);
    }
  },
});

Deno.test("a talker chooses a codec by its payload type, one that is not known here too, and may change it", async () => {
  // As ONVIF's example of several codecs has them (Streaming Specification, 5.3.2).
  const body = `${WITHOUT}m=audio 0 RTP/AVP 0 97 98 99 100\r\na=control:trackID=5\r\n` +
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:97 G726-16/8000\r\na=rtpmap:98 G726-24/8000\r\n" +
    "a=rtpmap:99 G726-32/8000\r\na=rtpmap:100 G726-40/8000\r\na=sendonly\r\n";
  await using camera = new TalkableCamera({
    DESCRIBE: (request, peer) => ({ ...peer.standard(request)!, body }),
  });
  await using weir = await TestServer.start(ANYBODY);
  await using _relay = await pull(weir, camera.url);
  await using client = await RtspClient.connect(rtspUrl(weir), { transport: "tcp" });
  const talk = await client.talk();
  const offered = talk.tracks[0]!.media.formats.map(({ payloadType }) => payloadType);
  assertEquals(offered, [0, 97, 98, 99, 100, 8]);
  const writer = talk.tracks[0]!.getWriter();
  // The last is of no format, and nobody's.
  for (const [index, payloadType] of [99, 99, 8, 0, 55].entries()) {
    await writer.write(sound(index, { payloadType, ssrc: 99 }));
  }
  const packets = await heard(await camera.talker(), 4);
  assertEquals(packets.map(({ payloadType }) => payloadType), [99, 99, 0, 0]);
  assertEquals(packets.map(({ payload }) => payload.length), [160, 160, 160, 160]);
});
