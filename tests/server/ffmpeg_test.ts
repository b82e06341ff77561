import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  assertDecodes,
  ffmpeg,
  listArguments,
  makeRecording,
  ofKind,
  type Packet,
  packetsOf,
  publishArguments,
  readPackets,
  TemporaryFolder,
} from "../support/media_file.ts";
import { ignoreWithout, startWeir } from "../support/process.ts";
import { TestServer, until } from "../support/test_server.ts";

const ignore = ignoreWithout("ffmpeg");

/** Short, so that players hear soon that their stream has ended. */
const HUB = { lingerMs: 300, maxLagMs: 60_000 };

Deno.test({
  name:
    "every frame of ffmpeg arrives at ffmpeg, in time, with the command as users start it (M075)",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const received = `${folder.path}/received.flv`;
    await makeRecording(source, { seconds: 3 });
    await using weir = await startWeir(["--log-level", "debug"]);
    await using player = ffmpeg(["-i", `${weir.url}/live/cam`, "-c", "copy", received]);
    await weir.line(/play waits/);
    await using publisher = ffmpeg(
      publishArguments(source, `${weir.url}/live/cam`, { paced: false }),
    );
    assertEquals((await publisher.ended).stderr, "");
    await weir.line(/publish ended/);
    weir.kill("SIGTERM");
    assertEquals((await weir.ended).code, 0);
    assertEquals((await player.ended).stderr, "");
    assertArrived(await packetsOf(received), await packetsOf(source));
    await assertDecodes(received);
  },
});

Deno.test({
  name: "twenty ffmpeg play at once, and each gets every frame",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 3 });
    let asked = 0;
    await using weir = await TestServer.start({ hub: HUB, hooks: { onPlay: () => void asked++ } });
    await using started = new AsyncDisposableStack();
    const players = Array.from(
      { length: 20 },
      () => started.use(ffmpeg(listArguments(`${weir.url}/live/cam`))),
    );
    await until(() => weir.server.connectionCount === 20 && asked === 20);
    await using publisher = ffmpeg(
      publishArguments(source, `${weir.url}/live/cam`, { paced: false }),
    );
    assertEquals((await publisher.ended).code, 0);
    const expected = await packetsOf(source);
    for (const player of players) {
      const { stdout, stderr } = await player.ended;
      assertEquals(stderr, "");
      assertArrived(readPackets(stdout), expected);
    }
  },
});

Deno.test({
  name: "a player that joins late starts at once, on a key frame, and decodes without error (M075)",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const received = `${folder.path}/received.flv`;
    await makeRecording(source, { seconds: 3 });
    await using weir = await TestServer.start({ hub: HUB });
    await using publisher = ffmpeg(publishArguments(source, `${weir.url}/live/cam`));
    // Half-way between two key frames.
    await until(() => (weir.server.hub.get("live/cam")?.lastDtsUs ?? 0) > 1_400_000);
    await using player = ffmpeg(["-i", `${weir.url}/live/cam`, "-c", "copy", received]);
    await publisher.ended;
    assertEquals((await player.ended).stderr, "");
    const packets = ofKind(await packetsOf(received), "video");
    const all = ofKind(await packetsOf(source), "video");
    const first = all.findIndex(({ hash }) => hash === packets[0]?.hash);
    assert(first > 0 && first % 25 === 0, `it started at frame ${first}`);
    assert(first <= 50, "it waited for the next key frame");
    assertEquals(packets.map(({ hash }) => hash), all.slice(first).map(({ hash }) => hash));
    await assertDecodes(received);
  },
});

Deno.test({
  name: "a player that joins late sees no track but video and audio, and copies them to Matroska",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const received = `${folder.path}/received.mkv`;
    await makeRecording(source, { seconds: 2 });
    await using weir = await TestServer.start({ hub: HUB });
    await using _publisher = ffmpeg(
      publishArguments(source, `${weir.url}/live/cam`, { loops: 100 }),
    );
    await until(() => (weir.server.hub.get("live/cam")?.lastDtsUs ?? 0) > 1_400_000);
    const copy = ["-i", `${weir.url}/live/cam`, "-t", "1", "-c", "copy", received];
    await using player = ffmpeg(["-loglevel", "info", ...copy], { limitMs: 15_000 });
    const { code, stderr } = await player.ended;
    const found = stderr.slice(0, stderr.indexOf("Output #0")).matchAll(/ Stream #0:\d+: (\w+)/g);
    assertEquals(Array.from(found, ([, kind]) => kind), ["Video", "Audio"], stderr);
    assertEquals(code, 0, stderr);
  },
});

