/**
 * Another server in between: what FFmpeg publishes goes through lal to weir, or through weir to lal, by each one's
 * pulls and pushes, and what players of the last one record is compared frame by frame with the source.
 *
 * lal is built with Go from its module, where that can be downloaded.
 */
import { assertEquals } from "@std/assert";
import { freePort } from "../support/free_port.ts";
import { lalConfiguration, type LalPorts, type LalRelay } from "../support/lal.ts";
import {
  type Codecs,
  compare,
  currentFfmpeg,
  decode,
  ffmpegPlayers,
  ffmpegPublishers,
  makeSource,
  type Way,
} from "../support/media_matrix.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, ROOT, run, RunningProcess } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** What has not come for so long does not come any more. */
const QUIET_MS = 1000;

const COMBINATIONS: readonly Codecs[] = [
  { video: "h264", audio: "aac" },
  { video: "h264", audio: "pcm_mulaw" },
  { video: "hevc", audio: "aac" },
];

/** A server that takes and gives streams. */
interface Side {
  readonly urlOf: (way: Way, name: string) => string;
  /** How many players of a stream are there. */
  readonly players: (name: string) => Promise<number>;
  /** A count that grows with what comes of a stream; -1 once it has ended. */
  readonly received: (name: string) => Promise<number>;
}

/** How a stream gets from one server to the other. */
interface Passage {
  readonly title: string;
  readonly from: "lal" | "weir";
  /** How lal is told, by the address of weir's RTMP. */
  readonly lal?: (weir: string) => LalRelay;
  /** How weir is told, by the way that its relay takes. */
  readonly weir?: "pull" | "push";
  readonly ways: readonly Way[];
  /** Pictures at the end that lal does not pass on. */
  readonly mayKeep?: number;
}

const PASSAGES: readonly Passage[] = [
  { title: "weir pulls from lal", from: "lal", weir: "pull", ways: ["RTMP", "RTSP TCP"] },
  { title: "weir pushes to lal", from: "weir", weir: "push", ways: ["RTMP", "RTSP TCP"] },
  {
    title: "lal pushes to weir",
    from: "lal",
    lal: (pushTo) => ({ pushTo }),
    ways: ["RTMP"],
    // It closes what it pushes by when its publisher ends, with what it has not written yet: 1 to 4 pictures here.
    mayKeep: 10,
  },
  { title: "lal pulls from weir", from: "weir", lal: (pullFrom) => ({ pullFrom }), ways: ["RTMP"] },
];

/** What lal's API tells of a stream, as far as it matters here. */
interface LalGroup {
  readonly subs?: readonly unknown[];
  readonly pub?: LalSession;
  readonly pull?: LalSession;
}

interface LalSession {
  readonly session_id?: string;
  readonly read_bytes_sum?: number;
}

/** lal's server, built into a folder; `undefined` where its module cannot be downloaded. */
async function buildLal(folder: string): Promise<string | undefined> {
  const program = `${folder}/lalserver`;
  const { code, stderr } = await run("go", [
    ...["build", "-o", program, "github.com/q191201771/lal/app/lalserver"],
  ], { cwd: `${ROOT}tests/server/lal`, limitMs: 300_000 });
  if (/dial tcp|no such host|Forbidden/.test(stderr)) return undefined;
  assertEquals(code, 0, stderr);
  return program;
}

