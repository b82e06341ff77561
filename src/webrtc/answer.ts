import { formatSdp, type SdpAttribute, type SdpDirection, type SdpMedia } from "../sdp/mod.ts";
import type { CertificateFingerprint } from "./dtls/peer_certificate.ts";
import type { ChosenFormat } from "./format_choice.ts";
import { candidateAttributes, ICE_OPTIONS } from "./ice_fragment.ts";
import type { OfferedMedia, WebRtcOffer } from "./offer.ts";

/** A source of packets that the answer tells of. */
export interface AnsweredSource {
  /** Its SSRC. */
  readonly ssrc: number;
  /** The SSRC of its packets that are sent again, where there is one. */
  readonly retransmissionSsrc?: number;
  /** Its name in RTCP, the same for all that are in sync. */
  readonly cname: string;
}

/** The answer to one media section that is accepted. */
export interface AnsweredMedia {
  /** What both sides use. */
  readonly chosen: ChosenFormat;
  /** The way that media flows, seen by this side. */
  readonly direction: SdpDirection;
  /** What is sent here; absent where nothing is. */
  readonly source?: AnsweredSource;
}

/** What an answer tells. */
export interface AnswerOptions {
  /** The number of the session: digits. */
  readonly sessionId: string;
  /** The name fragment and the password of this side. */
  readonly ice: { readonly fragment: string; readonly password: string };
  /** Where it can be reached by UDP. */
  readonly candidates: readonly { readonly hostname: string; readonly port: number }[];
  /** The fingerprint of its certificate. */
  readonly fingerprint: CertificateFingerprint;
  /** The answer to each media section of the offer, by its place; those without are refused. */
  readonly media: ReadonlyMap<OfferedMedia, AnsweredMedia>;
}

/** Writes the answer of a server with ICE's lite side to an offer (RFC 8829, RFC 8839). */
export function formatAnswer(offer: WebRtcOffer, options: AnswerOptions): string {
  const { sessionId, fingerprint, media } = options;
  const mids = offer.media.filter((one) => media.has(one)).map(({ mid }) => mid);
  return formatSdp({
    origin: {
      username: "-",
      sessionId,
      sessionVersion: "1",
      addressType: "IP4",
      address: "127.0.0.1",
    },
    name: "weir",
    attributes: [
      ...(mids.every((mid) => mid === "") ? [] : [attribute("group", `BUNDLE ${mids.join(" ")}`)]),
      ...ICE_OPTIONS.map(({ name, value }) => attribute(name, value)),
      attribute("fingerprint", `${fingerprint.algorithm} ${fingerprint.value}`),
      attribute("msid-semantic", "WMS *"),
    ],
    media: offer.media.map((offered) => {
      const answered = media.get(offered);
      return answered === undefined
        ? refused(offered)
        : accepted(offered, { answered, options: { ...options, beginsDtls: offer.waitsForDtls } });
    }),
  });
}

function refused({ kind, protocol, mid, formats, otherFormats }: OfferedMedia): SdpMedia {
  const [format] = formats;
  return {
    kind,
    port: 0,
    protocol,
    formats: format === undefined ? [] : [{
      payloadType: format.payloadType,
      encoding: undefined,
      clockRate: undefined,
      fmtp: {},
    }],
    ...(format === undefined ? { otherFormats: otherFormats.slice(0, 1) } : {}),
    direction: "inactive",
    attributes: mid === "" ? [] : [attribute("mid", mid)],
  };
}

function accepted(
  { kind, protocol, mid }: OfferedMedia,
  { answered, options }: {
    readonly answered: AnsweredMedia;
    readonly options: AnswerOptions & { readonly beginsDtls: boolean };
  },
): SdpMedia {
  const { chosen: { format, retransmission, feedback }, direction, source } = answered;
  const { ice, candidates } = options;
  return {
    kind,
    port: 9,
    protocol,
    formats: [format, ...(retransmission === undefined ? [] : [retransmission])],
    direction,
    attributes: [
      ...(mid === "" ? [] : [attribute("mid", mid)]),
      attribute("ice-ufrag", ice.fragment),
      attribute("ice-pwd", ice.password),
      attribute("setup", options.beginsDtls ? "active" : "passive"),
      attribute("rtcp-mux"),
      attribute("rtcp-mux-only"),
      attribute("rtcp-rsize"),
      ...feedback.map((value) => attribute("rtcp-fb", `${format.payloadType} ${value}`)),
      ...(source === undefined ? [] : sourceAttributes(kind, source)),
      ...candidateAttributes(candidates).map(({ name, value }) => attribute(name, value)),
    ],
  };
}

function sourceAttributes(kind: string, source: AnsweredSource): SdpAttribute[] {
  const { ssrc, retransmissionSsrc, cname } = source;
  const ssrcs = retransmissionSsrc === undefined ? [ssrc] : [ssrc, retransmissionSsrc];
  return [
    attribute("msid", `${cname} ${kind}`),
    ...(ssrcs.length > 1 ? [attribute("ssrc-group", `FID ${ssrcs.join(" ")}`)] : []),
    ...ssrcs.map((one) => attribute("ssrc", `${one} cname:${cname}`)),
  ];
}

function attribute(name: string, value?: string): SdpAttribute {
  return { name, value };
}
