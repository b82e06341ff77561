import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { RtspClient, type RtspClientOptions, RtspError } from "../../src/client/mod.ts";
import { parseRtcp, parseRtpPacket, type RtpPacket } from "../../src/rtp/mod.ts";
import { parseSdp } from "../../src/sdp/mod.ts";
import { ignoreWithout } from "../support/process.ts";
import { standsStill } from "../support/stand_still.ts";
import { until } from "../support/test_server.ts";
import { makeCertificate } from "../support/certificate.ts";
import { Camera, type CameraPeer, goodbye, SDP, sound } from "./scripted_camera.ts";

const tcp: RtspClientOptions = { transport: "tcp" };
const udp: RtspClientOptions = { transport: "udp" };

async function rtspError(promise: Promise<unknown>): Promise<RtspError> {
  const error = await assertRejects(() => promise);
  assertInstanceOf(error, RtspError, String(error));
  return error;
}

/** Reads `count` packets. */
async function take(packets: ReadableStream<RtpPacket>, count: number): Promise<number[]> {
  const numbers: number[] = [];
  for await (const packet of packets.values({ preventCancel: true })) {
    numbers.push(packet.sequenceNumber);
    if (numbers.length === count) break;
  }
  return numbers;
}

async function drain<T>(stream: ReadableStream<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

async function sendSounds(
  peer: CameraPeer,
  numbers: Iterable<number>,
  { track = 0, size = 160 } = {},
): Promise<void> {
  const options = { payloadType: track === 0 ? 8 : 0, ssrc: 7 + track, size };
  for (const number of numbers) await peer.send(track, sound(number, options));
}

Deno.test("RtspClient describes, sets up and plays over TCP, and tears down (R080)", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, tcp);
  const description = await client.describe();
  assertEquals(description.media.map(({ control }) => control), ["trackID=0", "trackID=1"]);
  const playback = await client.play();
  const peer = await camera.peer();
  await sendSounds(peer, [1, 2, 3]);
  await sendSounds(peer, [9], { track: 1 });
  assertEquals(await take(playback.tracks[0]!.packets, 3), [1, 2, 3]);
  assertEquals(await take(playback.tracks[1]!.packets, 1), [9]);
  assertEquals([playback.protocol, playback.isPlaying], ["tcp", true]);
  await client.close();
  assertEquals(camera.log, [
    "OPTIONS /cam",
    "DESCRIBE /cam",
    "SETUP /cam/trackID=0",
    "SETUP /cam/trackID=1",
    "PLAY /cam/",
    "TEARDOWN /cam/",
  ]);
  await client.closed;
});

Deno.test("RtspClient plays over UDP: it opens the way, reorders, and reports (R080, R086)", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url);
  const playback = await client.play({ tracks: [0] });
  const peer = await camera.peer();
  const punch = await peer.datagrams.find(({ rtcp }) => !rtcp);
  assertEquals(parseRtpPacket(punch.bytes).payload.length, 0);
  const empty = await peer.datagrams.find(({ rtcp }) => rtcp);
  assertEquals(parseRtcp(empty.bytes).map(({ type }) => type), [
    "receiver-report",
    "source-description",
  ]);
  const [setup] = peer.requests.all.filter(({ method }) => method === "SETUP");
  const ports = /client_port=(\d+)-(\d+)$/.exec(setup!.headers.get("Transport")!);
  assertEquals(Number(ports![2]) - Number(ports![1]), 1);
  assertEquals(Number(ports![1]) % 2, 0);
  await sendSounds(peer, [65534, 0, 65535, 1]);
  assertEquals(await take(playback.tracks[0]!.packets, 4), [65534, 65535, 0, 1]);
  assertEquals([playback.protocol, playback.tracks[0]!.statistics.lost], ["udp", 0]);
});

Deno.test("RtspClient takes datagrams of the server's own ports only", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, udp);
  const playback = await client.play({ tracks: [0] });
  const peer = await camera.peer();
  const stranger = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  const port = peer.tracks[0]!.udp!.port;
  await stranger.send(sound(999, { ssrc: 66 }), { hostname: "127.0.0.1", port, transport: "udp" });
  stranger.close();
  await sendSounds(peer, [1, 2]);
  assertEquals(await take(playback.tracks[0]!.packets, 2), [1, 2]);
});

