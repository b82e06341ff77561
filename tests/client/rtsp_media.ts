/** Media that is published over RTSP in tests, and what players then see of it. */
import { RtspClient, type RtspClientOptions, type RtspRecording } from "../../src/client/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { createPacketizer, RtpSender } from "../../src/rtp/mod.ts";
import { parseSdp } from "../../src/sdp/mod.ts";
import { sound } from "./scripted_camera.ts";

/** H.264 of 16 by 16 pixels and G.711. */
const SDP = "v=0\ns=test\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n" +
  "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LACtkewEQAAAMABAAAAwDIPEiZIA==,aMuDyyA=\n" +
  "m=audio 0 RTP/AVP 8\na=rtpmap:8 PCMA/8000\n";

/** The same without video. */
const SDP_OF_SOUND = "v=0\ns=test\nm=audio 0 RTP/AVP 8\na=rtpmap:8 PCMA/8000\n";

/** A camera that sends what its test says, with the times of 25 pictures a second. */
export class TestCamera implements AsyncDisposable {
  readonly client: RtspClient;
  readonly #writers: readonly WritableStreamDefaultWriter<Uint8Array>[];
  readonly #packetizer = createPacketizer({ encodingName: "H264", clockRate: 90_000 })!;
  readonly #sender = new RtpSender({
    ssrc: 3,
    payloadType: 96,
    clockRate: 90_000,
    sequenceNumber: 65_530,
  });

  private constructor(client: RtspClient, recording: RtspRecording) {
    this.client = client;
    this.#writers = recording.tracks.map((track) => track.getWriter());
  }

  /** Announces the tracks. */
  static async publish(
    url: string,
    options: RtspClientOptions & { readonly video?: boolean } = {},
  ): Promise<TestCamera> {
    const client = await RtspClient.connect(url, options);
    await client.announce(parseSdp(options.video === false ? SDP_OF_SOUND : SDP));
    return new TestCamera(client, await client.record());
  }

  /**
   * Sends picture `number`, a key frame each tenth and larger than one packet, and the sound after it; with `isCut` the
   * picture's last packet is lost.
   */
  async send(number: number, options: { readonly isCut?: boolean } = {}): Promise<void> {
    if (this.#writers.length > 1) await this.#sendPicture(number, options);
    const audio = this.#writers.at(-1)!;
    await audio.write(sound(number * 2));
    await audio.write(sound(number * 2 + 1));
  }

  async #sendPicture(number: number, { isCut = false }: { isCut?: boolean }): Promise<void> {
    const picture = new Uint8Array(2000).fill(0x55);
    // The slice begins at the first macroblock.
    picture.set([number % 10 === 0 ? 0x65 : 0x41, 0x88]);
    new DataView(picture.buffer).setUint32(1992, number);
    const frame = { timestamp: number * 3600, parts: [picture] };
    const packets = this.#packetizer.packetize(frame).map((packet) => this.#sender.build(packet));
    for (const packet of isCut ? packets.slice(0, -1) : packets) {
      await this.#writers[0]!.write(packet);
    }
  }

  /** Ends the stream and the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** The number of a picture of {@linkcode TestCamera}; `undefined` of all else. */
export function pictureNumber(unit: MediaUnit): number | undefined {
  if (unit.kind !== "video" || unit.role !== "media" || unit.payload.format !== "rtp") {
    return undefined;
  }
  const last = unit.payload.packets.at(-1)!;
  return new DataView(last.buffer, last.byteOffset).getUint32(last.length - 8);
}
