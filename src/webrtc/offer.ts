import {
  parseSdp,
  type SdpAttribute,
  type SdpDirection,
  SdpError,
  type SdpFormat,
  type SdpMedia,
  type SessionDescription,
} from "../sdp/mod.ts";
import type { CertificateFingerprint } from "./dtls/peer_certificate.ts";
import { WebRtcError } from "./errors.ts";

/** Media sections of an offer: a browser has one for sound and one for the picture. */
const MAX_MEDIA = 16;

/** One media section of an offer. */
export interface OfferedMedia {
  /** The kind of media, as it was written; it is repeated in the answer. */
  readonly kind: string;
  /** The transport protocol, as it was written. */
  readonly protocol: string;
  /** Its name in the group that shares a transport: `a=mid`; empty where it has none. */
  readonly mid: string;
  /** The way that media flows, seen by the one who offers. */
  readonly direction: SdpDirection;
  /** Payload types in order of preference. */
  readonly formats: readonly SdpFormat[];
  /** Payload types and other formats as they were written. */
  readonly otherFormats: readonly string[];
  /** Values of `a=rtcp-fb`, by payload type or `*`. */
  readonly feedback: ReadonlyMap<string, readonly string[]>;
  /** Whether it can be accepted: RTP, in the group, and not refused by the one who offers. */
  readonly isUsable: boolean;
}

/** What a peer offers (RFC 8829), as far as it matters to a server with one transport. */
export interface WebRtcOffer {
  /** The peer's name fragment of ICE. */
  readonly iceFragment: string;
  /** Its password. */
  readonly icePassword: string;
  /** Fingerprints of its certificate. */
  readonly fingerprints: readonly CertificateFingerprint[];
  /** Whether it has the other side begin DTLS, as FFmpeg does. */
  readonly waitsForDtls: boolean;
  /** The media sections in order. */
  readonly media: readonly OfferedMedia[];
}

/**
 * Reads an offer of WebRTC.
 *
 * @throws {WebRtcError} `malformed-offer` if it is no description, or lacks name fragment, password or fingerprint;
 * `unsupported-offer` if its media have transports of their own
 */
export function parseOffer(text: string): WebRtcOffer {
  const description = parsed(text);
  const { media } = description;
  if (media.length === 0) throw malformed("it has no media");
  if (media.length > MAX_MEDIA) throw malformed(`it has over ${MAX_MEDIA} media`);
  const bundled = bundleOf(description);
  const isBundled = bundled !== undefined;
  if (!isBundled && media.length > 1) {
    throw new WebRtcError("unsupported-offer", "The media of the offer must share one transport");
  }
  const sections: readonly Section[] = [
    ...media.filter((one) => !isBundled || bundled.has(valueOf(one, "mid") ?? "")),
    description,
  ];
  const iceFragment = first(sections, "ice-ufrag");
  const icePassword = first(sections, "ice-pwd");
  const fingerprints = fingerprintsOf(sections);
  if (iceFragment === undefined || icePassword === undefined) {
    throw malformed("it has no ice-ufrag or ice-pwd");
  }
  if (fingerprints.length === 0) throw malformed("it has no fingerprint");
  return {
    iceFragment,
    icePassword,
    fingerprints,
    waitsForDtls: first(sections, "setup") === "passive",
    media: media.map((one) =>
      offered(one, {
        direction: one.direction ?? description.direction ?? "sendrecv",
        isInGroup: !isBundled || bundled.has(valueOf(one, "mid") ?? ""),
      })
    ),
  };
}

type Section = Pick<SessionDescription | SdpMedia, "attributes">;

/** The names of the media that share a transport (RFC 9143, 7.2); libdatachannel tells of a group to be in sync beside it. */
function bundleOf({ attributes = [] }: Section): ReadonlySet<string> | undefined {
  for (const { name, value = "" } of attributes) {
    const [semantics = "", ...mids] = value.trim().split(/\s+/);
    if (name === "group" && semantics.toUpperCase() === "BUNDLE") return new Set(mids);
  }
  return undefined;
}

function parsed(text: string): SessionDescription {
  try {
    return parseSdp(text);
  } catch (error) {
    if (error instanceof SdpError) throw malformed(error.message);
    throw error;
  }
}

function offered(
  media: SdpMedia,
  { direction, isInGroup }: { readonly direction: SdpDirection; readonly isInGroup: boolean },
): OfferedMedia {
  const feedback = new Map<string, string[]>();
  for (const { name, value = "" } of media.attributes ?? []) {
    if (name !== "rtcp-fb") continue;
    const [payloadType = "", ...words] = value.trim().split(/\s+/);
    const values = feedback.get(payloadType);
    if (values === undefined) feedback.set(payloadType, [words.join(" ")]);
    else values.push(words.join(" "));
  }
  const isRtp = /^(UDP|TCP)\/TLS\/RTP\/SAVPF?$/i.test(media.protocol);
  const isRefused = media.port === 0 && !has(media, "bundle-only");
  return {
    kind: media.kind,
    protocol: media.protocol,
    mid: valueOf(media, "mid") ?? "",
    direction,
    formats: media.formats,
    otherFormats: media.otherFormats ?? [],
    feedback,
    isUsable: isRtp && isInGroup && !isRefused && has(media, "rtcp-mux"),
  };
}

function fingerprintsOf(sections: readonly Section[]): CertificateFingerprint[] {
  return sections.flatMap(({ attributes = [] }) =>
    attributes.flatMap(({ name, value = "" }): CertificateFingerprint[] => {
      const match = /^(\S+)\s+([\da-f:]+)$/i.exec(value.trim());
      if (name !== "fingerprint" || match === null) return [];
      return [{ algorithm: match[1]!.toLowerCase(), value: match[2]! }];
    })
  );
}

function first(sections: readonly Section[], name: string): string | undefined {
  for (const section of sections) {
    const value = valueOf(section, name);
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

function valueOf(section: Section, name: string): string | undefined {
  return attribute(section, name)?.value?.trim();
}

function has(section: Section, name: string): boolean {
  return attribute(section, name) !== undefined;
}

function attribute({ attributes = [] }: Section, name: string): SdpAttribute | undefined {
  return attributes.find((one) => one.name === name);
}

function malformed(why: string): WebRtcError {
  return new WebRtcError("malformed-offer", `The offer cannot be read: ${why}`);
}
