/** The last picture of a publisher whose pictures nothing ends: no marker, and no picture behind it. */
import { assertEquals } from "@std/assert";
import type { MediaUnit } from "../../../src/media/mod.ts";
import { buildRtpPacket } from "../../../src/rtp/mod.ts";
import { parseSdp } from "../../../src/sdp/mod.ts";
import { RtpSessionIngest, tracksOfSdp } from "../../../src/transmux/mod.ts";

/** An ingest that has taken two pictures without marker at 1 s, and the times of what it has written. */
function twoPictures(): { ingest: RtpSessionIngest; times: () => number[] } {
  const units: MediaUnit[] = [];
  const sink = { write: (unit: MediaUnit) => units.push(unit) > 0, commit: () => {} };
  const sdp = "v=0\ns=x\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
  const tracks = tracksOfSdp(parseSdp(sdp));
  const ingest = new RtpSessionIngest(sink, { tracks, ordered: true, ssrc: 9, nowMs: 0 });
  for (const sequenceNumber of [0, 1]) {
    const bytes = buildRtpPacket({
      ...{ payloadType: 96, sequenceNumber, timestamp: sequenceNumber * 3600, ssrc: 1 },
      payload: new Uint8Array([sequenceNumber === 0 ? 0x65 : 0x41, 0x88]),
    });
    ingest.take(bytes, { index: 0, rtcp: false, nowMs: 1000 });
  }
  const media = () => units.filter(({ role }) => role === "media");
  return { ingest, times: () => media().map(({ ptsUs }, _, [first]) => ptsUs - first!.ptsUs) };
}

Deno.test("the last picture without marker comes when the publication ends", () => {
  const { ingest, times } = twoPictures();
  assertEquals(times(), [0]);
  ingest.end();
  assertEquals(times(), [0, 40_000]);
});

Deno.test("the last picture without marker comes when nothing has come behind it for a while", () => {
  const { ingest, times } = twoPictures();
  ingest.tick(1199);
  assertEquals(times(), [0]);
  ingest.tick(1200);
  assertEquals(times(), [0, 40_000]);
});
