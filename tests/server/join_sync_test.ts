/**
 * How far sound and picture are apart for RTSP players that join in the middle of a group, and get what there is of
 * it at once.
 */
import { assert, assertEquals } from "@std/assert";
import { parseRtcp, parseRtpPacket } from "../../src/rtp/mod.ts";
import { gdpBuffers } from "../support/gdp.ts";
import { ffmpeg, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import {
  decodeFile,
  gstreamer,
  makeSource,
  PLAYERS,
  type Source,
} from "../support/real_clients.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** The group has 3 s; players join so far behind its key frame. */
const JOIN_US = 1_800_000;
const SECONDS = 7;

const MOST_OFFSET_MS = 40;

/**
 * GStreamer takes a burst for a sender whose clock runs fast, and learns how fast from packet to packet, of each track
 * by itself, until it has seen 2 s of it: what it shows in its first half second is closer together than it was, and
 * off by as much as it learns faster of one track than of the other (100 to 350 ms). From then on all is in place.
 */
const GSTREAMER_SETTLED_MS = 1000;

/** A busy machine stops now and then, which GStreamer takes for a change of the network. */
const MOST_FRAMES_OFF = 0.05;

/** What RTP times of one source stand for. */
interface Mapping {
  readonly video: boolean;
  readonly clockRate: number;
  readonly rtpTime: number;
  readonly unixMs: number;
}

/** A player that is there from the start: it learns what the RTP times of each source stand for. */
class Witness implements Disposable {
  readonly mappings = new Map<number, Mapping>();
  readonly #peer: RtspPeer;
  readonly ended: Promise<void>;

  private constructor(peer: RtspPeer) {
    this.#peer = peer;
    this.ended = this.#read().catch(() => {});
  }

  static async start(url: string): Promise<Witness> {
    const peer = await RtspPeer.dial(Number(new URL(url.replace("rtsp:", "http:")).port));
    let session: Record<string, string> = {};
    for (const track of [0, 1]) {
      const transport = `RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1}`;
      const answer = await peer.request("SETUP", {
        url: `${url}/trackID=${track}`,
        headers: { ...session, Transport: transport },
      });
      assertEquals(answer.status, 200);
      session = { Session: answer.headers.get("Session")!.split(";")[0]! };
    }
    await peer.request("PLAY", { url, headers: session });
    return new Witness(peer);
  }

  async #read(): Promise<void> {
    for (;;) {
      const { channel, payload } = await this.#peer.nextFrame();
      if (channel % 2 === 0) continue;
      const [report] = parseRtcp(payload);
      if (report?.type !== "sender-report" || this.mappings.has(report.ssrc)) continue;
      const { ntp, rtpTimestamp: rtpTime } = report;
      this.mappings.set(report.ssrc, {
        video: channel === 1,
        clockRate: channel === 1 ? 90_000 : 44_100,
        rtpTime,
        unixMs: (ntp.seconds + ntp.fraction / 2 ** 32) * 1000,
      });
    }
  }

  [Symbol.dispose](): void {
    this.#peer[Symbol.dispose]();
  }
}

/** A frame that was shown, and when it should be beside all others. */
interface Shown {
  readonly ptsMs: number;
  readonly trueMs: number;
}

/** For each picture how much later than the nearest sound it was shown, milliseconds. */
function offsets(video: readonly Shown[], audio: readonly Shown[]): number[] {
  return video.map(({ ptsMs, trueMs }) => {
    const distance = (sound: Shown) => Math.abs(sound.trueMs - trueMs);
    const near = audio.reduce((best, sound) => distance(sound) < distance(best) ? sound : best);
    return ptsMs - trueMs - (near.ptsMs - near.trueMs);
  });
}

/** Fails where more than some frames are off. */
function assertInSync(video: readonly Shown[], audio: readonly Shown[], who: string): void {
  assert(video.length > 25 && audio.length > 5, `${who}: ${video.length}, ${audio.length} frames`);
  const off = offsets(video, audio).map(Math.round);
  const wrong = off.filter((offset) => Math.abs(offset) > MOST_OFFSET_MS);
  assert(wrong.length <= off.length * MOST_FRAMES_OFF, `${who}: ${off}`);
}

