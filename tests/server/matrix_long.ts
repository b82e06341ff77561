/**
 * Every program that is at hand, as publisher and as player, over each protocol and way, with each codec: what a
 * player has recorded is decoded, and compared frame by frame with what a decoder makes of the source. The table that
 * is printed says what came, how far sound and picture are apart from the first second on, and of what is not tried why.
 *
 * GStreamer, whose muxer leaves out frames whose time does not grow, is compared track by track in `matrix_test.ts`, as
 * publisher and as player; another server stands in between in `matrix_relays_long.ts`.
 *
 * A current FFmpeg is looked for in the Python package imageio-ffmpeg (`pip install imageio-ffmpeg`); without it, its
 * cells say that it is missing.
 */
import { assertEquals } from "@std/assert";
import {
  type Client,
  type Codecs,
  compare,
  currentFfmpeg,
  decode,
  ffmpegPlayers,
  ffmpegPublishers,
  makeSource,
  notInOldFlv,
  notInRtpOfFfmpeg,
  start,
  type Way,
} from "../support/media_matrix.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, RunningProcess } from "../support/process.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

const COMBINATIONS: readonly Codecs[] = [
  { video: "h264", audio: "aac" },
  { video: "h264", audio: "mp3" },
  { video: "h264", audio: "pcm_mulaw" },
  { video: "h264", audio: "pcm_s16" },
  { video: "h264", audio: "opus" },
  { video: "h264", audio: "ac3" },
  { video: "h264", audio: "eac3" },
  { video: "h264", audio: "flac" },
  { video: "hevc", audio: "aac" },
  { video: "vp9", audio: "opus" },
  { video: "av1", audio: "opus" },
];

const MPV: readonly Client[] = (["RTMP", "RTSP TCP"] as const).map((way) => ({
  name: "mpv",
  way,
  // Debian's is made with its FFmpeg 5.
  whyNot: way === "RTMP" ? notInOldFlv : notInRtpOfFfmpeg,
  start: ({ url, path }) =>
    start("mpv", [
      ...["--no-config", "--msg-level=all=error", "--vo=null", "--ao=null", "--untimed"],
      ...["--rtsp-transport=tcp", `--stream-record=${path}`, url],
    ]),
}));

const RTMPDUMP: Client = {
  name: "rtmpdump",
  way: "RTMP",
  whyNot: notInOldFlv,
  start: ({ url, path }) => start("rtmpdump", ["-r", url, "--live", "-q", "-o", path]),
};

const VLC: Client = {
  name: "VLC",
  way: "RTMP",
  whyNot: ({ video, audio }) =>
    video === "h264" && audio === "aac" ? undefined : "its muxer does not take these",
  start: ({ url, path }) => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    const args = [
      ...["-I", "dummy", "--quiet", "--no-sout-all", "--sout"],
      ...[`#std{access=file,mux=ts,dst=${path}}`, url, "vlc://quit"],
    ];
    const options = { limitMs: 60_000, env: { HOME: folder, XDG_RUNTIME_DIR: folder } };
    // It refuses to run as root.
    return Deno.uid() === 0
      ? new RunningProcess(
        "setpriv",
        ["--reuid=65534", "--clear-groups", "cvlc", ...args],
        options,
      )
      : new RunningProcess("cvlc", args, options);
  },
};

Deno.test({
  name:
    "every program to every program: what is published over each way is what is recorded over each",
  ignore: ignoreWithout("ffmpeg", "rtmpdump", "mpv", "cvlc"),
  async fn(test) {
    await using folder = new TemporaryFolder();
    await Deno.chmod(folder.path, 0o777);
    const asked = new Map<string, number>();
    await using weir = await TestServer.start({
      rtsp: LOCAL,
      rtp: LOCAL,
      hub: { lingerMs: 300, maxLagMs: 60_000 },
      timing: { playWaitMs: 30_000, describeWaitMs: 30_000, closeMs: 300 },
      hooks: { onPlay: ({ name }) => void asked.set(name, (asked.get(name) ?? 0) + 1) },
    });
    const rtsp = weir.server.addresses.find(({ protocol }) => protocol === "rtsp")!.port;
    const urlOf = (way: Way, name: string) =>
      way === "RTMP" ? `${weir.url}/${name}` : `rtsp://127.0.0.1:${rtsp}/${name}`;
    const current = await currentFfmpeg();
    const publishers = [
      ...ffmpegPublishers("ffmpeg", "FFmpeg 5", false),
      ...(current === undefined ? [] : ffmpegPublishers(current, "FFmpeg current", true)),
    ];
    const players = [
      ...ffmpegPlayers("ffmpeg", "FFmpeg 5", false),
      ...(current === undefined ? [] : ffmpegPlayers(current, "FFmpeg current", true)),
      ...[...MPV, RTMPDUMP, VLC],
    ];
    const lines: string[] = [];
    const notTried = new Set<string>();
    if (current === undefined) notTried.add("FFmpeg current: Python has no imageio-ffmpeg");
    let number = 0;
    for (const codecs of COMBINATIONS) {
      const label = `${codecs.video}, ${codecs.audio}`;
      const source = `${folder.path}/${codecs.video}-${codecs.audio}.mkv`;
      await makeSource(source, current ?? "ffmpeg", codecs);
      const expected = await decode(source, codecs);
      for (const publisher of publishers) {
        const cannotPublish = publisher.whyNot(codecs);
        if (cannotPublish !== undefined) {
          notTried.add(
            `${publisher.name} publishes no ${label} over ${publisher.way}: ${cannotPublish}`,
          );
          continue;
        }
        const able = players.filter((player) => {
          const why = player.whyNot(codecs);
          if (why !== undefined) {
            notTried.add(`${player.name} plays no ${label} over ${player.way}: ${why}`);
          }
          return why === undefined;
        });
        await test.step(`${label}: ${publisher.name} ${publisher.way}`, async () => {
          const name = `live/${++number}`;
          const paths = able.map((_, index) => `${folder.path}/${number}-${index}.mkv`);
          const playing = able.map((player, index) =>
            player.start({ url: urlOf(player.way, name), path: paths[index]!, codecs })
          );
          try {
            await until(() => (asked.get(name) ?? 0) >= able.length);
            await using publishing = publisher.start({
              url: urlOf(publisher.way, name),
              path: source,
              codecs,
            });
            const { code, stderr } = await publishing.ended;
            assertEquals(code, 0, stderr);
            await Promise.all(playing.map(({ ended }) => ended));
            const failures: string[] = [];
            for (const [index, player] of able.entries()) {
              const cell = compare(await decode(paths[index]!, codecs), expected, {
                isUdp: [publisher.way, player.way].includes("RTSP UDP"),
                isPart: player === VLC,
              });
              lines.push(
                `| ${label} | ${publisher.name} ${publisher.way} | ${player.name} ${player.way} | ${cell.text} |`,
              );
              failures.push(...cell.failures.map((one) => `${player.name} ${player.way}: ${one}`));
            }
            assertEquals(failures, []);
          } finally {
            for (const player of playing) await player[Symbol.asyncDispose]();
          }
        });
      }
    }
    console.log(`\n| codecs | publisher | player | came |\n|---|---|---|---|\n${lines.join("\n")}`);
    console.log(`\nNot tried:\n${[...notTried].map((line) => `- ${line}`).join("\n")}`);
  },
});
