import {
  buildMikey,
  ntpFromUnixUs,
  RtpError,
  type SrtpMasterKey,
  srtpProfile,
  SrtpReceiver,
  SrtpSender,
} from "../rtp/mod.ts";
import { RtspError, toldSrtpKey } from "../rtsp/mod.ts";
import type { SdpMedia } from "../sdp/mod.ts";

/** The keys of SRTP of one track of a client: its own, which SETUP tells, and the server's. */
export class LinkProtection {
  /** The message of MIKEY that tells the own key. */
  readonly message: Uint8Array;
  readonly #media: SdpMedia;
  readonly #isPlaying: boolean;
  readonly #own: SrtpMasterKey;
  #sender: SrtpSender;
  #receiver: SrtpReceiver | undefined;

  /** Makes a key. */
  constructor(media: SdpMedia, { mode }: { readonly mode: "play" | "record" }) {
    this.#media = media;
    this.#isPlaying = mode === "play";
    const profile = srtpProfile("AES_CM_128_HMAC_SHA1_80");
    this.#own = { profile, key: random(profile.keyBytes), salt: random(profile.saltBytes) };
    this.message = buildMikey(this.#own, { time: ntpFromUnixUs(Date.now() * 1000), random });
    this.#sender = new SrtpSender(this.#own);
  }

  /**
   * Takes the server's key: of its answer to SETUP, or, of one that plays, of its description, by MIKEY or SDES.
   *
   * @throws {RtspError} `unsupported-transport` if it tells none that can be used
   */
  expect(keyMgmt: string | undefined): void {
    try {
      this.#receiver = this.#receiverOf(keyMgmt);
    } catch (error) {
      if (!(error instanceof RtpError || error instanceof RtspError)) throw error;
      const message = `The key of the server cannot be used: ${error.message}`;
      throw new RtspError("unsupported-transport", message, { status: 461 });
    }
  }

  /** Protects a packet that is sent. */
  protect(packet: Uint8Array, { rtcp }: { readonly rtcp: boolean }): Uint8Array {
    return rtcp ? this.#sender.protectRtcp(packet) : this.#sender.protect([packet])[0]!;
  }

  /** Unprotects a packet that has come; `undefined` where it is not authentic. */
  unprotect(packet: Uint8Array, { rtcp }: { readonly rtcp: boolean }): Uint8Array | undefined {
    return rtcp ? this.#receiver?.unprotectRtcp(packet) : this.#receiver?.unprotect(packet);
  }

  #receiverOf(keyMgmt: string | undefined): SrtpReceiver {
    const told = toldSrtpKey(keyMgmt, [this.#media]);
    if (told === undefined) {
      // Who publishes is sent nothing but reports, which it can do without.
      if (!this.#isPlaying) return new SrtpReceiver(this.#own);
      throw new RtspError("unsupported-transport", "it tells none");
    }
    const { master, rollovers } = told;
    // A client has no way to tell a key of its own in answer to SDES: the server's is for both directions.
    if (told.by === "sdes") this.#sender = new SrtpSender(master);
    return new SrtpReceiver(master, rollovers === undefined ? {} : { rollovers });
  }
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