Deno.test("the good-bye over UDP counts although the connection has ended before", async () => {
  for (const isKind of [true, false]) {
    await using camera = new Camera();
    await using client = await RtspClient.connect(camera.url, udp);
    const playback = await client.play({ tracks: [0] });
    const peer = await camera.peer();
    await sendSounds(peer, [1]);
    assertEquals(await take(playback.tracks[0]!.packets, 1), [1]);
    const next = playback.tracks[0]!.packets.getReader().read();
    peer.hangUp();
    await assertRejects(async () => {
      for (;;) await client.request("OPTIONS");
    }, RtspError);
    if (isKind) {
      await peer.send(0, goodbye(), { rtcp: true });
      assertEquals((await next).done, true);
    } else assertEquals((await rtspError(next)).code, "closed");
    assertEquals((await rtspError(client.closed)).code, "closed");
  }
});

Deno.test("a playback is a stream of units of all tracks, configuration first", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, tcp);
  const playback = await client.play();
  const peer = await camera.peer();
  await sendSounds(peer, [1, 2]);
  await sendSounds(peer, [1], { track: 1 });
  await peer.send(0, goodbye(7), { rtcp: true });
  await peer.send(1, goodbye(8), { rtcp: true });
  const units = await drain(playback);
  assertEquals(
    units.map(({ kind, role, track, payload }) => [
      kind,
      role,
      track,
      payload.format === "rtp" && payload.packets[0]!.at(-1),
    ]),
    [["audio", "media", 0, 1], ["audio", "media", 0, 2], ["audio", "media", 1, 1]],
  );
  assertEquals(units.map(({ ptsUs }) => ptsUs).slice(0, 2), [500_000, 520_000]);
  // The client can be used further.
  assertEquals((await client.describe()).media.length, 2);
  await assertRejects(() => playback.pause(), RtspError, "ended");
});

Deno.test("units and packets are not to be read side by side", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, tcp);
  const playback = await client.play();
  const reader = playback.tracks[0]!.packets.getReader();
  await assertRejects(() => playback.getReader().read(), TypeError, "packets of a track");
  reader.releaseLock();
});

Deno.test("461 leads from UDP to TCP, for the first track or a later one (R060)", async () => {
  for (const refused of [0, 1]) {
    let count = 0;
    await using camera = new Camera({
      answers: {
        SETUP(request, peer) {
          const isUdp = request.headers.get("Transport")!.includes("client_port");
          return isUdp && count++ === refused ? { status: 461 } : peer.standard(request);
        },
        TEARDOWN(_request, peer) {
          peer.forgetTracks();
          return {};
        },
      },
    });
    await using client = await RtspClient.connect(camera.url);
    const playback = await client.play();
    assertEquals(playback.protocol, "tcp");
    await sendSounds(await camera.peer(), [4]);
    assertEquals(await take(playback.tracks[0]!.packets, 1), [4]);
    await using strict = await RtspClient.connect(camera.url, udp);
    count = 0;
    const error = await rtspError(strict.play());
    assertEquals([error.code, error.status], ["unsupported-transport", 461]);
  }
});

Deno.test("a server that answers UDP with TCP, or multicast, gets asked for TCP", async () => {
  for (const reply of ["RTP/AVP/TCP;interleaved=0-1", "RTP/AVP;multicast;port=5000-5001"]) {
    await using camera = new Camera({
      answers: {
        SETUP(request, peer) {
          const isUdp = request.headers.get("Transport")!.includes("client_port");
          return isUdp ? { headers: { Session: "1", Transport: reply } } : peer.standard(request);
        },
      },
    });
    await using client = await RtspClient.connect(camera.url);
    assertEquals((await client.play({ tracks: [0] })).protocol, "tcp");
  }
});

Deno.test("no packet over UDP leads to TCP, on a new connection, for the same reader", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, { fallbackMs: 60 });
  const playback = await client.play();
  const first = playback.tracks[0]!.packets;
  const reading = take(first, 2);
  const peer = await camera.peer(1);
  await peer.requests.find(({ method }) => method === "PLAY");
  await sendSounds(peer, [1, 2]);
  assertEquals(await reading, [1, 2]);
  assertStrictEquals(playback.tracks[0]!.packets, first);
  assertEquals(playback.protocol, "tcp");
  const left = (await camera.peer()).requests.all.at(-1)!;
  assertEquals(left.method, "TEARDOWN");
  assertEquals(await client.request("GET_PARAMETER").then(({ status }) => status), 200);
});

