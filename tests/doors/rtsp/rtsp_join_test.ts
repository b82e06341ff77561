/** What a player that joins in the middle of a group is told, so that it can place what comes at once. */
import { assert, assertEquals } from "@std/assert";
import type { MediaUnit, Publication, Track } from "../../../src/hub/mod.ts";
import { parseRtcp, parseRtpPacket, type SenderReport } from "../../../src/rtp/mod.ts";
import { parseRtpInfo } from "../../../src/rtsp/mod.ts";
import { RtspPeer } from "../../support/rtsp_peer.ts";
import { TestServer } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TRACKS: readonly Track[] = [
  { kind: "video", id: 0, codec: "h264", config: undefined },
  { kind: "audio", id: 0, codec: "pcmu", config: undefined, sampleRate: 8000, channels: 1 },
];

function send(
  publication: Publication,
  kind: "video" | "audio",
  of: { readonly dtsMs: number; readonly ptsMs?: number; readonly key?: boolean; size?: number },
): void {
  const { dtsMs, ptsMs = dtsMs, key = false, size = 160 } = of;
  const data = new Uint8Array(size).fill(0x55);
  if (kind === "video") data[4] = key ? 0x65 : 0x41;
  if (kind === "video") new DataView(data.buffer).setUint32(0, size - 4);
  const unit: MediaUnit = {
    kind,
    role: "media",
    track: 0,
    dtsUs: dtsMs * 1000,
    ptsUs: ptsMs * 1000,
    keyFrame: key || kind === "audio",
    discardable: false,
    payload: { format: "access-unit", data },
  };
  publication.write(unit);
}

/** Joins, and reads until each track has come. */
async function join(weir: TestServer, trackCount: number) {
  const peer = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  let session: Record<string, string> = {};
  for (let track = 0; track < trackCount; track++) {
    const transport = `RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1}`;
    const { status, headers } = await peer.request("SETUP", {
      url: `${url}/trackID=${track}`,
      headers: { ...session, Transport: transport },
    });
    assertEquals(status, 200);
    session = { Session: headers.get("Session")!.split(";")[0]! };
  }
  const played = await peer.request("PLAY", { url, headers: session });
  const info = parseRtpInfo(played.headers.get("RTP-Info") ?? "");
  return { peer, info };
}

/** The reports on each track before its first packet, and that packet. */
async function beginning({ peer }: { readonly peer: RtspPeer }, trackCount: number) {
  const reports: SenderReport[][] = Array.from({ length: trackCount }, () => []);
  const packets = new Map<number, ReturnType<typeof parseRtpPacket>>();
  while (packets.size < trackCount) {
    const { channel, payload } = await peer.nextFrame();
    const track = channel >> 1;
    if (packets.has(track)) continue;
    if (channel % 2 === 0) packets.set(track, parseRtpPacket(payload));
    else {
      const [report] = parseRtcp(payload);
      assert(report?.type === "sender-report");
      reports[track]!.push(report);
    }
  }
  return { reports, packets };
}

const RATES = [90_000, 8000];

/** Seconds of the wall clock that a track's RTP time stands for, by one of its reports. */
function wallTime({ ntp, rtpTimestamp }: SenderReport, rtpTime: number, track: number): number {
  return ntp.seconds + ntp.fraction / 2 ** 32 + (rtpTime - rtpTimestamp | 0) / RATES[track]!;
}

Deno.test("a join is told where each track begins, in one time, with a report for its first packet (R084, R091)", async () => {
  await using weir = await TestServer.start({ rtmp: false, rtsp: LOCAL, rtp: LOCAL });
  const publication = weir.server.hub.acquire("live/cam", { tracks: TRACKS });
  // Somebody reads from the start, so that the log is larger than its first segment of 64 KiB.
  const first = await join(weir, 2);
  send(publication, "video", { dtsMs: 0, ptsMs: 80, key: true, size: 1000 });
  send(publication, "audio", { dtsMs: 10 });
  send(publication, "video", { dtsMs: 3000, ptsMs: 3080, key: true, size: 90_000 });
  // The sound of the group is behind the end of a segment, and after the picture's time.
  send(publication, "video", { dtsMs: 3040, size: 60_000 });
  for (let ms = 3100; ms < 5000; ms += 20) send(publication, "audio", { dtsMs: ms });
  publication.commit();

  const late = await join(weir, 2);
  const { reports, packets } = await beginning(late, 2);
  assertEquals(late.info.length, 2);
  const times = late.info.map(({ rtpTime }, track) =>
    wallTime(reports[track]!.at(-1)!, rtpTime!, track)
  );
  assert(Math.abs(times[0]! - times[1]!) < 0.001, "RTP-Info tells one moment for all tracks");
  for (const track of [0, 1]) {
    const packet = packets.get(track)!;
    assertEquals(late.info[track]!.sequence, packet.sequenceNumber, `track ${track}`);
    assertEquals(reports[track]!.at(-1)!.rtpTimestamp, packet.timestamp, `track ${track}`);
    // No report disagrees with another.
    const [one, ...others] = reports[track]!.map((report) =>
      wallTime(report, packet.timestamp, track)
    );
    for (const other of others) assert(Math.abs(one! - other) < 0.001);
  }
  // The picture is shown at 3.08 s, and the first sound belongs to 3.1 s.
  const shown = [0, 1].map((track) =>
    wallTime(reports[track]!.at(-1)!, packets.get(track)!.timestamp, track)
  );
  assert(Math.abs(shown[1]! - shown[0]! - 0.02) < 0.001);
  assertEquals(late.info[0]!.rtpTime, packets.get(0)!.timestamp);
  // What was there is sent with no report in it, and what comes from now on has them again.
  const last = packets.get(1)!.timestamp + (4980 - 3100) * 8;
  for (let time = 0; time !== last;) {
    const { channel, payload } = await late.peer.nextFrame();
    assertEquals(channel % 2, 0);
    if (channel === 2) time = parseRtpPacket(payload).timestamp;
  }
  send(publication, "audio", { dtsMs: 5400 });
  publication.commit();
  const live = [];
  for (let count = 0; count < 3; count++) live.push((await late.peer.nextFrame()).channel);
  assertEquals(live, [1, 3, 2]);
  first.peer[Symbol.dispose]();
  late.peer[Symbol.dispose]();
  publication.release();
});

Deno.test("a join that waits for a key frame is not told the number of a packet that it will not get (R084)", async () => {
  await using weir = await TestServer.start({ rtmp: false, rtsp: LOCAL, rtp: LOCAL });
  const publication = weir.server.hub.acquire("live/cam", { tracks: TRACKS });
  const { peer, info } = await join(weir, 2);
  assertEquals(info, []);
  send(publication, "video", { dtsMs: 0 });
  send(publication, "video", { dtsMs: 40, key: true });
  publication.commit();
  const { payload } = await (async () => {
    for (;;) {
      const frame = await peer.nextFrame();
      if (frame.channel === 0) return frame;
    }
  })();
  assertEquals(parseRtpPacket(payload).payload[0], 0x65);
  peer[Symbol.dispose]();
  publication.release();
});
