/**
 * Every publisher to every player, by real programs: what comes out of their decoders is compared with
 * what a decoder makes of the recording, frame by frame. The table that is printed is in README.md.
 */
import { assert, assertEquals } from "@std/assert";
import { RtmpClient, type RtmpMedia } from "../../src/client/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, type ProcessEnd } from "../support/process.ts";
import {
  type Decoded,
  type DecodedFrame,
  decodeFile,
  type Doors,
  makeSource,
  PLAYERS,
  PUBLISHERS,
  type Source,
} from "../support/real_clients.ts";
import { TestServer, until } from "../support/test_server.ts";

type PublisherName = keyof typeof PUBLISHERS;
type PlayerName = keyof typeof PLAYERS;

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** Audio and video may be this much nearer or farther than in the recording. */
const MOST_OFFSET_MS = 40;

/**
 * Frames of audio that may be missing at the end. FFmpeg's RTSP muxer drops what it has gathered for the
 * next packet when it ends, and GStreamer's AAC depayloader keeps a packet of many frames until the next.
 */
const TAIL_FRAMES = 30;

/**
 * Frames of audio that may be missing at the start: those that were sent before the first picture, with
 * which players begin. GStreamer's RTSP publisher sends at once what it has gathered while it was answered,
 * first the sound, then the pictures: a few frames, more when the machine is busy.
 */
const HEAD_FRAMES = 4;
const GSTREAMER_HEAD_FRAMES = 15;

/**
 * GStreamer 1.22's RTSP publisher does not always end by itself, and what the server does plays no part:
 *
 * - One time in ten it waits for ever. Its rtpsession, at the end of a track, wakes the thread that sends
 *   RTCP (`gst_rtp_session_event_send_rtp_sink`). That says good-bye, and passes the end on to the sink of
 *   RTCP only where the pad is marked as ended (`gst_rtp_session_send_rtcp`), which happens after the
 *   event function has returned: where the thread is quicker, that sink never ends, and the pipeline neither.
 *   The log has "scheduling BYE message" of a session then, and never its "sending EOS".
 * - One time in forty it fails: `gst_rtsp_client_sink_loop_send_cmd` has flushed the connection for what
 *   comes next when the last good-bye of RTCP is sent.
 */
const MOST_SILENCE_MS = 1500;
const GSTREAMER_LATE_BYE = "Could not send message. (Received end-of-file)";

/** How many frames at the end tell how far audio and video are apart. */
const OFFSET_FRAMES = 12;

/** A server, what it is asked for, and how the cells of the table came out. */
class Matrix implements AsyncDisposable {
  readonly rows = new Map<string, Map<PlayerName | "weir RTMP", string>>();
  readonly folder = new TemporaryFolder();
  readonly doors: Doors;
  readonly weir: TestServer;
  readonly #asked: Map<string, number>;

  private constructor(weir: TestServer, asked: Map<string, number>) {
    this.weir = weir;
    this.#asked = asked;
    const port = (wanted: string) =>
      weir.server.addresses.find(({ protocol }) => protocol === wanted)!.port;
    this.doors = {
      rtmp: `rtmp://127.0.0.1:${port("rtmp")}`,
      rtsp: `rtsp://127.0.0.1:${port("rtsp")}`,
    };
  }

  static async start(): Promise<Matrix> {
    const asked = new Map<string, number>();
    const weir = await TestServer.start({
      rtsp: LOCAL,
      rtp: LOCAL,
      hub: { lingerMs: 300, maxLagMs: 60_000 },
      timing: { playWaitMs: 20_000, describeWaitMs: 20_000, closeMs: 300 },
      hooks: { onPlay: ({ name }) => void asked.set(name, (asked.get(name) ?? 0) + 1) },
    });
    return new Matrix(weir, asked);
  }

