/** What RTMP players get of a publisher over UDP, of whose packets some are lost. */
import { assert, assertEquals } from "@std/assert";
import { parseAudioBody, parseVideoBody } from "../../src/flv/mod.ts";
import type { CodecName, Track } from "../../src/media/mod.ts";
import {
  createPacketizer,
  parseRtpPacket,
  RtpReceiver,
  RtpSender,
  TrackAligner,
} from "../../src/rtp/mod.ts";
import { FlvRemuxer, type LossPolicy, RtpTrackIngest } from "../../src/transmux/mod.ts";
import { seededRandom } from "../support/split.ts";
import { load } from "./support.ts";

const PICTURES = 325;
const GOP = 50;

/** NAL units of a picture: a key frame of some 60 packets of 1200 bytes, or one of some 8, in two slices. */
function parts(codec: CodecName, number: number): Uint8Array[] {
  const key = number % GOP === 0;
  const size = key ? 30_000 : 4000;
  const slice = (isFirst: boolean): Uint8Array => {
    const bytes = new Uint8Array(size).fill(0x55);
    if (codec === "h264") bytes.set([key ? 0x65 : 0x41, isFirst ? 0x88 : 0x22]);
    else bytes.set([key ? 0x26 : 0x02, 0x01, isFirst ? 0x80 : 0x00]);
    return bytes;
  };
  return codec === "vp8" ? [slice(true)] : [slice(true), slice(false)];
}

/** Sends pictures of which a part of the packets never comes; returns what RTMP players get. */
function play(
  codec: CodecName,
  options: { readonly loss: number; readonly onLoss: LossPolicy },
): { readonly pictures: number; readonly incomplete: number; readonly lost: number } {
  const { loss, onLoss } = options;
  const encodingName = codec.toUpperCase();
  const rtp = { payloadType: 96, encodingName, clockRate: 90_000, parameters: {} };
  const { config } = load(codec);
  const track: Track = { kind: "video", id: 0, codec, config, rtp };
  const sender = new RtpSender({ ssrc: 7, payloadType: 96, clockRate: 90_000, sequenceNumber: 1 });
  const packetizer = createPacketizer(rtp)!;
  const receiver = new RtpReceiver({ clockRate: 90_000 });
  const time = new TrackAligner().addTrack({ clockRate: 90_000 });
  const ingest = new RtpTrackIngest({ track, time });
  const remuxer = new FlvRemuxer({ onLoss });
  remuxer.setTracks([track]);
  const random = seededRandom(20261127);
  let pictures = 0;
  for (let number = 0; number < PICTURES; number++) {
    const payloads = packetizer.packetize({
      timestamp: number * 3600,
      parts: parts(codec, number),
    });
    for (const payload of payloads) {
      const packet = parseRtpPacket(sender.build(payload));
      // The first group shows what a publisher sends.
      if (number > 0 && random() < loss) continue;
      for (const ready of receiver.push(packet, number * 40)) {
        for (const unit of ingest.push(ready, number * 40)) {
          for (const { kind, body } of remuxer.remux(unit)) {
            if (kind === "audio") parseAudioBody(body);
            if (kind !== "video") continue;
            const parsed = parseVideoBody(body);
            if (
              parsed.form === "legacy"
                ? parsed.packetType === 1
                : parsed.form === "enhanced" && parsed.packetType !== 0
            ) pictures++;
          }
        }
      }
    }
  }
  return { pictures, incomplete: remuxer.stats.incomplete, lost: receiver.stats.lost };
}

for (const codec of ["h264", "h265"] as const) {
  Deno.test(`RTMP players see nearly all pictures of ${codec} where packets are lost, and few with "key-frame"`, () => {
    for (const loss of [0.01, 0.05]) {
      const passed = play(codec, { loss, onLoss: "pass" });
      const dropped = play(codec, { loss, onLoss: "key-frame" });
      assert(passed.lost > 0 && passed.incomplete > 0, `${JSON.stringify(passed)}`);
      assert(passed.pictures >= 0.98 * PICTURES, `${loss}: ${passed.pictures}`);
      assert(dropped.pictures < 0.6 * PICTURES, `${loss}: ${dropped.pictures}`);
      assertEquals(dropped.incomplete, 0);
    }
    for (const onLoss of ["pass", "key-frame"] as const) {
      const whole = play(codec, { loss: 0, onLoss });
      assertEquals(whole.incomplete, 0);
      assert(whole.pictures >= PICTURES - 1);
    }
  });
}

Deno.test("pictures of VP8, whose decoders conceal no missing part, wait for a key frame whatever the policy", () => {
  const loss = 0.01;
  assertEquals(
    play("vp8", { loss, onLoss: "pass" }),
    play("vp8", { loss, onLoss: "key-frame" }),
  );
});
