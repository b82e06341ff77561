import { assert, assertEquals, assertRejects } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { RtmpClient } from "../../src/client/mod.ts";
import { encodeAmf0 } from "../../src/amf/mod.ts";
import {
  buildVideoBody,
  parseOnMetaData,
  parseVideoBody,
  timestampOffsetModEx,
  VideoFrameType,
  VideoPacketType,
} from "../../src/flv/mod.ts";
import { CapsEx, RtmpError, type RtmpStatus } from "../../src/rtmp/mod.ts";
import type { RtmpMedia } from "../../src/client/mod.ts";
import { BODIES, numberOf } from "../support/rtmp_client.ts";
import { fixedUsers } from "../../mod.ts";
import { TestServer, until } from "../support/test_server.ts";

/** An enhanced key frame or sequence start of two H.265 tracks, with nanoseconds. */
function twoTracks(packetType: number): Uint8Array {
  return buildVideoBody({
    form: "enhanced",
    frameType: VideoFrameType.Key,
    packetType,
    modEx: [timestampOffsetModEx(500)],
    multitrack: 1,
    tracks: [0, 1].map((trackId) => ({
      trackId,
      fourCc: "hvc1",
      compositionTimeMs: 0,
      data: new Uint8Array([trackId, 1, 2, 3]),
    })),
  });
}

/** The first two video bodies that a player with these connect properties gets. */
async function playedBodies(
  url: string,
  connectParameters: Record<string, number | string[] | Record<string, number>>,
): Promise<Uint8Array[]> {
  await using player = await RtmpClient.connect(url, { connectParameters });
  const bodies: Uint8Array[] = [];
  for await (const { kind, payload } of await player.play()) {
    assert(payload.format === "flv");
    if (kind === "video") bodies.push(payload.body);
    if (bodies.length === 2) break;
  }
  return bodies;
}

async function publishTwoTracks(url: string): Promise<RtmpClient> {
  const publisher = await RtmpClient.connect(url);
  const writer = (await publisher.publish()).getWriter();
  for (const packetType of [VideoPacketType.SequenceStart, VideoPacketType.CodedFrames]) {
    await writer.write({ kind: "video", timestampMs: 0, body: twoTracks(packetType) });
  }
  writer.releaseLock();
  return publisher;
}

Deno.test("a player gets no more of Enhanced RTMP than it said it can take (M073)", async () => {
  await using test = await TestServer.start();
  const url = `${test.url}/live/cam`;
  await using _publisher = await publishTwoTracks(url);
  const allowed = { fourCcList: ["hvc1"] };

  const all = await playedBodies(url, {
    ...allowed,
    capsEx: CapsEx.Multitrack | CapsEx.ModEx | CapsEx.TimestampNanoOffset,
  });
  // A body of several tracks goes on as one of each, with all else that it says.
  for (const [trackId, bytes] of all.entries()) {
    const body = parseVideoBody(bytes);
    assert(body.form === "enhanced");
    assertEquals([body.packetType, body.multitrack], [VideoPacketType.SequenceStart, 0]);
    assertEquals(body.modEx, [timestampOffsetModEx(500)]);
    assertEquals(body.tracks.map((track) => track.trackId), [trackId]);
  }

  const plain = await playedBodies(url, { ...allowed, capsEx: 0 });
  const [start, frame] = plain.map(parseVideoBody);
  for (const body of [start, frame]) {
    assert(body?.form === "enhanced");
    assertEquals(body.multitrack, undefined);
    assertEquals(body.modEx, []);
    assertEquals(body.tracks.map(({ data }) => [...data]), [[0, 1, 2, 3]]);
  }
});

/** Says nothing of Enhanced RTMP, as FFmpeg up to 5, mpv, VLC, GStreamer and rtmpdump do. */
const NOTHING = {
  fourCcList: undefined,
  videoFourCcInfoMap: undefined,
  audioFourCcInfoMap: undefined,
  capsEx: undefined,
};

/** What encoders of now send with H.264 and 5.1 channels of AAC, by kind. */
const CURRENT: readonly RtmpMedia[] = [
  media("video", "97020001f400" + "61766331" + "01"),
  media("audio", "af0011b0"),
  media("audio", "94" + "6d703461" + "01060000003f"),
  media("video", "94" + "61766331" + "02"),
  media("video", "91" + "61766331" + "000028" + "65"),
  media("audio", "91" + "6d703461" + "21"),
];

function media(kind: "audio" | "video", hex: string): RtmpMedia {
  return { kind, timestampMs: 0, body: Uint8Array.fromHex(hex) };
}

