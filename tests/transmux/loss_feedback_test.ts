/** What a publisher over UDP is asked for when packets of it are lost, and what it leaves behind at its end. */
import { assertEquals } from "@std/assert";
import type { MediaUnit } from "../../src/media/mod.ts";
import { buildRtcp, buildRtpPacket, genericNack } from "../../src/rtp/mod.ts";
import { parseSdp } from "../../src/sdp/mod.ts";
import { RtpSessionIngest, tracksOfSdp } from "../../src/transmux/mod.ts";

/** An ingest of H.264 with these `a=rtcp-fb` lines; source 0x01020304, the server is 0x0a0b0c0d. */
function publisher(...feedback: string[]) {
  const units: MediaUnit[] = [];
  const sink = { write: (unit: MediaUnit) => units.push(unit) > 0, commit: () => {} };
  const lines = feedback.map((line) => `a=rtcp-fb:${line}\n`).join("");
  const sdp = `v=0\ns=x\nm=video 0 RTP/AVPF 96\na=rtpmap:96 H264/90000\n${lines}`;
  const tracks = tracksOfSdp(parseSdp(sdp));
  const ingest = new RtpSessionIngest(sink, {
    ...{ tracks, ordered: false, ssrc: 0x0a0b0c0d, nowMs: 0 },
  });
  const send = (sequenceNumber: number, nowMs: number): void =>
    ingest.take(
      buildRtpPacket({
        ...{ payloadType: 96, sequenceNumber, timestamp: sequenceNumber * 3600, ssrc: 0x01020304 },
        marker: true,
        payload: new Uint8Array([sequenceNumber === 0 ? 0x65 : 0x41, 0x88]),
      }),
      { index: 0, rtcp: false, nowMs },
    );
  const hex = (requests: readonly { readonly packet: Uint8Array }[]): string[] =>
    requests.map(({ packet }) => packet.toHex());
  return { ingest, send, units, hex };
}

const REPORT = "80c900010a0b0c0d";

Deno.test("packets that others wait for are asked for again at once, and once more after a while (RFC 4585, 6.2.1)", () => {
  const { ingest, send, hex } = publisher("* nack");
  send(0, 0);
  assertEquals(ingest.takeRequests(0), []);
  send(3, 10);
  send(5, 10);
  // 1, 2 and 4: the first, and bits for the next and the third behind it.
  const nack = `${REPORT}81cd00030a0b0c0d0102030400010005`;
  assertEquals(hex(ingest.takeRequests(10)), [nack]);
  assertEquals(ingest.takeRequests(109), []);
  send(2, 110);
  assertEquals(hex(ingest.takeRequests(110)), [`${REPORT}81cd00030a0b0c0d0102030400010004`]);
  send(1, 120);
  send(4, 130);
  assertEquals(ingest.takeRequests(400), []);
  assertEquals(ingest.statistics.lost, 0);
});

Deno.test("a key frame is asked for when packets are given up, at most each second (RFC 4585, 6.3.1)", () => {
  const { ingest, send, hex } = publisher("96 nack pli", "97 nack", "96 ccm fir");
  send(0, 0);
  send(2, 40);
  assertEquals(ingest.takeRequests(40), []);
  assertEquals(hex(ingest.tick(240)), [`${REPORT}81ce00020a0b0c0d01020304`]);
  send(4, 300);
  assertEquals(ingest.tick(500), []);
  assertEquals(hex(ingest.tick(1240)), [`${REPORT}81ce00020a0b0c0d01020304`]);
  assertEquals(ingest.tick(5000), []);
});

Deno.test("a publisher that knows full intra requests alone is sent those, each with its number (RFC 5104, 4.3.1)", () => {
  const { ingest, send, hex } = publisher("96 ccm fir");
  const fir = (number: string) => `${REPORT}84ce00040a0b0c0d0000000001020304${number}000000`;
  send(0, 0);
  send(2, 40);
  assertEquals(hex(ingest.tick(240)), [fir("00")]);
  send(4, 2000);
  assertEquals(hex(ingest.tick(2200)), [fir("01")]);
});

Deno.test("a publisher whose description allows no feedback is asked for nothing", () => {
  const { ingest, send } = publisher("97 nack pli", "97 nack");
  send(0, 0);
  send(2, 40);
  assertEquals(ingest.takeRequests(40), []);
  assertEquals(ingest.tick(240), []);
});

Deno.test("a NACK spans 17 numbers an entry, over the wrap too", () => {
  const packet = genericNack({ ssrc: 1, mediaSsrc: 2 }, [0xffff, 0, 15, 16]);
  assertEquals(
    buildRtcp([packet]).toHex(),
    "81cd00040000000100000002" + "ffff8001" + "00100000",
  );
});

Deno.test("the last packets of a publisher that ends are not lost because one before them is", () => {
  const { ingest, send, units } = publisher();
  for (const number of [0, 1, 3, 4]) send(number, number * 40);
  const media = () => units.filter(({ role }) => role === "media").length;
  assertEquals(media(), 2);
  ingest.end();
  assertEquals(media(), 4);
});
