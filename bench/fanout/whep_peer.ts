/** Players of WebRTC that count what they are sent; of some the pictures are put together as well. */
import { isRtcp, parseRtpPacket, sequenceDistance } from "../../src/rtp/mod.ts";
import { offerOf, WebRtcClient } from "../../tests/support/webrtc_client.ts";
import type { Meter } from "./meter.ts";
import { type PictureMark, readMark, STAMP_IN_NAL } from "./test_stream.ts";

/** Agents ask whether they may go on each 5 s. */
const CONSENT_MS = 5000;

/** The first fragment of a NAL unit has one byte of header more, before what follows the NAL unit's own. */
const FRAGMENT_HEADER = 1;

/** Plays a stream by WHEP; resolves with the first packet. */
export async function playWhep(
  name: string,
  options: { readonly port: number; readonly meter: Meter; readonly parses: boolean },
): Promise<void> {
  const { port, meter, parses } = options;
  const url = `http://127.0.0.1:${port}/live/${name}/whep`;
  const client = await WebRtcClient.begin(url, offerOf("recvonly"));
  const { promise, resolve } = Promise.withResolvers<void>();
  let last: number | undefined;
  let mark: PictureMark | undefined;
  client.onPacket = (packet) => {
    resolve();
    if (meter.isCounting) meter.bytes += packet.length;
    if (isRtcp(packet)) return;
    const sequence = packet[2]! << 8 | packet[3]!;
    const distance = last === undefined ? 1 : sequenceDistance(last, sequence);
    if (meter.isCounting) {
      meter.received++;
      meter.expected += Math.max(0, distance);
    }
    if (distance > 0 || last === undefined) last = sequence;
    if (!parses) return;
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
  await client.connect();
  setInterval(() => void client.send(client.request()), CONSENT_MS);
  await promise;
}