for (
  const [policy, expected] of [
    ["strip", ["170000000001", "af0011b0", "170100002865", "af0121"]],
    ["pass", CURRENT.map(({ body }) => body.toHex())],
  ] as const
) {
  Deno.test(`a player that announces nothing gets of Enhanced RTMP what "${policy}" says (M073)`, async () => {
    await using test = await TestServer.start({
      rtmp: { hostname: "127.0.0.1", port: 0 },
      enhanced: policy,
    });
    const url = `${test.url}/live/cam`;
    await using publisher = await RtmpClient.connect(url);
    const writer = (await publisher.publish()).getWriter();
    await using player = await RtmpClient.connect(url, { connectParameters: NOTHING });
    const playing = player.play();
    await until(() => test.server.hub.get("live/cam")?.publication !== undefined);
    const playback = await playing;
    for (const one of CURRENT) await writer.write(one);
    await writer.close();
    const bodies: string[] = [];
    for await (const { payload } of playback) {
      assert(payload.format === "flv");
      bodies.push(payload.body.toHex());
      if (bodies.at(-1) === expected.at(-1)) break;
    }
    assertEquals(bodies, expected);
  });
}

Deno.test("a codec that a player did not list is refused by name (M073)", async () => {
  await using test = await TestServer.start();
  const url = `${test.url}/live/cam`;
  await using _publisher = await publishTwoTracks(url);
  await using player = await RtmpClient.connect(url, {
    connectParameters: {
      fourCcList: ["av01"],
      videoFourCcInfoMap: { av01: 1 },
      audioFourCcInfoMap: {},
    },
  });
  const error = await assertRejects(() => player.play(), RtmpError, "hvc1");
  assertEquals(error.status, "NetStream.Play.Failed");
});

Deno.test("a player that waits for its stream is refused a codec that it did not list, too (M056, M073)", async () => {
  await using test = await TestServer.start();
  const url = `${test.url}/live/cam`;
  await using player = await RtmpClient.connect(url, {
    connectParameters: {
      fourCcList: ["av01"],
      videoFourCcInfoMap: {},
      audioFourCcInfoMap: {},
    },
  });
  const refused = assertRejects(() => player.play(), RtmpError, "hvc1");
  await until(() => test.server.streams.length === 1);
  await using _publisher = await publishTwoTracks(url);
  assertEquals((await refused).status, "NetStream.Play.Failed");
});

Deno.test("a codec of a track that a player is not sent does not keep it out, and one that it is sent does (M073)", async () => {
  await using test = await TestServer.start();
  const url = `${test.url}/live/cam`;
  await using publisher = await RtmpClient.connect(url);
  const writer = (await publisher.publish()).getWriter();
  const body = (trackId: number, fourCc: string, packetType: number): Uint8Array =>
    buildVideoBody({
      form: "enhanced",
      frameType: VideoFrameType.Key,
      packetType,
      modEx: [],
      multitrack: 0,
      tracks: [{ trackId, fourCc, compositionTimeMs: 0, data: new Uint8Array([1, 2]) }],
    });
  for (const packetType of [VideoPacketType.SequenceStart, VideoPacketType.CodedFrames]) {
    await writer.write({ kind: "video", timestampMs: 0, body: body(0, "hvc1", packetType) });
    await writer.write({ kind: "video", timestampMs: 0, body: body(1, "av01", packetType) });
  }
  writer.releaseLock();
  const connectParameters = {
    fourCcList: ["hvc1"],
    videoFourCcInfoMap: {},
    audioFourCcInfoMap: {},
  };
  const bodies = await playedBodies(url, { ...connectParameters, capsEx: 0 });
  for (const played of bodies.map(parseVideoBody)) {
    assert(played.form === "enhanced");
    assertEquals(played.tracks.map(({ fourCc }) => fourCc), ["hvc1"]);
  }
  await using player = await RtmpClient.connect(url, {
    connectParameters: { ...connectParameters, capsEx: CapsEx.Multitrack },
  });
  await assertRejects(() => player.play(), RtmpError, "av01");
});

/** What a stream of H.264 and AAC goes on with: another codec with its header, or one that has none. */
const CHANGES: Readonly<Record<string, { refused: string; media: readonly RtmpMedia[] }>> = {
  "H.265 instead of H.264": {
    refused: "hvc1",
    media: [
      { kind: "video", timestampMs: 80, body: enhanced("hvc1", VideoPacketType.SequenceStart) },
      { kind: "video", timestampMs: 80, body: enhanced("hvc1", VideoPacketType.CodedFrames) },
    ],
  },
  "AC-3 instead of AAC": {
    refused: "ac-3",
    media: [{ kind: "audio", timestampMs: 80, body: new Uint8Array([0x91, ...ascii("ac-3"), 1]) }],
  },
};