Deno.test("a packet over UDP keeps it there; silence from the start fails where UDP is a must", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, { ...udp, mediaTimeoutMs: 400 });
  const playback = await client.play({ tracks: [0] });
  await sendSounds(await camera.peer(), [1]);
  assertEquals(await take(playback.tracks[0]!.packets, 1), [1]);
  const error = await rtspError(take(playback.tracks[0]!.packets, 1));
  assertEquals([error.code, camera.peers.all.length], ["media-timeout", 1]);
});

Deno.test("Digest and Basic credentials are shown when asked for, and wrong ones told (R040)", async () => {
  for (
    const [challenge, expected] of [
      ['Basic realm="cam"', /^Basic bWU6c2VjcmV0$/],
      ['Digest realm="cam", nonce="8b84"', /^Digest username="me", realm="cam", nonce="8b84"/],
    ] as const
  ) {
    const denied = { status: 401, headers: { "WWW-Authenticate": challenge } };
    const shown: string[] = [];
    await using camera = new Camera({
      answers: {
        DESCRIBE(request, peer) {
          const authorization = request.headers.get("Authorization");
          if (authorization === undefined) return denied;
          shown.push(authorization);
          return authorization.includes("wrong") || authorization.includes("d3Jvbmc")
            ? denied
            : peer.standard(request);
        },
      },
    });
    const url = camera.url.replace("//", "//me:secret@");
    await using client = await RtspClient.connect(url, tcp);
    await client.describe();
    assertMatch(shown[0]!, expected);
    assertEquals(client.url.username, "me");
    const credentials = { username: "wrong", password: "wrong" };
    await using other = await RtspClient.connect(camera.url, { ...tcp, credentials });
    assertEquals((await rtspError(other.describe())).code, "unauthorized");
  }
});

Deno.test("each request counts up with one nonce where the server asks for qop (RFC 7616, 3.4)", async () => {
  const counts: (string | undefined)[] = [];
  const challenge = 'Digest realm="cam", nonce="8b84", qop="auth"';
  const answer = (request: Parameters<CameraPeer["standard"]>[0], peer: CameraPeer) => {
    const authorization = request.headers.get("Authorization");
    if (authorization === undefined) {
      return { status: 401, headers: { "WWW-Authenticate": challenge } };
    }
    counts.push(/nc=(\w+)/.exec(authorization)?.[1]);
    return peer.standard(request);
  };
  await using camera = new Camera({ answers: { DESCRIBE: answer, SETUP: answer } });
  const credentials = { username: "me", password: "secret" };
  await using client = await RtspClient.connect(camera.url, { ...tcp, credentials });
  await client.play();
  assertEquals(counts, ["00000001", "00000002", "00000003"]);
});

Deno.test("RtspClient follows redirections, five at most, and keeps credentials at home (R047)", async () => {
  const seen: (string | undefined)[] = [];
  await using target = new Camera({
    answers: {
      DESCRIBE(request, peer) {
        seen.push(request.headers.get("Authorization"));
        const needed = { status: 401, headers: { "WWW-Authenticate": 'Basic realm="b"' } };
        return seen.at(-1) === undefined ? needed : peer.standard(request);
      },
    },
  });
  await using first = new Camera({
    answers: { DESCRIBE: () => ({ status: 302, headers: { Location: target.url } }) },
  });
  await using client = await RtspClient.connect(first.url.replace("//", "//me:secret@"), tcp);
  assertEquals((await client.describe()).media.length, 2);
  assertEquals([client.url.port, seen], [target.port, [undefined, "Basic bWU6c2VjcmV0"]]);
  const localhost = target.url.replace("127.0.0.1", "localhost");
  await using elsewhere = new Camera({
    answers: { OPTIONS: () => ({ status: 301, headers: { Location: localhost } }) },
  });
  await using foreign = await RtspClient.connect(
    elsewhere.url.replace("//", "//me:secret@"),
    tcp,
  );
  assertEquals((await rtspError(foreign.describe())).code, "unauthorized");

  await using loop = new Camera({
    answers: { OPTIONS: (request) => ({ status: 302, headers: { Location: request.url } }) },
  });
  assertEquals((await rtspError(RtspClient.connect(loop.url))).code, "redirect");
  assertEquals(loop.peers.all.length, 6);
});