Deno.test({
  name: "a publisher that is killed and comes back keeps its player, whose time goes on (M081)",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const received = `${folder.path}/received.flv`;
    await makeRecording(source, { seconds: 2 });
    await using weir = await TestServer.start({ hub: { lingerMs: 3000, maxLagMs: 60_000 } });
    await using player = ffmpeg(["-i", `${weir.url}/live/cam`, "-c", "copy", received]);
    await weir.log.line(({ message }) => message === "rtmp play waits for a publisher");
    await using first = ffmpeg(
      publishArguments(source, `${weir.url}/live/cam`, { loops: 100 }),
    );
    // The player has made up its mind which tracks there are.
    await until(() => Deno.readDirSync(folder.path).some(({ name }) => name === "received.flv"));
    first.kill("SIGKILL");
    await weir.log.line(({ message }) => message === "rtmp publish ended");
    const [url, ...arguments_] = publishArguments(source, `${weir.url}/live/cam`, { paced: false })
      .toReversed();
    // Its metadata differ, and so reach the player, which must not take them for subtitles.
    await using second = ffmpeg([...arguments_.toReversed(), "-metadata", "title=Second", url!]);
    assertEquals((await second.ended).code, 0);
    // What it has sent is read, by another worker too, when all that has begun to publish has ended.
    await weir.log.line(({ fields }) => fields.reason === "unpublished");
    const count = (word: string) =>
      weir.log.lines.filter(({ message }) => message.endsWith(` publish ${word}`)).length;
    await until(() => count("started") === count("ended"));
    await weir.server.stop();
    assertEquals((await player.ended).stderr, "");
    const packets = await packetsOf(received);
    assertMonotonic(packets);
    const all = (await packetsOf(source)).map(({ hash }) => hash);
    const got = packets.map(({ hash }) => hash);
    assert(got.length > all.length, "the player has frames of the first publisher too");
    assertEquals(got.filter((hash) => hash === all[0]).length, 2, "both publishers' first frames");
    await assertDecodes(received);
  },
});

Deno.test({
  name: "a second ffmpeg takes the name over, and the player stays (M080)",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const received = `${folder.path}/received.flv`;
    await makeRecording(source, { seconds: 2 });
    await using weir = await TestServer.start({
      hub: { ...HUB, lingerMs: 2000, conflict: "takeover" },
    });
    await using player = ffmpeg(["-i", `${weir.url}/live/cam`, "-c", "copy", received]);
    await weir.log.line(({ message }) => message === "rtmp play waits for a publisher");
    await using first = ffmpeg(
      publishArguments(source, `${weir.url}/live/cam`, { loops: 100 }),
    );
    await until(() => (weir.server.hub.get("live/cam")?.lastDtsUs ?? 0) > 500_000);
    await using second = ffmpeg(publishArguments(source, `${weir.url}/live/cam`));
    assertEquals((await second.ended).code, 0);
    assert((await first.ended).code !== 0, "the first publisher is told");
    await weir.server.stop();
    assertEquals((await player.ended).stderr, "");
    const packets = await packetsOf(received);
    assertMonotonic(packets);
    const all = ofKind(await packetsOf(source), "video").map(({ hash }) => hash);
    const got = ofKind(packets, "video").map(({ hash }) => hash);
    assertEquals(got.slice(-all.length), all, "all of the second publisher");
    await assertDecodes(received);
  },
});

/** All packets of `expected`, decodable from the first, and audio where it was beside video. */
function assertArrived(packets: readonly Packet[], expected: readonly Packet[]): void {
  for (const kind of ["video", "audio"] as const) {
    const got = ofKind(packets, kind);
    const sent = ofKind(expected, kind);
    assertEquals(got.map(({ hash }) => hash), sent.map(({ hash }) => hash));
    const shiftMs = packets[0]!.dtsMs - expected[0]!.dtsMs;
    for (const [index, { dtsMs, ptsMs }] of got.entries()) {
      assertAlmostEquals(dtsMs, sent[index]!.dtsMs + shiftMs, 1);
      assertAlmostEquals(ptsMs - dtsMs, sent[index]!.ptsMs - sent[index]!.dtsMs, 1);
    }
  }
  assertMonotonic(packets);
}

function assertMonotonic(packets: readonly Packet[]): void {
  for (const kind of ["video", "audio"] as const) {
    const times = ofKind(packets, kind).map(({ dtsMs }) => dtsMs);
    for (const [index, time] of times.entries()) {
      assert(index === 0 || time > times[index - 1]!, `time at ${index}: ${times}`);
    }
  }
}