async function joinByGstreamer(
  url: string,
  options: { readonly transport: string; readonly folder: string; readonly witness: Witness },
): Promise<void> {
  const { transport, folder, witness } = options;
  const files = ["a", "b"].map((name) => `${folder}/${transport}-${name}.gdp`);
  const sinks = files.flatMap((
    file,
  ) => ["in.", "!", "gdppay", "!", "filesink", `location=${file}`]);
  const source = ["rtspsrc", `location=${url}`, `protocols=${transport}`, "latency=200", "name=in"];
  await using player = gstreamer(...source, ...sinks);
  await player.ended;
  const video: Shown[] = [];
  const audio: Shown[] = [];
  for (const file of files) {
    for (const { ptsMs, data } of gdpBuffers(await Deno.readFile(file))) {
      const { ssrc, timestamp } = parseRtpPacket(data);
      const { clockRate, rtpTime, unixMs, video: isVideo } = witness.mappings.get(ssrc)!;
      const trueMs = unixMs + (timestamp - rtpTime | 0) / clockRate * 1000;
      (isVideo ? video : audio).push({ ptsMs, trueMs });
    }
  }
  const settledMs = GSTREAMER_SETTLED_MS + Math.min(...video.map(({ ptsMs }) => ptsMs));
  // At its end the publisher sends what it has at once.
  const lastMs = Math.max(...video.map(({ trueMs }) => trueMs)) - 1000;
  const isSettled = ({ ptsMs, trueMs }: Shown) => ptsMs >= settledMs && trueMs <= lastMs;
  assertInSync(video.filter(isSettled), audio.filter(isSettled), `GStreamer ${transport}`);
}

async function joinByFfmpeg(
  url: string,
  options: { readonly transport: "TCP" | "UDP"; readonly folder: string; readonly source: Source },
): Promise<void> {
  const { transport, folder, source } = options;
  const [rtsp, name] = [new URL(url).origin, "live/cam"];
  const target = { rtsp: url.slice(0, url.indexOf("/live")), rtmp: rtsp, name, folder };
  const came = await PLAYERS[`ffmpeg RTSP ${transport}`](target, source);
  const expected = await decodeFile(source.path, source);
  const shown = (kind: "video" | "audio"): Shown[] => {
    const times = new Map(expected[kind].map(({ hash, ptsMs }) => [hash, ptsMs]));
    return came[kind].flatMap(({ hash, ptsMs }) => {
      const trueMs = times.get(hash);
      return trueMs === undefined ? [] : [{ ptsMs, trueMs }];
    });
  };
  assertInSync(shown("video"), shown("audio"), `ffmpeg ${transport}`);
}

async function joinStream(published: "RTMP" | "RTSP"): Promise<void> {
  await using folder = new TemporaryFolder();
  await using weir = await TestServer.start({
    rtsp: LOCAL,
    rtp: LOCAL,
    hub: { lingerMs: 300 },
  });
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "rtsp")!;
  const url = `rtsp://127.0.0.1:${port}/live/cam`;
  const path = `${folder.path}/source.flv`;
  const bFrames = published === "RTMP" ? 2 : 0;
  const source = await makeSource(path, {
    video: "h264",
    audio: "aac",
    seconds: SECONDS,
    bFrames,
  });
  const output = published === "RTMP"
    ? ["-f", "flv", `${weir.url}/live/cam`]
    // As cameras do, it sends no more than two frames of sound in a packet.
    : ["-f", "rtsp", "-rtsp_transport", "tcp", "-max_delay", "50000", url];
  await using publisher = ffmpeg(["-re", "-i", path, "-c", "copy", ...output]);
  await until(() => weir.server.hub.get("live/cam")?.isLive === true);
  const stream = weir.server.hub.get("live/cam")!;
  let keyUs = Infinity;
  const untap = stream.tap((unit, isStart) => {
    if (isStart) keyUs = unit.dtsUs;
  });
  using witness = await Witness.start(url);
  await until(() => (stream.lastDtsUs ?? 0) - keyUs >= JOIN_US);
  untap();
  const options = { folder: folder.path, witness, source };
  const joins = await Promise.allSettled([
    joinByGstreamer(url, { ...options, transport: "tcp" }),
    joinByGstreamer(url, { ...options, transport: "udp" }),
    joinByFfmpeg(url, { ...options, transport: "TCP" }),
    joinByFfmpeg(url, { ...options, transport: "UDP" }),
  ]);
  await witness.ended;
  assertEquals((await publisher.ended).code, 0);
  for (const join of joins) if (join.status === "rejected") throw join.reason;
}

Deno.test({
  name: "who joins a stream has sound and picture in sync from its first second on",
  ignore: ignoreWithout("ffmpeg", "gst-launch-1.0"),
  async fn() {
    const joins = await Promise.allSettled([joinStream("RTMP"), joinStream("RTSP")]);
    for (const join of joins) if (join.status === "rejected") throw join.reason;
  },
});