Deno.test("the session is kept alive by what the server supports (R087)", async () => {
  for (const [methods, expected] of [["GET_PARAMETER", "GET_PARAMETER"], ["PLAY", "OPTIONS"]]) {
    await using camera = new Camera({
      session: "77;timeout=1",
      answers: {
        OPTIONS: () => ({ headers: { Public: methods! } }),
      },
    });
    await using client = await RtspClient.connect(camera.url, tcp);
    await client.play();
    const peer = await camera.peer();
    await peer.requests.find(({ method, headers }) =>
      method === expected && headers.get("Session") === "77"
    );
  }
});

Deno.test("a session that the server has lost ends the client", async () => {
  await using camera = new Camera({
    session: "77;timeout=1",
    answers: {
      OPTIONS: ({ headers }) => headers.get("Session") === undefined ? {} : { status: 454 },
    },
  });
  await using client = await RtspClient.connect(camera.url, tcp);
  const playback = await client.play();
  assertEquals((await rtspError(drain(playback))).code, "session-not-found");
  assertEquals((await rtspError(client.closed)).code, "session-not-found");
});

Deno.test("pause, resume and seek are PAUSE and PLAY, the latter with its range (R083)", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, tcp);
  const playback = await client.play({ tracks: [0] });
  const peer = await camera.peer();
  await playback.pause();
  assertEquals(playback.isPlaying, false);
  await playback.resume();
  await sendSounds(peer, [100, 101]);
  await playback.seek({ unit: "npt", start: 30, end: undefined });
  // Sequence numbers may begin anew, also below the old ones.
  await sendSounds(peer, [5, 6]);
  assertEquals(await take(playback.tracks[0]!.packets, 2), [5, 6]);
  const told = peer.requests.all.filter(({ method }) => /PLAY|PAUSE/.test(method));
  assertEquals(told.map(({ method, headers }) => `${method} ${headers.get("Range")}`), [
    "PLAY npt=0-",
    "PAUSE undefined",
    "PLAY undefined",
    "PAUSE undefined",
    "PLAY npt=30-",
  ]);
});

Deno.test("a track that is cancelled, or all of them, ends no more than itself, or the session", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, tcp);
  const playback = await client.play();
  const peer = await camera.peer();
  await playback.tracks[1]!.packets.cancel();
  await sendSounds(peer, [1], { track: 1 });
  await sendSounds(peer, [1]);
  assertEquals(await take(playback.tracks[0]!.packets, 1), [1]);
  await assertRejects(() => client.play(), TypeError, "plays already");
  await playback.tracks[0]!.packets.cancel();
  await peer.requests.find(({ method }) => method === "TEARDOWN");
  const again = await client.play({ tracks: [1] });
  assertEquals(again.tracks.map(({ index }) => index), [1]);
});

Deno.test("a reader that is slow holds the server back over TCP, and loses nothing", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, tcp);
  const playback = await client.play({ tracks: [0] });
  const peer = await camera.peer();
  const count = 6000; // 24 MB
  const written = sendSounds(peer, Array(count).keys(), { size: 4000 });
  // Behind the good-bye nothing would be waited for.
  const all = written.then(() => peer.send(0, goodbye(), { rtcp: true }));
  await until(() => playback.isFull);
  await standsStill(() => client.statistics.bytesReceived);
  assert(client.statistics.bytesReceived < count * 3000, "it has stopped reading");
  const reader = playback.tracks[0]!.packets.getReader();
  for (let number = 0; number < count; number++) {
    const { value } = await reader.read();
    if (value?.sequenceNumber !== number) assertEquals(value?.sequenceNumber, number);
  }
  assertEquals((await reader.read()).done, true);
  await all;
  assertEquals(playback.tracks[0]!.statistics.dropped, 0);
});

Deno.test("a request is answered although a slow reader holds the server back", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, tcp);
  const playback = await client.play({ tracks: [0] });
  const peer = await camera.peer();
  sendSounds(peer, Array(6000).keys(), { size: 4000 });
  await until(() => playback.isFull);
  await playback.pause();
  assertEquals(playback.isPlaying, false);
});

Deno.test("packets that are too many over UDP are dropped and counted", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, udp);
  const playback = await client.play({ tracks: [0] });
  const peer = await camera.peer();
  const [track] = playback.tracks;
  let number = 0;
  while (track!.statistics.dropped === 0) {
    await sendSounds(peer, Array.from({ length: 50 }, () => number++), { size: 1400 });
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert(track!.statistics.delivered >= 8 * 1024 * 1024 / (1412 + 256));
  assertEquals((await take(track!.packets, 2)).length, 2);
});

