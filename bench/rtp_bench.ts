/** RTP: parse, build, rewrite, reorder, and H.264 in both directions. `deno bench bench/rtp_bench.ts` */
import {
  buildRtcp,
  buildRtpPacket,
  H264Depacketizer,
  H264Packetizer,
  parseRtcp,
  parseRtpPacket,
  rewriteRtp,
  RtpReceiver,
  RtpSender,
  rtpSequenceNumber,
} from "../src/rtp/mod.ts";

const PACKETS = 1000;

const datagrams = Array.from({ length: PACKETS }, (_, i) =>
  buildRtpPacket({
    payloadType: 96,
    sequenceNumber: i,
    timestamp: i * 3000,
    ssrc: 1,
    payload: new Uint8Array(1400).fill(0x41),
  }));
const packets = datagrams.map((bytes) => parseRtpPacket(bytes));
const target = new Uint8Array(PACKETS * 1500);

Deno.bench(`parse ${PACKETS} packets of 1412 bytes`, { group: "packet" }, () => {
  for (const bytes of datagrams) parseRtpPacket(bytes);
});

Deno.bench(`read ${PACKETS} sequence numbers`, { group: "packet" }, () => {
  let sum = 0;
  for (const bytes of datagrams) sum += rtpSequenceNumber(bytes);
  if (sum === 0) throw new Error("nothing was read");
});

Deno.bench(`build ${PACKETS} packets of 1412 bytes`, { group: "packet" }, () => {
  for (const packet of packets) {
    buildRtpPacket({
      payloadType: 96,
      sequenceNumber: packet.sequenceNumber,
      timestamp: packet.timestamp,
      ssrc: 2,
      payload: packet.payload,
    });
  }
});

Deno.bench(`write ${PACKETS} packets of 1412 bytes into a log`, { group: "packet" }, () => {
  const sender = new RtpSender({ ssrc: 2, payloadType: 96, clockRate: 90000, sequenceNumber: 0 });
  let at = 0;
  for (const packet of packets) at += sender.write(packet, target, { at });
});

Deno.bench(`rewrite ${PACKETS} packets of 1412 bytes into a log`, { group: "packet" }, () => {
  let at = 0;
  for (const bytes of datagrams) {
    const sequenceNumber = at;
    at += rewriteRtp(bytes, target, { at, ssrc: 2, sequenceNumber, timestampOffset: 90000 });
  }
});

Deno.bench(`receive ${PACKETS} packets in order`, { group: "receiver" }, () => {
  const receiver = new RtpReceiver({ clockRate: 90000 });
  for (const packet of packets) receiver.push(packet, packet.sequenceNumber);
});

Deno.bench(`receive ${PACKETS} packets, neighbours swapped`, { group: "receiver" }, () => {
  const receiver = new RtpReceiver({ clockRate: 90000 });
  receiver.push(packets[0]!, 0);
  for (let i = 2; i < PACKETS; i += 2) {
    receiver.push(packets[i]!, i);
    receiver.push(packets[i - 1]!, i);
  }
});

// One second of 1080p at 8 Mb/s: a key frame of 150 kB and 24 of 35 kB.
const second = Array.from({ length: 25 }, (_, i) => ({
  timestamp: i * 3600,
  parts: i === 0
    ? [picture(0x67, 30), picture(0x68, 6), picture(0x65, 150_000)]
    : [picture(0x41, 35_000)],
}));

function picture(header: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size).map((_, i) => 1 + ((i * 7919) & 0x7f));
  bytes[0] = header;
  bytes[1] = 0x80;
  return bytes;
}

const packetizer = new H264Packetizer();
let sequenceNumber = 0;
const secondPackets = second.flatMap((unit) =>
  packetizer.packetize(unit).map(({ payload, marker, timestamp }) =>
    parseRtpPacket(
      buildRtpPacket({
        payloadType: 96,
        sequenceNumber: sequenceNumber++,
        timestamp,
        ssrc: 1,
        marker,
        payload,
      }),
    )
  )
);

Deno.bench("packetise 1 s of H.264 at 8 Mb/s", { group: "H.264" }, () => {
  for (const unit of second) packetizer.packetize(unit);
});

Deno.bench("depacketise 1 s of H.264 at 8 Mb/s", { group: "H.264" }, () => {
  const depacketizer = new H264Depacketizer();
  for (const packet of secondPackets) depacketizer.push(packet);
});

const compound = buildRtcp([
  {
    type: "sender-report",
    ssrc: 1,
    ntp: { seconds: 1, fraction: 2 },
    rtpTimestamp: 3,
    packetCount: 4,
    octetCount: 5,
    reports: [],
  },
  { type: "source-description", chunks: [{ ssrc: 1, items: [{ type: 1, text: "weir" }] }] },
]);

Deno.bench("parse a compound of a sender report and a source description", () => {
  parseRtcp(compound);
});