async function listens(port: number): Promise<void> {
  const end = performance.now() + 10_000;
  for (;;) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function startLal(
  program: string,
  folder: string,
  relay: LalRelay,
): Promise<{ readonly process: RunningProcess; readonly side: Side }> {
  const ports: Required<LalPorts> = {
    port: freePort(),
    rtspPort: freePort(),
    httpPort: freePort(),
    apiPort: freePort(),
  };
  const file = `${folder}/lal-${ports.port}.json`;
  await Deno.writeTextFile(file, lalConfiguration(ports, relay));
  const process = new RunningProcess(program, ["-c", file], { limitMs: 120_000, cwd: folder });
  await listens(ports.rtspPort);
  await listens(ports.apiPort);
  const urlOf = (way: Way, name: string) =>
    way === "RTMP"
      ? `rtmp://127.0.0.1:${ports.port}/${name}`
      : `rtsp://127.0.0.1:${ports.rtspPort}/${name}`;
  const group = async (name: string): Promise<LalGroup | undefined> => {
    const stream = name.slice(name.indexOf("/") + 1);
    const url = `http://127.0.0.1:${ports.apiPort}/api/stat/group?stream_name=${stream}`;
    return (await (await fetch(url)).json()).data;
  };
  const players = async (name: string) => (await group(name))?.subs?.length ?? 0;
  const received = async (name: string): Promise<number> => {
    const { pub, pull } = await group(name) ?? {};
    const source = [pub, pull].find((session) => (session?.session_id ?? "") !== "");
    return source?.read_bytes_sum ?? -1;
  };
  return { process, side: { urlOf, players, received } };
}

/** Both servers with the passage between them. */
class Pair implements AsyncDisposable {
  readonly from: Side;
  readonly to: Side;
  readonly #servers: readonly AsyncDisposable[];

  private constructor(from: Side, to: Side, servers: readonly AsyncDisposable[]) {
    this.from = from;
    this.to = to;
    this.#servers = servers;
  }

  static async open(
    program: string,
    folder: string,
    { passage, way }: { readonly passage: Passage; readonly way: Way },
  ): Promise<Pair> {
    const asked = new Map<string, number>();
    const weir = await TestServer.start({
      rtsp: LOCAL,
      rtp: LOCAL,
      hub: { lingerMs: 300, maxLagMs: 60_000 },
      timing: { playWaitMs: 30_000, describeWaitMs: 30_000, closeMs: 300 },
      hooks: { onPlay: ({ name }) => void asked.set(name, (asked.get(name) ?? 0) + 1) },
    });
    const rtsp = weir.server.addresses.find(({ protocol }) => protocol === "rtsp")!.port;
    const weirSide: Side = {
      urlOf: (by, name) =>
        by === "RTMP" ? `${weir.url}/${name}` : `rtsp://127.0.0.1:${rtsp}/${name}`,
      players: (name) => Promise.resolve(asked.get(name) ?? 0),
      received: (name) => {
        const stream = weir.server.snapshot().streams.find((one) => one.name === name);
        return Promise.resolve(stream?.publisher?.bytes ?? -1);
      },
    };
    const relay = passage.lal?.(`127.0.0.1:${weir.port}`) ?? {};
    const lal = await startLal(program, folder, relay);
    if (passage.weir !== undefined) {
      await weir.server.addRelay({
        mode: passage.weir,
        name: "live/*",
        url: lal.side.urlOf(way, "live/*"),
        retryMs: 100,
        maxRetryMs: 200,
        ...way === "RTSP TCP" ? { transport: "tcp" } : {},
      });
    }
    const [from, to] = passage.from === "lal" ? [lal.side, weirSide] : [weirSide, lal.side];
    return new Pair(from, to, [lal.process, weir]);
  }

  /**
   * Ends what is between the servers once nothing comes any more: lal keeps those who pull when their publisher has
   * gone, in case that it comes back.
   */
  async end(name: string): Promise<void> {
    let before = NaN;
    let sinceMs = performance.now();
    while (performance.now() < sinceMs + QUIET_MS) {
      const now = await this.to.received(name);
      if (now === -1) break;
      if (now !== before) sinceMs = performance.now();
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.#servers[0]![Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
  }
}

/** Resolves once a player for each is there, or rejects after 20 s. */
async function untilPlayers(side: Side, name: string, count: number): Promise<void> {
  const end = performance.now() + 20_000;
  while (await side.players(name) < count) {
    if (performance.now() > end) throw new Error(`${await side.players(name)} of ${count} players`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test({
  name: "through lal and weir, by the pulls and pushes of both, comes what was published",
  ignore: ignoreWithout("ffmpeg", "go"),
  async fn(test) {
    await using folder = new TemporaryFolder();
    const lal = await buildLal(folder.path);
    if (lal === undefined) return console.log("Skipped, since lal cannot be downloaded here");
    const current = await currentFfmpeg();
    const [publisher] = ffmpegPublishers(current ?? "ffmpeg", "FFmpeg", true);
    const all = ffmpegPlayers(current ?? "ffmpeg", "FFmpeg", true);
    const lines: string[] = [];
    for (const codecs of COMBINATIONS) {
      const source = `${folder.path}/${codecs.video}-${codecs.audio}.mkv`;
      await makeSource(source, current ?? "ffmpeg", { ...codecs, keyInterval: 25 });
      const expected = await decode(source, codecs);
      for (const passage of PASSAGES) {
        // At lal, players of RTSP must come after the publisher.
        const players = passage.from === "lal" ? all : all.filter(({ way }) => way === "RTMP");
        for (const way of passage.ways) {
          // lal gives players of RTSP no group of pictures: they begin with the next.
          const isPart = passage.from === "lal" && way === "RTSP TCP";
          // Samples are compared 160 at a time from the first, which a part has not.
          if (isPart && codecs.audio.startsWith("pcm_")) continue;
          const label = `${codecs.video}, ${codecs.audio}: ${passage.title} by ${way}`;
          await test.step(label, async () => {
            await using pair = await Pair.open(lal, folder.path, { passage, way });
            const name = "live/cam";
            const paths = players.map((_, index) => `${folder.path}/${lines.length}-${index}.mkv`);
            const playing = players.map((player, index) =>
              player.start({ url: pair.to.urlOf(player.way, name), path: paths[index]!, codecs })
            );
            try {
              await untilPlayers(pair.to, name, players.length);
              await using publishing = publisher!.start({
                url: pair.from.urlOf("RTMP", name),
                path: source,
                codecs,
              });
              const { code, stderr } = await publishing.ended;
              assertEquals(code, 0, stderr);
              await pair.end(name);
              await Promise.all(playing.map(({ ended }) => ended));
              const failures: string[] = [];
              for (const [index, player] of players.entries()) {
                const cell = compare(await decode(paths[index]!, codecs), expected, {
                  isUdp: player.way === "RTSP UDP",
                  isPart,
                  mayKeep: passage.mayKeep ?? 0,
                });
                lines.push(`| ${label} | ${player.way} | ${cell.text} |`);
                failures.push(...cell.failures.map((one) => `${player.way}: ${one}`));
              }
              assertEquals(failures, []);
            } finally {
              for (const player of playing) await player[Symbol.asyncDispose]();
            }
          });
        }
      }
    }
    console.log(`\n| through | player | came |\n|---|---|---|\n${lines.join("\n")}`);
  },
});