Deno.test("RtspClient announces and records, with sender reports and a good-bye (R115)", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url);
  await client.announce(parseSdp(SDP.replace("trackID=0", "rtsp://other/x")));
  const recording = await client.record();
  assertEquals(recording.protocol, "tcp");
  const peer = await camera.peer();
  const announce = peer.requests.all.find(({ method }) => method === "ANNOUNCE")!;
  const announced = parseSdp(announce.body);
  assertEquals(announced.media.map(({ control }) => control), ["streamid=0", "trackID=1"]);
  const setup = peer.requests.all.find(({ method }) => method === "SETUP")!;
  assertMatch(setup.headers.get("Transport")!, /interleaved=0-1;mode=record$/);
  const writers = recording.tracks.map((track) => track.getWriter());
  recording.tracks[0]!.setReference(0, 1_700_000_000_000_000);
  for (let number = 0; number < 5; number++) await writers[0]!.write(sound(number));
  const media = await peer.frames.find(({ channel }) => channel === 0);
  assertEquals(media.payload, new Uint8Array(sound(0)));
  const early = await peer.frames.find(({ channel }) => channel === 1);
  const [report] = parseRtcp(early.payload);
  assert(report?.type === "sender-report");
  assertEquals([report.ssrc, report.packetCount, report.octetCount], [7, 5, 800]);
  await Promise.all(writers.map((writer) => writer.close()));
  const last = peer.frames.all.at(-1)!;
  assertEquals([last.channel, parseRtcp(last.payload).at(-1)!.type], [1, "goodbye"]);
  await peer.requests.find(({ method }) => method === "TEARDOWN");
  assertEquals(camera.log.slice(1), [
    "ANNOUNCE /cam",
    "SETUP /cam/streamid=0",
    "SETUP /cam/trackID=1",
    "RECORD /cam",
    "TEARDOWN /cam",
  ]);
});

Deno.test("RtspClient records over UDP where that is asked for, or TCP is refused", async () => {
  await using camera = new Camera({
    answers: {
      SETUP: (request, peer) =>
        request.headers.get("Transport")!.includes("TCP")
          ? { status: 461 }
          : peer.standard(request),
    },
  });
  await using client = await RtspClient.connect(camera.url);
  await client.announce(parseSdp(SDP));
  const recording = await client.record();
  assertEquals(recording.protocol, "udp");
  const peer = await camera.peer();
  const writer = recording.tracks[1]!.getWriter();
  await writer.write(sound(1));
  const { track, bytes } = await peer.datagrams.find(({ rtcp }) => !rtcp);
  assertEquals([track, bytes.length], [1, 172]);
  await assertRejects(() => writer.write(new Uint8Array(3)), RangeError, "current value is 3");
});

Deno.test("what the client is asked wrongly it does not ask the server", async () => {
  await using camera = new Camera();
  await using client = await RtspClient.connect(camera.url, tcp);
  await assertRejects(() => client.record(), TypeError, "nothing was announced");
  for (const tracks of [[2], [], [0, 0]]) {
    await assertRejects(() => client.play({ tracks }), RangeError, "indexes below 2");
  }
  await assertRejects(() => RtspClient.connect("http://127.0.0.1/x"), RtspError, "rtsp://");
});

Deno.test("what the server refuses is an RtspError with its status", async () => {
  for (const status of [404, 453, 500] as const) {
    await using camera = new Camera({ answers: { DESCRIBE: () => ({ status }) } });
    await using client = await RtspClient.connect(camera.url);
    assertEquals((await rtspError(client.play())).status, status);
    // The connection is not the worse for it.
    assertEquals((await client.request("SET_PARAMETER", { body: "a: 1" })).status, 200);
  }
});

Deno.test("a back channel is not set up, and what has no RTP is passed over (R094)", async () => {
  const sdp = SDP +
    "a=sendonly\r\nm=application/tp-link 0 RTP/AVP smart/1/90000\r\na=control:t\r\n";
  await using camera = new Camera({ sdp });
  await using client = await RtspClient.connect(camera.url, tcp);
  assertEquals((await client.play()).tracks.map(({ index }) => index), [0]);
  await using empty = new Camera({ sdp: "v=0\r\ns=x\r\n" });
  await using other = await RtspClient.connect(empty.url, tcp);
  assertEquals((await rtspError(other.play())).code, "tracks-missing");
});

