import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { RtmpClient, RtspClient, type RtspPlayback } from "../../src/client/mod.ts";
import { checkRelays, type RelayOptions } from "../../src/server/mod.ts";
import { frame, headers, readUntil, writeAll } from "../client/rtmp_media.ts";
import { pictureNumber, TestCamera } from "../client/rtsp_media.ts";
import { Camera } from "../client/scripted_camera.ts";
import { ffmpeg, makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { HastyClock, TestRelay } from "../support/test_relay.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

function start(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  return TestServer.start({ rtsp: LOCAL, rtp: LOCAL, ...options });
}

function rtspUrl({ server }: TestServer, credentials = ""): string {
  const { port } = server.addresses.find(({ protocol }) => protocol === "rtsp")!;
  return `rtsp://${credentials}127.0.0.1:${port}`;
}

/** Reads up to picture `number`, and returns the numbers of all pictures. */
async function picturesUntil(playback: RtspPlayback, number: number): Promise<number[]> {
  const units = await readUntil(playback, (unit) => pictureNumber(unit) === number);
  return units.map(pictureNumber).filter((found) => found !== undefined);
}

for (const transport of ["auto", "udp", "tcp"] as const) {
  Deno.test(`a player's request starts a pull of RTSP over ${transport}, in less than a second`, async () => {
    await using origin = await start();
    await using edge = await start({ hub: { lingerMs: 0 } });
    await using relay = new TestRelay(edge, {
      mode: "pull",
      name: "live/cam",
      url: `${rtspUrl(origin)}/live/cam`,
      on: "demand",
      transport,
      idleMs: 100,
    });
    await using camera = await TestCamera.publish(`${rtspUrl(origin)}/live/cam`);
    await camera.send(0);
    await camera.send(1);
    await until(() => origin.server.hub.get("live/cam")?.lastDtsUs !== undefined);
    assertEquals([relay.state, origin.server.hub.get("live/cam")!.readerCount], ["idle", 0]);

    const started = performance.now();
    const player = await RtspClient.connect(`${rtspUrl(edge)}/live/cam`, { transport: "tcp" });
    const playback = await player.play();
    assertEquals(await picturesUntil(playback, 1), [0, 1]);
    const tookMs = performance.now() - started;
    assert(tookMs < 1000, `${tookMs} ms`);
    assertEquals(relay.state, "running");
    // The announcement has come through.
    const described = playback.tracks.map(({ track }) => [track.codec, track.width]);
    assertEquals(described, [["h264", 16], ["pcma", undefined]]);
    assert(playback.tracks[0]!.media.formats[0]!.fmtp["sprop-parameter-sets"] !== undefined);

    // A second player shares the pull.
    await using second = await RtspClient.connect(`${rtspUrl(edge)}/live/cam`);
    const other = await second.play();
    await camera.send(2);
    await picturesUntil(other, 2);
    assertEquals(origin.server.hub.get("live/cam")!.readerCount, 1);
    const { attempts, failures, bytes, units } = relay.statistics;
    assertEquals([attempts, failures], [1, 0]);
    assert(units >= 7 && bytes > 6000, `${units} units of ${bytes} bytes`);

    // Nobody watches any more: the pull ends.
    await player.close();
    await second.close();
    await until(() => relay.state === "idle");
    await until(() => origin.server.hub.get("live/cam")!.readerCount === 0);
  });
}

Deno.test("an RTMP player gets what a pull of RTSP fetches for it", async () => {
  await using origin = await start();
  await using edge = await start();
  await using _relay = new TestRelay(edge, {
    mode: "pull",
    name: "live/cam",
    url: `${rtspUrl(origin)}/live/cam`,
    on: "demand",
  });
  await using camera = await TestCamera.publish(`${rtspUrl(origin)}/live/cam`);
  await camera.send(0);
  // Those behind it show that the first is whole.
  for (const number of [1, 2, 3]) await camera.send(number);
  await using player = await RtmpClient.connect(`${edge.url}/live/cam`);
  const units = await readUntil(
    await player.play(),
    ({ kind, role }) => kind === "audio" && role === "media",
  );
  const kinds = units.map(({ kind, role }) => `${kind} ${role}`);
  assertEquals(kinds.slice(0, 3), ["data metadata", "video config", "video media"]);
  assertEquals(new Set(kinds.slice(3, -1)).difference(new Set(["video media"])).size, 0);
});

Deno.test("a push of RTSP forwards a stream as long as it is published", async () => {
  await using far = await start();
  await using near = await start({ hub: { lingerMs: 0 } });
  await using relay = new TestRelay(near, {
    mode: "push",
    name: "live/cam",
    url: `${rtspUrl(far)}/copies/cam`,
  });
  assertEquals(relay.state, "idle");
  const camera = await TestCamera.publish(`${rtspUrl(near)}/live/cam`);
  await camera.send(0);
  await using player = await RtspClient.connect(`${rtspUrl(far)}/copies/cam`);
  const playback = await player.play();
  await camera.send(1);
  await camera.send(2);
  assertEquals(await picturesUntil(playback, 2), [0, 1, 2]);
  assertEquals(playback.tracks.map(({ track: { codec } }) => codec), ["h264", "pcma"]);
  await camera[Symbol.asyncDispose]();
  await until(() => far.server.hub.get("copies/cam")?.isLive !== true);
  await until(() => relay.state === "idle");
  // And again, when it is published again.
  await using again = await TestCamera.publish(`${rtspUrl(near)}/live/cam`);
  await again.send(0);
  await until(() => far.server.hub.get("copies/cam")?.isLive === true);
  assertEquals([relay.statistics.attempts, relay.statistics.failures], [2, 0]);
});

Deno.test("a push of RTSP goes over UDP where it is told to, and loses nothing of a whole group", async () => {
  await using far = await start();
  await using near = await start();
  await using camera = await TestCamera.publish(`${rtspUrl(near)}/live/cam`);
  for (let number = 0; number < 100; number++) {
    await camera.send(number === 0 ? 0 : number * 10 + 1);
  }
  await using relay = new TestRelay(near, {
    mode: "push",
    name: "live/cam",
    url: `${rtspUrl(far)}/live/cam`,
    transport: "udp",
  });
  // The first picture is held until the next shows that it is whole, and the sound with it is before the start.
  await until(() => relay.statistics.units >= 299);
  const publisher = () => far.server.hub.get("live/cam")?.publication?.statistics.units ?? 0;
  await until(() => publisher() >= 299);
  assertEquals(relay.statistics.dropped, 0);
});

Deno.test("a push announces anew when another publisher brings other tracks, and goes on with the same ones", async () => {
  await using far = await start();
  await using near = await start({ hub: { conflict: "takeover" } });
  await using relay = new TestRelay(near, {
    mode: "push",
    name: "live/cam",
    url: `${rtspUrl(far)}/live/cam`,
  });
  const kinds = () => far.server.hub.get("live/cam")?.publication?.tracks?.map(({ kind }) => kind);
  await using first = await TestCamera.publish(`${rtspUrl(near)}/live/cam`);
  await first.send(0);
  await until(() => kinds()?.length === 2);
  await using second = await TestCamera.publish(`${rtspUrl(near)}/live/cam`);
  await using player = await RtspClient.connect(`${rtspUrl(far)}/live/cam`);
  const playback = await player.play();
  await second.send(10);
  await picturesUntil(playback, 10);
  assertEquals(relay.statistics.attempts, 1);
  await using third = await TestCamera.publish(`${rtspUrl(near)}/live/cam`, { video: false });
  await third.send(0);
  await until(() => kinds()?.join() === "audio");
  assertEquals([relay.statistics.attempts, relay.statistics.failures], [2, 0]);
});

Deno.test("a stream of RTMP is pushed as RTSP, and its tracks stay in sync by sender reports", async () => {
  await using far = await start();
  await using near = await start();
  await using _relay = new TestRelay(near, {
    mode: "push",
    name: "live/cam",
    url: `${rtspUrl(far)}/live/cam`,
  });
  await using publisher = await RtmpClient.connect(`${near.url}/live/cam`);
  const publication = await publisher.publish();
  // By its arrival the sound belongs to the pictures that it comes with; by its time, 300 ms later.
  const send = (number: number) =>
    writeAll(
      publication,
      frame(number).map((media) =>
        media.kind === "audio" ? { ...media, timestampMs: media.timestampMs + 300 } : media
      ),
    );
  await writeAll(publication, headers());
  await send(0);
  await until(() => far.server.hub.get("live/cam")?.isLive === true);
  const stream = far.server.hub.get("live/cam")!;
  assertEquals(stream.publication!.tracks!.map(({ codec }) => codec), ["h264", "aac"]);
  const times: Record<string, number[]> = { video: [], audio: [] };
  const untap = stream.tap(({ kind, role, ptsUs }) => {
    if (role === "media") times[kind]!.push(ptsUs);
  });
  const { video, audio } = times;
  // The first picture is held until the next shows that it is whole.
  await send(1);
  await until(() => audio!.length > 0 && video!.length > 0);
  const distanceMs = () => (audio!.at(-1)! - video!.at(-1)!) / 1000;
  assert(Math.abs(distanceMs()) < 100, `${distanceMs()} ms`);
  for (let number = 2; Math.abs(distanceMs() - 300) > 10; number++) {
    assert(number < 3000, `${distanceMs()} ms`);
    const [sounds, pictures] = [audio!.length, video!.length];
    await send(number);
    await until(() => audio!.length > sounds && video!.length > pictures);
  }
  untap();
});

Deno.test("players stay while the origin of a pull goes away and comes back", async () => {
  await using edge = await start();
  const first = await start();
  const { port } = new URL(rtspUrl(first).replace("rtsp:", "http:"));
  await using relay = new TestRelay(edge, {
    mode: "pull",
    name: "live/cam",
    url: `${rtspUrl(first)}/live/cam`,
  });
  const early = await TestCamera.publish(`${rtspUrl(first)}/live/cam`);
  await early.send(0);
  await using player = await RtspClient.connect(`${rtspUrl(edge)}/live/cam`);
  const playback = await player.play();
  assertEquals(await picturesUntil(playback, 0), [0]);

  await first[Symbol.asyncDispose]();
  await early[Symbol.asyncDispose]();
  await until(() => relay.statistics.failures > 1);
  await using second = await start({ rtsp: { hostname: "127.0.0.1", port: Number(port) } });
  await using late = await TestCamera.publish(`${rtspUrl(second)}/live/cam`);
  await late.send(10);
  assertEquals(await picturesUntil(playback, 10), [10]);
  assertEquals([relay.state, relay.statistics.failures], ["running", 0]);
  // A spell of failures is one line in the log, not one an attempt.
  const warnings = edge.log.lines.filter(({ message, level }) =>
    message === "relay failed" && level === "warn"
  );
  assert(warnings.length <= 2, JSON.stringify(warnings));
});

Deno.test("a wrong URL is tried again with growing waits, and its secrets are told to nobody", async () => {
  const answer = async (_: unknown, peer: { text(text: string): Promise<void> }) => {
    await peer.text("RTSP/1.0 404 No se4cret, t0ken1 or pa%24s here\r\nCSeq: 2\r\n\r\n");
    return undefined;
  };
  await using camera = new Camera({ answers: { DESCRIBE: answer } });
  await using weir = await start();
  const clock = new HastyClock();
  await using relay = new TestRelay(weir, {
    mode: "pull",
    name: "live/cam",
    url: `rtsp://me:se4cret@127.0.0.1:${camera.port}/user=x&password=pa%24s?key=t0ken1`,
    retryMs: 100,
    maxRetryMs: 1500,
  }, clock);
  // The wait for the stream is not among them.
  await until(() => clock.waits.length >= 6);
  assertEquals(clock.waits.slice(0, 6), [100, 200, 400, 800, 1500, 1500]);
  const { lastError, target, failures } = relay.statistics;
  assert(failures >= 6);
  assertStringIncludes(lastError!, "404");
  assertEquals(target, `rtsp://127.0.0.1:${camera.port}`);
  const told = JSON.stringify([weir.log.lines, relay.statistics]);
  for (const secret of ["se4cret", "t0ken1", "pa%24s", "me:"]) {
    assert(!told.includes(secret), `${secret} in ${told}`);
  }
});

Deno.test("a server that plays and sends nothing counts as a failure each time", async () => {
  const sdp = "v=0\ns=x\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:trackID=0\n";
  await using camera = new Camera({ sdp });
  await using weir = await start();
  await using relay = new TestRelay(weir, {
    mode: "pull",
    name: "live/cam",
    url: camera.url,
    transport: "tcp",
    silentMs: 20,
  }, new HastyClock());
  await until(() => relay.statistics.failures >= 3);
  assertEquals(relay.statistics.lastError, "Nothing has come for 20 ms");
});

Deno.test("a push waits where the stream has nothing that RTP carries", async () => {
  await using far = await start();
  await using near = await start();
  const publication = near.server.hub.acquire("live/text", { tracks: [] });
  const clock = new HastyClock();
  await using relay = new TestRelay(near, {
    mode: "push",
    name: "live/text",
    url: `${rtspUrl(far)}/live/text`,
  }, clock);
  await until(() => relay.statistics.failures >= 3);
  assertStringIncludes(relay.statistics.lastError!, "Nothing that RTP carries");
  assertEquals(clock.waits.slice(0, 3), [50, 100, 200]);
  publication.release();
  await until(() => relay.state === "idle");
});

Deno.test("relays of RTSP refuse what cannot be, and name no secrets", () => {
  const push = (url: string): RelayOptions => ({ mode: "push", name: "live/cam", url });
  const wrong = (relays: RelayOptions[], text: string) => {
    const error = assertThrows(() => checkRelays(relays), Error, text);
    assert(!error.message.includes("se4cret"), error.message);
  };
  checkRelays([push("rtsp://a/x"), push("rtsps://a/x"), push("RTSP://b/x"), push("rtmps://a/x/y")]);
  wrong([push("rtsp://me:se4cret@a/x"), push("rtsp://me:se4cret@a/x?1")], "named once");
  wrong([push("rtsp://me:se4cret@:x/")], "no host");
  wrong([push("http://me:se4cret@a/x")], "current value is http");
  wrong([push("me:se4cret@a/x")], "current value is none");
  wrong([{ ...push("rtsps://me:se4cret@a/x"), transport: "udp" }], "over TCP");
  wrong([{ ...push("rtsp://me:se4cret@a/x"), name: "../x" }], "segment");
});

Deno.test("a server has relays of both protocols, which end with it", async () => {
  await using far = await start();
  await using near = await start({
    relays: [
      { mode: "push", name: "live/cam", url: `${far.url}/rtmp/cam` },
      { mode: "push", name: "live/cam", url: `${rtspUrl(far)}/rtsp/cam` },
    ],
  });
  await using camera = await TestCamera.publish(`${rtspUrl(near)}/live/cam`);
  await camera.send(0);
  const isLive = (name: string) => far.server.hub.get(name)?.isLive === true;
  await until(() => isLive("rtmp/cam") && isLive("rtsp/cam"));
  await until(() => near.server.relays.every(({ state }) => state === "running"));
  const started = performance.now();
  await near.server.stop();
  assert(performance.now() - started < 3000);
  assertEquals(near.server.relays.map(({ state }) => state), ["stopped", "stopped"]);
  await until(() => !isLive("rtmp/cam") && !isLive("rtsp/cam"));
});

Deno.test({
  name: "ffmpeg plays every picture, with sound, from an edge that pulls from ffmpeg's origin",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const path = `${folder.path}/source.mp4`;
    await makeRecording(path, { seconds: 3 });
    await using origin = await start({ hub: { lingerMs: 0 } });
    await using edge = await start({ hub: { lingerMs: 0 } });
    await using relay = new TestRelay(edge, {
      mode: "pull",
      name: "live/cam",
      url: `${rtspUrl(origin)}/live/cam`,
      on: "demand",
    });
    const input = ["-rtsp_transport", "tcp", "-i", `${rtspUrl(edge)}/live/cam`];
    await using player = ffmpeg([...input, "-map", "0", "-f", "framemd5", "-"]);
    await until(() => edge.server.hub.get("live/cam")?.isWanted === true);
    const output = ["-f", "rtsp", "-rtsp_transport", "tcp", `${rtspUrl(origin)}/live/cam`];
    await using publisher = ffmpeg(["-re", "-i", path, "-c", "copy", ...output]);
    assertEquals((await publisher.ended).stderr, "");
    const { stdout, stderr } = await player.ended;
    // FFmpeg's RTSP demuxer now and then gives its first packet no time at all.
    const lines = stderr.split("\n").filter((line) => !/^$|Timestamps are unset/.test(line));
    assertEquals(lines, []);
    const frames = new TextDecoder().decode(stdout).split("\n").filter((line) => /^\d/.test(line));
    assertEquals(frames.filter((line) => line.startsWith("0,")).length, 75);
    // FFmpeg's publisher keeps some at either end back, nine of which are one packet.
    const sounds = frames.filter((line) => line.startsWith("1,")).length;
    assert(sounds >= 120, `${sounds} of 130`);
    assertEquals(relay.statistics.dropped, 0);
  },
});