  /** Lets all players of a publisher wait for it, publishes, and checks what each has decoded. */
  async run(
    run: {
      readonly label: string;
      readonly name: string;
      readonly source: Source;
      readonly publisher: PublisherName;
      readonly players: readonly PlayerName[];
    },
  ): Promise<void> {
    const { source, publisher, players, name, label } = run;
    const row = new Map<PlayerName, string>();
    this.rows.set(`${publisher} | ${label}`, row);
    const expected = await decodeFile(source.path, source);
    assertEquals(expected.messages, "");
    const target = { ...this.doors, name, folder: this.folder.path };
    const latm = source.audio === "aac" && publisher.startsWith("GStreamer RTSP");
    const playing = players.map((player) => PLAYERS[player](target, { ...source, latm }));
    const isReady = until(() => this.#asked.get(name) === players.length);
    await Promise.race([isReady, Promise.all(playing)]);
    await this.#publish(publisher, source, target);
    const results = await Promise.all(playing);
    const failures: string[] = [];
    for (const [index, player] of players.entries()) {
      const cell = compare(results[index]!, expected, { publisher, player });
      row.set(player, cell.text);
      failures.push(...cell.failures.map((failure) => `${player}: ${failure}`));
    }
    assertEquals(failures, []);
  }

  async #publish(
    publisher: PublisherName,
    source: Source,
    target: Doors & { readonly name: string },
  ): Promise<void> {
    await using process = PUBLISHERS[publisher](source, target);
    const isByGstreamer = publisher.startsWith("GStreamer RTSP");
    let end: ProcessEnd | undefined;
    const ended = process.ended.then((itsEnd) => end = itsEnd);
    if (isByGstreamer) {
      const { server } = this.weir;
      const publication = () =>
        server.snapshot().streams.find(({ name }) => name === target.name)?.publisher;
      await until(() => end !== undefined || (publication()?.units ?? 0) > 0);
      await until(() => end !== undefined || (publication()?.silentMs ?? 0) > MOST_SILENCE_MS);
      if (end === undefined) return;
    }
    const { code, stderr } = await ended;
    if (!isByGstreamer || !stderr.includes(GSTREAMER_LATE_BYE)) assertEquals(code, 0, stderr);
  }