Deno.test("an aborted signal gives up connecting, or a request, and the client goes on", async () => {
  await using mute = new Camera({ answers: { OPTIONS: () => undefined } });
  const abort = new AbortController();
  const connecting = RtspClient.connect(mute.url, { signal: abort.signal });
  await (await mute.peer()).requests.find(() => true);
  abort.abort(new Error("enough"));
  await assertRejects(() => connecting, Error, "enough");

  const asked = Promise.withResolvers<() => void>();
  await using camera = new Camera({
    answers: {
      SETUP(request, peer) {
        const answer = peer.standard(request);
        if (peer.tracks.length > 1) return answer;
        return new Promise((resolve) => asked.resolve(() => resolve(answer)));
      },
    },
  });
  await using client = await RtspClient.connect(camera.url, tcp);
  const again = new AbortController();
  const playing = client.play({ signal: again.signal });
  const answer = await asked.promise;
  again.abort(new Error("no more"));
  await assertRejects(() => playing, Error, "no more");
  answer();
  const peer = await camera.peer();
  const teardown = await peer.requests.find(({ method }) => method === "TEARDOWN");
  assertEquals(teardown.headers.get("Session"), "12345678");
  assertEquals((await client.play()).tracks.length, 2);
});

Deno.test("a server that is silent, absent or gone is an RtspError", async () => {
  await using mute = new Camera({ answers: { OPTIONS: () => undefined } });
  const late = await rtspError(RtspClient.connect(mute.url, { timeoutMs: 80 }));
  assertEquals([late.code, late.status], ["response-timeout", 408]);

  await using deaf = new Camera({ answers: { DESCRIBE: () => undefined } });
  await using client = await RtspClient.connect(deaf.url, { timeoutMs: 80 });
  assertEquals((await rtspError(client.describe())).code, "response-timeout");

  const gone = new Camera();
  const { url } = gone;
  await gone[Symbol.asyncDispose]();
  assertEquals((await rtspError(RtspClient.connect(url))).code, "unreachable");

  await using camera = new Camera();
  await using player = await RtspClient.connect(camera.url, tcp);
  const playback = await player.play();
  const peer = await camera.peer();
  await sendSounds(peer, [1, 2]);
  peer.close();
  const packets: number[] = [];
  const error = await rtspError((async () => {
    for await (const { sequenceNumber } of playback.tracks[0]!.packets) {
      packets.push(sequenceNumber);
    }
  })());
  assertEquals([error.code, packets], ["closed", [1, 2]]);
  assertEquals((await rtspError(player.play())).code, "closed");
});

Deno.test("closing ends playbacks without an error, also while all is silent", async () => {
  await using camera = new Camera({ answers: { TEARDOWN: () => undefined } });
  const client = await RtspClient.connect(camera.url);
  const playback = await client.play();
  const reading = drain(playback);
  await Promise.all([client.close(), client.close()]);
  assertEquals((await reading).filter(({ role }) => role === "media"), []);
  await client.closed;
});

Deno.test({
  name: "RtspClient speaks rtsps with media over the connection, for who trusts the certificate",
  ignore: ignoreWithout("openssl"),
  async fn() {
    const { cert, key } = await makeCertificate();
    await using camera = new Camera({ tls: { hostname: "127.0.0.1", port: 0, cert, key } });
    const url = camera.url.replace("rtsp:", "rtsps:");
    await using client = await RtspClient.connect(url, { caCerts: [cert] });
    const playback = await client.play();
    await sendSounds(await camera.peer(), [1]);
    assertEquals(await take(playback.tracks[0]!.packets, 1), [1]);
    assertEquals(playback.protocol, "tcp");
    assertEquals((await rtspError(RtspClient.connect(url))).code, "unreachable");
  },
});

Deno.test("RtspClient works over any pair of streams", async () => {
  await using camera = new Camera();
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: camera.port });
  await using client = await RtspClient.connect("rtsp://camera/cam", { connection: conn });
  const playback = await client.play();
  await sendSounds(await camera.peer(), [1]);
  assertEquals(await take(playback.tracks[0]!.packets, 1), [1]);
});
