import {
  buildMikey,
  ntpFromUnixUs,
  type SrtpMasterKey,
  srtpProfile,
  SrtpReceiver,
  SrtpSender,
} from "../../rtp/mod.ts";
import { formatKeyMgmt, type RtspServerSession, type ToldSrtpKey } from "../../rtsp/mod.ts";
import type { SessionDescription } from "../../sdp/mod.ts";
import { random } from "./rtsp_reader.ts";

/** The keys of SRTP of one session: of what this side sends, and of what comes for each track. */
export class SessionProtection {
  readonly #master: SrtpMasterKey;
  readonly #sender: SrtpSender;
  readonly #receivers = new Map<number, SrtpReceiver>();

  /** `master` is for what this side sends. */
  constructor(master: SrtpMasterKey) {
    this.#master = master;
    this.#sender = new SrtpSender(master);
  }

  /** Notes the key of what comes for a track: the same as for what is sent, where the client has told none. */
  expect(track: number, client: ToldSrtpKey | undefined): void {
    const { master, rollovers } = client ?? { master: this.#master, rollovers: undefined };
    const options = rollovers === undefined ? {} : { rollovers };
    this.#receivers.set(track, new SrtpReceiver(master, options));
  }

  /** Protects a packet. */
  protect(packet: Uint8Array, { rtcp }: { readonly rtcp: boolean }): Uint8Array {
    return rtcp ? this.#sender.protectRtcp(packet) : this.#sender.protect([packet])[0]!;
  }

  /** Unprotects a packet; `undefined` where it is not authentic. */
  unprotect(
    packet: Uint8Array,
    { track, rtcp }: { readonly track: number; readonly rtcp: boolean },
  ): Uint8Array | undefined {
    const receiver = this.#receivers.get(track);
    return rtcp ? receiver?.unprotectRtcp(packet) : receiver?.unprotect(packet);
  }

  /** The `KeyMgmt` header that tells the client of a track's URL the key of this side. */
  keyMgmt(url: string, ssrc: number | undefined): string {
    const rollovers = new Map(ssrc === undefined ? [] : [[ssrc, this.#sender.rolloverOf(ssrc)]]);
    return formatKeyMgmt(mikeyOf(this.#master, rollovers), url);
  }
}

const protections = new WeakMap<RtspServerSession, SessionProtection>();

/** The protection of a session; `undefined` where its packets have none. */
export function protectionOf(session: RtspServerSession): SessionProtection | undefined {
  return protections.get(session);
}

/** Notes the protection of a session. */
export function protect(session: RtspServerSession, protection: SessionProtection): void {
  protections.set(session, protection);
}

/** A new key. */
export function newMasterKey(): SrtpMasterKey {
  const profile = srtpProfile("AES_CM_128_HMAC_SHA1_80");
  return { profile, key: random(profile.keyBytes), salt: random(profile.saltBytes) };
}

/** The description of packets that are protected by `master` (RFC 4567): what players of an encrypted connection get. */
export function protectedDescription(
  description: SessionDescription,
  master: SrtpMasterKey,
): SessionDescription {
  return {
    ...description,
    media: description.media.map((media) => ({
      ...media,
      protocol: media.protocol.replace("RTP/AVP", "RTP/SAVP"),
      attributes: [
        ...media.attributes ?? [],
        { name: "key-mgmt", value: `mikey ${mikeyOf(master, new Map()).toBase64()}` },
      ],
    })),
  };
}

function mikeyOf(master: SrtpMasterKey, rollovers: ReadonlyMap<number, number>): Uint8Array {
  return buildMikey(master, { rollovers, time: ntpFromUnixUs(Date.now() * 1000), random });
}
