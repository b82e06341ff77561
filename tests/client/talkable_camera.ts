/** A camera for tests that can be talked to. */
import { parseRtpPacket } from "../../src/rtp/mod.ts";
import type { RtspRequest } from "../../src/rtsp/mod.ts";
import { until } from "../support/test_server.ts";
import { type Answer, Camera, type CameraPeer, sound } from "./scripted_camera.ts";

/** The option of requests about a back channel (ONVIF Streaming Specification, 5.3). */
export const BACK_CHANNEL = "www.onvif.org/ver20/backchannel";

/** What a Dahua camera describes to who asks for its back channel, some of its sampling rates left out. */
export const DAHUA = "v=0\r\no=- 2273421142 2273421142 IN IP4 0.0.0.0\r\ns=Media Server\r\n" +
  "c=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=packetization-supported:DH\r\n" +
  "a=rtppayload-supported:DH\r\na=range:npt=now-\r\n" +
  "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\na=rtpmap:8 PCMA/8000\r\na=recvonly\r\n" +
  "m=application 0 RTP/AVP 107\r\na=control:trackID=4\r\n" +
  "a=rtpmap:107 vnd.onvif.metadata/90000\r\na=recvonly\r\n" +
  "m=audio 0 RTP/AVP 116 97 107 0 8\r\na=control:trackID=5\r\n" +
  "a=rtpmap:116 MPEG4-GENERIC/64000\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\n" +
  "a=rtpmap:107 PCMA/16000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=sendonly\r\n";

/** The same, to who does not. */
export const WITHOUT = DAHUA.slice(0, DAHUA.lastIndexOf("m=audio"));

/** A camera that shows its back channel to who asks for it, and has those who play it hear something. */
export class TalkableCamera extends Camera {
  #said = 0;
  readonly #murmur = setInterval(() => {
    this.#said++;
    for (const peer of this.peers.all) {
      const index = soundIndex(peer);
      if (index >= 0) void peer.send(index, sound(this.#said)).catch(() => {});
    }
  }, 20);

  constructor(answers: Record<string, (request: RtspRequest, peer: CameraPeer) => Answer> = {}) {
    super({
      answers: {
        DESCRIBE: (request) => ({
          headers: { "Content-Type": "application/sdp", "Content-Base": `${request.url}/` },
          body: request.headers.get("Require") === BACK_CHANNEL ? DAHUA : WITHOUT,
        }),
        ...answers,
      },
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#murmur);
    await super[Symbol.asyncDispose]();
  }

  /** The connection over which somebody talks, the nth of those that have been. */
  async talker(index = 0): Promise<CameraPeer> {
    for (;;) {
      const talkers = this.peers.all.filter(({ requests }) =>
        requests.all.some(({ method, url }) => method === "SETUP" && url.endsWith("trackID=5"))
      );
      if (talkers[index] !== undefined) return talkers[index]!;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Which of the tracks that a client has set up is the camera's sound; less than 0 where it does not play that. */
function soundIndex({ requests, tracks }: CameraPeer): number {
  if (!requests.all.some(({ method }) => method === "PLAY")) return -1;
  const index = requests.all.filter(({ method }) => method === "SETUP")
    .findIndex(({ url }) => url.endsWith("trackID=1"));
  return index < tracks.length ? index : -1;
}

/** Says packets 0 to `count - 1`, each of one sample 160 times. */
export async function say(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  { count = 5, payloadType = 8 } = {},
): Promise<void> {
  for (let number = 0; number < count; number++) {
    await writer.write(sound(number, { payloadType, ssrc: 99 }));
  }
}

/** What the camera was told, of the frames of a channel. */
export async function heard(
  peer: CameraPeer,
  count: number,
): Promise<ReturnType<typeof parseRtpPacket>[]> {
  const of = () => peer.frames.all.filter(({ channel }) => channel === 0);
  await until(() => of().length >= count);
  return of().map(({ payload }) => parseRtpPacket(payload));
}