  /** The rows, in Markdown. */
  toString(): string {
    const columns = [...new Set([...this.rows.values()].flatMap((row) => [...row.keys()]))];
    const lines = Array.from(
      this.rows,
      ([title, row]) => `| ${title} | ${columns.map((one) => row.get(one) ?? "").join(" | ")} |`,
    );
    return [
      `| publisher | media | ${columns.join(" | ")} |`,
      `|---|---|${columns.map(() => "---").join("|")}|`,
      ...lines,
    ].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.weir[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

interface Found {
  /** Index of the first and last frame of the recording that came. */
  readonly first: number;
  readonly last: number;
  /** Frames that came and are as in the recording. */
  readonly same: number;
  /** Frames that came. */
  readonly all: number;
  /** How much later than in the recording the last frames are shown, milliseconds. */
  readonly offsetMs: number;
}

function find(came: readonly DecodedFrame[], expected: readonly DecodedFrame[]): Found {
  const indexes = new Map(expected.map(({ hash }, index) => [hash, index]));
  const found = came.flatMap(({ hash, ptsMs }) => {
    const index = indexes.get(hash);
    return index === undefined ? [] : [{ index, offsetMs: ptsMs - expected[index]!.ptsMs }];
  });
  const timed = found.filter(({ offsetMs }) => !isNaN(offsetMs)).slice(-OFFSET_FRAMES);
  return {
    first: found[0]?.index ?? 0,
    last: found.at(-1)?.index ?? -1,
    same: found.length,
    all: came.length,
    offsetMs: timed.reduce((sum, { offsetMs }) => sum + offsetMs, 0) / timed.length,
  };
}

function compare(
  came: Decoded,
  expected: Decoded,
  { publisher, player }: { readonly publisher: PublisherName; readonly player: PlayerName },
): { readonly text: string; readonly failures: readonly string[] } {
  const failures: string[] = [];
  const expect = (holds: boolean, failure: string) => {
    if (!holds) failures.push(failure);
  };
  const video = find(came.video, expected.video);
  const audio = find(came.audio, expected.audio);
  const count = ({ same, all }: Found, { length }: readonly unknown[]) =>
    `${same} of ${length}${all === same ? "" : `, ${all - same} other`}`;
  const isBurst = publisher.startsWith("GStreamer RTSP");
  const isUdp = [publisher, player].some((name) => name.endsWith("UDP"));

  const videoText = count(video, expected.video);
  // On one machine UDP loses nothing either, unless it is very busy.
  if (isUdp) expect(video.same >= expected.video.length * 0.9, `video ${videoText}`);
  else expect(video.same === expected.video.length && video.all === video.same, videoText);

  const audioText = count(audio, expected.audio);
  const tail = publisher.startsWith("ffmpeg RTSP") ? TAIL_FRAMES : 0;
  const hasNoHole = audio.same === audio.last - audio.first + 1;
  // Where the head is missing, the first frames have no predecessors to be decoded with.
  const isClean = audio.all - audio.same <= (audio.first > 0 ? 2 : 0);
  expect(isUdp || (hasNoHole && isClean), `audio with holes: ${audioText}`);
  expect(
    audio.first <= (isBurst ? GSTREAMER_HEAD_FRAMES : HEAD_FRAMES),
    `audio begins at ${audio.first}`,
  );
  expect(audio.last >= expected.audio.length - 1 - tail, `audio ends at ${audio.last}`);

  const offsetMs = Math.round(video.offsetMs - audio.offsetMs);
  expect(!(Math.abs(offsetMs) > MOST_OFFSET_MS), `audio and video are ${offsetMs} ms apart`);
  const isTimed = player.startsWith("ffmpeg") || !isNaN(audio.offsetMs);
  expect(!isTimed || !isNaN(offsetMs), "audio or video has no times");

  const messages = came.messages.split("\n").filter((line) =>
    line !== "" && !line.startsWith("Guessed Channel Layout") &&
    // gst-launch takes back twice what it was called for when two tracks come at the same moment.
    !/GLib-GObject-WARNING.*has no handler with id/.test(line) &&
    // Where pictures are reordered FFmpeg counts from the first sound, and the first picture came before.
    !(isBurst && /^\[framemd5.*Non-monotonous DTS .* previous: 0, /.test(line))
  );
  if (!isUdp) expect(messages.length === 0, messages.join("\n"));

  const parts = [
    `V ${video.same}/${expected.video.length}`,
    `A ${audio.same}/${expected.audio.length}`,
    ...(isNaN(offsetMs) ? [] : [`${offsetMs} ms`]),
  ];
  return { text: parts.join(", "), failures };
}

const ignore = ignoreWithout("ffmpeg", "gst-launch-1.0");

Deno.test({
  name: "every frame goes from every publisher to every player, in sync, whatever they speak",
  ignore,
  async fn(test) {
    await using matrix = await Matrix.start();
    const players = Object.keys(PLAYERS) as PlayerName[];
    const plain = await makeSource(`${matrix.folder.path}/plain.flv`, {
      video: "h264",
      audio: "aac",
      seconds: 5,
    });
    const reordered = await makeSource(`${matrix.folder.path}/reordered.flv`, {
      video: "h264",
      audio: "aac",
      seconds: 5,
      bFrames: 2,
    });
    for (const publisher of Object.keys(PUBLISHERS) as PublisherName[]) {
      await test.step(publisher, async () => {
        const name = `live/${publisher.replaceAll(" ", "-")}`;
        const ends = await Promise.allSettled([
          matrix.run({
            label: "H.264, AAC",
            name: `${name}-plain`,
            source: plain,
            publisher,
            players,
          }),
          matrix.run({
            label: "H.264 with B-frames, AAC",
            name: `${name}-reordered`,
            source: reordered,
            publisher,
            players,
          }),
        ]);
        for (const end of ends) if (end.status === "rejected") throw end.reason;
      });
    }
    console.log(`\n${matrix}`);
  },
});

Deno.test({
  name: "every frame of G.711, MP3, Opus and H.265 comes through, too",
  ignore,
  async fn(test) {
    await using matrix = await Matrix.start();
    const path = (file: string) => `${matrix.folder.path}/${file}`;
    const rtspPlayers: PlayerName[] = ["ffmpeg RTSP TCP", "GStreamer RTSP TCP"];
    const withRtmp: PlayerName[] = ["ffmpeg RTMP", ...rtspPlayers];
    const seconds = 3;
    const mulaw = await makeSource(path("mulaw.flv"), {
      video: "h264",
      audio: "pcm_mulaw",
      seconds,
    });
    const alaw = await makeSource(path("alaw.flv"), { video: "h264", audio: "pcm_alaw", seconds });
    const mp3 = await makeSource(path("mp3.flv"), { video: "h264", audio: "mp3", seconds });
    const opus = await makeSource(path("opus.mkv"), {
      video: "h264",
      audio: "opus",
      seconds: 4,
    });
    const hevc = await makeSource(path("hevc.mkv"), {
      video: "hevc",
      audio: "aac",
      seconds: 4,
    });
    const runs = [
      [
        { label: "H.264, G.711 µ", source: mulaw, publisher: "ffmpeg RTMP", players: withRtmp },
        { label: "H.264, G.711 A", source: alaw, publisher: "ffmpeg RTSP TCP", players: withRtmp },
      ],
      [
        { label: "H.264, MP3", source: mp3, publisher: "ffmpeg RTMP", players: withRtmp },
        { label: "H.264, MP3", source: mp3, publisher: "ffmpeg RTSP TCP", players: withRtmp },
      ],
      [
        { label: "H.264, Opus", source: opus, publisher: "ffmpeg RTSP TCP", players: rtspPlayers },
        { label: "H.265, AAC", source: hevc, publisher: "ffmpeg RTSP TCP", players: rtspPlayers },
      ],
    ] as const;
    for (const [number, pair] of runs.entries()) {
      await test.step(pair.map(({ label }) => label).join(", "), async () => {
        const ends = await Promise.allSettled(
          pair.map((run, index) => matrix.run({ ...run, name: `live/more-${number}-${index}` })),
        );
        for (const end of ends) if (end.status === "rejected") throw end.reason;
      });
    }
    await test.step("RTSP to Enhanced RTMP and back", async () => {
      const ends = await Promise.allSettled([
        throughEnhancedRtmp(matrix, { label: "H.264, Opus", source: opus }),
        throughEnhancedRtmp(matrix, { label: "H.265, AAC", source: hevc }),
      ]);
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    });
    console.log(`\n${matrix}`);
  },
});

/** ffmpeg publishes by RTSP, weir's client plays it by RTMP and publishes that, ffmpeg plays by RTSP. */
async function throughEnhancedRtmp(
  matrix: Matrix,
  { label, source }: { readonly label: string; readonly source: Source },
): Promise<void> {
  const from = `live/from-${source.video}`;
  const to = `live/to-${source.video}`;
  await using playing = await RtmpClient.connect(`${matrix.doors.rtmp}/${from}`);
  await using publishing = await RtmpClient.connect(`${matrix.doors.rtmp}/${to}`);
  const publication = await publishing.publish();
  const target = { ...matrix.doors, name: to, folder: matrix.folder.path };
  const came = PLAYERS["ffmpeg RTSP TCP"](target, source);
  // It is answered once there is something to play.
  const asked = playing.play();
  await until(() => matrix.weir.server.hub.get(from) !== undefined);
  await using publisher = PUBLISHERS["ffmpeg RTSP TCP"](source, { ...matrix.doors, name: from });
  const playback = await asked;
  const bodies: MediaUnit[] = [];
  const relayed = playback.pipeThrough(
    new TransformStream<MediaUnit, RtmpMedia>({
      transform(unit, controller) {
        bodies.push(unit);
        assert(unit.payload.format === "flv");
        const { kind, dtsUs, payload: { body } } = unit;
        controller.enqueue({ kind, timestampMs: Math.round(dtsUs / 1000), body });
      },
    }),
  ).pipeTo(publication);
  assertEquals((await publisher.ended).code, 0);
  await relayed;
  const expected = await decodeFile(source.path, source);
  const cell = compare(await came, expected, {
    publisher: "ffmpeg RTSP TCP",
    player: "ffmpeg RTSP TCP",
  });
  matrix.rows.set(
    `ffmpeg RTSP TCP → Enhanced RTMP | ${label}`,
    new Map([["ffmpeg RTSP TCP", cell.text]]),
  );
  assertEquals(cell.failures, []);
  const times = bodies.filter(({ kind }) => kind === "video").map(({ dtsUs }) => dtsUs);
  assert(times.every((time, index) => index < 2 || time > times[index - 1]!), `${times}`);
}