function enhanced(fourCc: string, packetType: number): Uint8Array {
  return buildVideoBody({
    form: "enhanced",
    frameType: VideoFrameType.Key,
    packetType,
    modEx: [],
    multitrack: undefined,
    tracks: [{ trackId: 0, fourCc, compositionTimeMs: 0, data: new Uint8Array([1, 2, 3]) }],
  });
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

for (const [change, { refused, media }] of Object.entries(CHANGES)) {
  for (const kind of ["announces nothing", "announces AV1", "has switched audio off"]) {
    // What it is not sent is no matter.
    if (kind === "has switched audio off" && refused === "ac-3") continue;
    Deno.test(`${change}: the play of a player that ${kind} ends with the codec's name, and no other (M073)`, async () => {
      await using test = await TestServer.start({
        rtmp: { hostname: "127.0.0.1", port: 0 },
        enhanced: "strict",
      });
      const url = `${test.url}/live/cam`;
      await using publisher = await RtmpClient.connect(url);
      const writer = (await publisher.publish()).getWriter();
      const write = (media: RtmpMedia): Promise<void> => writer.write(media);
      await write({ kind: "video", timestampMs: 0, body: BODIES.videoConfig });
      await write({ kind: "audio", timestampMs: 0, body: BODIES.audioConfig });
      await write({ kind: "video", timestampMs: 0, body: BODIES.key(0) });

      await using able = await RtmpClient.connect(url);
      const all = (await able.play())[Symbol.asyncIterator]();
      await using player = await RtmpClient.connect(url, {
        connectParameters: kind === "announces AV1"
          ? { fourCcList: ["av01"], videoFourCcInfoMap: undefined, audioFourCcInfoMap: undefined }
          : {
            fourCcList: undefined,
            videoFourCcInfoMap: undefined,
            audioFourCcInfoMap: undefined,
            capsEx: undefined,
          },
      });
      const playback = await player.play();
      if (kind === "has switched audio off") playback.receiveAudio(false);
      // The answer to this comes when that was acted upon.
      await player.call("_checkbw");
      await write({ kind: "video", timestampMs: 40, body: BODIES.inter(1) });
      for (const next of media) await write(next);

      const seen: number[] = [];
      const error = await assertRejects(
        async () => {
          for await (const { kind, role, payload } of playback) {
            assert(payload.format === "flv");
            assert(!media.some(({ body }) => equals(body, payload.body)));
            if (kind === "video" && role === "media") seen.push(numberOf(payload.body));
          }
        },
        RtmpError,
        refused,
      );
      assertEquals(error.status, "NetStream.Play.Failed");
      assertEquals(seen, [0, 1]);
      await test.log.line(({ message, fields }) =>
        message === "rtmp play refused" && String(fields.reason).includes(refused)
      );
      // The other player has it, and the connection of the first lives on.
      for (;;) {
        const { value, done } = await all.next();
        assert(!done && value.payload.format === "flv");
        if (equals(value.payload.body, media.at(-1)!.body)) break;
      }
      await player.call("_checkbw");
      assertEquals(test.server.hub.get("live/cam")!.readerCount, 1);
    });
  }
}

Deno.test("a server that stops asks clients that can to connect again (M076)", async () => {
  await using test = await TestServer.start();
  const statuses: RtmpStatus[] = [];
  const heard = Promise.withResolvers<void>();
  await using client = await RtmpClient.connect(`${test.url}/live/cam`, {
    connectParameters: { capsEx: CapsEx.Reconnect },
    onStatus: (status) => {
      statuses.push(status);
      heard.resolve();
    },
  });
  client.closed.catch(() => {});
  await test.server.stop();
  await heard.promise;
  assertEquals(statuses.map(({ code }) => code), ["NetConnection.Connect.ReconnectRequest"]);
});

Deno.test("RTMP clients show the credentials that are asked for in the URL, or are refused", async () => {
  await using test = await TestServer.start({
    hooks: {
      authenticate: fixedUsers({ ann: "secret" }, { anonymous: ["play"] }),
    },
    rtmpAskAtConnect: false,
  });
  const url = `${test.url}/live/cam`;
  for (const query of ["", "?user=ann&pass=wrong", "?user=bob&pass=secret"]) {
    await using stranger = await RtmpClient.connect(url);
    const error = await assertRejects(() => stranger.publish(`cam${query}`), RtmpError);
    assertEquals(error.status, "NetStream.Publish.Denied");
  }
  await using ann = await RtmpClient.connect(url);
  await ann.publish("cam?user=ann&pass=secret");
  assertEquals(test.server.streams.map(({ name, isLive }) => [name, isLive]), [["live/cam", true]]);
});

Deno.test("metadata that cannot be read reaches no player, and late ones get what the headers tell", async () => {
  await using test = await TestServer.start();
  const url = `${test.url}/live/cam`;
  await using publisher = await RtmpClient.connect(url);
  const writer = (await publisher.publish()).getWriter();
  const broken = encodeAmf0(["@setDataFrame", "onMetaData", { width: 64 }]).slice(0, -4);
  await writer.write({ kind: "data", timestampMs: 0, body: broken });
  await writer.write({ kind: "audio", timestampMs: 0, body: BODIES.audioConfig });
  await writer.write(media("audio", "af0121"));
  await until(() => test.server.hub.get("live/cam")?.lastDtsUs !== undefined);
  await using player = await RtmpClient.connect(url);
  for await (const { kind, payload } of await player.play()) {
    assert(payload.format === "flv");
    assertEquals(kind, "data");
    assertEquals(parseOnMetaData(payload.body)?.audioCodec, "aac");
    break;
  }
  const [publishing] = test.server.snapshot().connections;
  assertEquals(publishing?.counts["unreadableData"], 1);
});
