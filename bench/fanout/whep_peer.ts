/** Players of WebRTC that count what they are sent; of some the pictures are put together as well. */
import { buildRtcp, genericNack, isRtcp, parseRtpPacket, rtpSsrc } from "../../src/rtp/mod.ts";
import { OFFERED_VIDEO, offerOf, WebRtcClient } from "../../tests/support/webrtc_client.ts";
import type { Meter } from "./meter.ts";
import { ReceivedNumbers } from "./received_numbers.ts";
import { type PictureMark, readMark, STAMP_IN_NAL } from "./test_stream.ts";

/** How often it asks whether it may go on: as often as Chromium does. */
const CONSENT_MS = 2500;

/** A machine that is busy with many who join takes longer than one player would wait, milliseconds. */
const CONNECT_MS = 30_000;

/** The first fragment of a NAL unit has one byte of header more, before what follows the NAL unit's own. */
const FRAGMENT_HEADER = 1;

/** Its own source, in what it asks for. */
const OWN_SSRC = 1;

/** Plays a stream by WHEP; resolves with the first packet. */
export async function playWhep(
  name: string,
  options: { readonly port: number; readonly meter: Meter; readonly parses: boolean },
): Promise<void> {
  const { port, meter, parses } = options;
  const url = `http://127.0.0.1:${port}/live/${name}/whep`;
  const openedMs = performance.now();
  const client = await WebRtcClient.begin(url, offerOf("recvonly"));
  const { promise, resolve } = Promise.withResolvers<void>();
  promise.then(() => meter.joins.push(performance.now() - openedMs));
  let mediaSsrc = 0;
  const numbers = new ReceivedNumbers(meter, (missing) => {
    const nack = genericNack({ ssrc: OWN_SSRC, mediaSsrc }, missing);
    const report = { type: "receiver-report", ssrc: OWN_SSRC, reports: [] } as const;
    void client.sendRtcp(buildRtcp([report, nack]));
  });
  let mark: PictureMark | undefined;
  const takePicture = (packet: Uint8Array) => {
    const plain = client.receiver?.unprotect(packet);
    if (plain === undefined) return;
    const { payload, marker } = parseRtpPacket(plain);
    // The first piece of a picture in fragments.
    if ((payload[0]! & 0x1f) === 28 && (payload[1]! & 0x80) !== 0) {
      mark = readMark(payload, STAMP_IN_NAL + FRAGMENT_HEADER);
    }
    if (marker && mark !== undefined) {
      meter.picture(mark);
      mark = undefined;
    }
  };
  client.onPacket = (packet) => {
    resolve();
    if (meter.isCounting) meter.bytes += packet.length;
    if (isRtcp(packet)) return;
    const payloadType = packet[1]! & 0x7f;
    if (payloadType === OFFERED_VIDEO.payloadType) {
      mediaSsrc = rtpSsrc(packet);
      numbers.take(packet[2]! << 8 | packet[3]!);
      if (parses) takePicture(packet);
    } else if (payloadType === OFFERED_VIDEO.retransmissionType) {
      // What it was sent as stands in front of the payload (RFC 4588, 4).
      const plain = client.receiver?.unprotect(packet);
      const payload = plain && parseRtpPacket(plain).payload;
      if (payload !== undefined) {
        numbers.take(payload[0]! << 8 | payload[1]!, { isAgain: true });
      }
    }
  };
  await client.connect({ withinMs: CONNECT_MS });
  setInterval(() => void client.send(client.request()), CONSENT_MS);
  await promise;
}
