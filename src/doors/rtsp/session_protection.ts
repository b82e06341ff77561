import {
  buildMikey,
  ntpFromUnixUs,
  parseMikey,
  parseSdesCrypto,
  RtpError,
  type SrtpMasterKey,
  srtpProfile,
  SrtpReceiver,
  SrtpSender,
} from "../../rtp/mod.ts";
import { formatKeyMgmt, parseKeyMgmt, type RtspServerSession } from "../../rtsp/mod.ts";
import type { SdpAttribute, SdpMedia, SessionDescription } from "../../sdp/mod.ts";
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
  expect(track: number, client: ClientKey | undefined): void {
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

/** The key that a client protects its packets with. */
export interface ClientKey {
  readonly master: SrtpMasterKey;
  readonly rollovers?: ReadonlyMap<number, number>;
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

/**
 * The key that a client tells with a SETUP: in its `KeyMgmt` header, or, of a publisher, in what it has announced, by
 * MIKEY or by SDES. `undefined` where it tells none.
 *
 * @throws {RtpError} if it cannot be used
 */
export function clientKeyOf(
  header: string | undefined,
  announced: { readonly description: SessionDescription | undefined; readonly track: number },
): ClientKey | undefined {
  if (header !== undefined) return parseMikey(parseKeyMgmt(header));
  const { description, track } = announced;
  const media: SdpMedia | undefined = description?.media[track];
  for (const { attributes = [] } of [media ?? {}, description ?? {}] as readonly Keyed[]) {
    const message = attributes.find(({ name }) => name === "key-mgmt")?.value;
    const mikey = /^mikey\s+(\S+)$/i.exec(message?.trim() ?? "");
    if (mikey !== null) return parseMikey(decoded(mikey[1]!));
    const usable = attributes.filter(({ name }) => name === "crypto").flatMap(({ value = "" }) => {
      try {
        return [parseSdesCrypto(value)];
      } catch (error) {
        // Another one may be usable: they stand in the order of preference.
        if (error instanceof RtpError) return [];
        throw error;
      }
    });
    if (usable[0] !== undefined) return { master: usable[0] };
  }
  return undefined;
}

interface Keyed {
  readonly attributes?: readonly SdpAttribute[];
}

function decoded(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    throw new RtpError("malformed-key", "The key of the description cannot be read");
  }
}

function mikeyOf(master: SrtpMasterKey, rollovers: ReadonlyMap<number, number>): Uint8Array {
  return buildMikey(master, { rollovers, time: ntpFromUnixUs(Date.now() * 1000), random });
}
