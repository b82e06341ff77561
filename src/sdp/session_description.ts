/** An `a=` line: `a=name` has no value, `a=name:value` has one. */
export interface SdpAttribute {
  /** The text before the first colon. */
  readonly name: string;
  /** The text behind it, or `undefined` for a property attribute. */
  readonly value: string | undefined;
}

/** The `o=` line (RFC 8866, 5.2). The numbers are texts: they may be longer than 53 bits. */
export interface SdpOrigin {
  /** User name, `-` for none. */
  readonly username: string;
  /** Session id. */
  readonly sessionId: string;
  /** Session version. */
  readonly sessionVersion: string;
  /** Family of the address. */
  readonly addressType: "IP4" | "IP6";
  /** Address of the sender, often `0.0.0.0`. */
  readonly address: string;
}

/** A `c=` line (RFC 8866, 5.7). */
export interface SdpConnection {
  /** Family of the address. */
  readonly addressType: "IP4" | "IP6";
  /** Address, or multicast group. */
  readonly address: string;
  /** Time to live of an IPv4 multicast group. */
  readonly ttl?: number;
}

/** A `b=` line (RFC 8866, 5.8): `AS` and `CT` in kilobits a second, `TIAS`, `RR` and `RS` in bits. */
export interface SdpBandwidth {
  /** The kind of bandwidth, such as `AS`. */
  readonly type: string;
  /** The bandwidth, in the unit of its kind. */
  readonly value: number;
}

/** A `t=` line (RFC 8866, 5.9), in NTP seconds; 0 for unbounded. */
export interface SdpTime {
  /** Start. */
  readonly start: number;
  /** End. */
  readonly stop: number;
}

/** The way that media flows, seen by the author of the description (RFC 8866, 6.7). */
export type SdpDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** One payload type of a media: its `a=rtpmap` and `a=fmtp` lines put together. */
export interface SdpFormat {
  /** RTP payload type, 0 to 127. */
  readonly payloadType: number;
  /** Encoding name as written (its case has no meaning), `undefined` where nothing tells it. */
  readonly encoding: string | undefined;
  /** RTP clock rate in hertz, `undefined` where nothing tells it. */
  readonly clockRate: number | undefined;
  /** Audio channels, where the `rtpmap` line or RFC 3551 says so. */
  readonly channels?: number;
  /**
   * Format parameters, names in lower case (devices write `SizeLength` and `sizelength`), values as
   * written; `""` for a parameter without `=`, such as the events `0-15` of telephone-event.
   */
  readonly fmtp: Readonly<Record<string, string>>;
}

/** One `m=` section. */
export interface SdpMedia {
  /** Kind of media: `video`, `audio`, `application`, `text`, `message`, or a device's own word. */
  readonly kind: string;
  /** Transport port; 0 in RTSP, where SETUP settles it. */
  readonly port: number;
  /** Transport protocol, such as `RTP/AVP`. */
  readonly protocol: string;
  /** Payload types in order of preference. */
  readonly formats: readonly SdpFormat[];
  /** Formats that are no payload type, such as TP-Link's `smart/1/90000`. */
  readonly otherFormats?: readonly string[];
  /** The `i=` line. */
  readonly title?: string;
  /** The `c=` line of this section. */
  readonly connection?: SdpConnection;
  /** The `b=` lines of this section. */
  readonly bandwidth?: readonly SdpBandwidth[];
  /** The direction this section itself has; `undefined` leaves it to the session's. */
  readonly direction?: SdpDirection;
  /** The `a=control` URL of RTSP (RFC 2326, C.1.1), absolute or relative. */
  readonly control?: string;
  /** All other attributes, in order. */
  readonly attributes?: readonly SdpAttribute[];
}

/** A session description (SDP, RFC 8866). */
export interface SessionDescription {
  /** The `o=` line. */
  readonly origin?: SdpOrigin;
  /** The `s=` line. */
  readonly name?: string;
  /** The `i=` line. */
  readonly information?: string;
  /** The `u=` line. */
  readonly uri?: string;
  /** The `e=` line. */
  readonly email?: string;
  /** The `p=` line. */
  readonly phone?: string;
  /** The `c=` line of the session. */
  readonly connection?: SdpConnection;
  /** The `b=` lines of the session. */
  readonly bandwidth?: readonly SdpBandwidth[];
  /** The `t=` lines. */
  readonly times?: readonly SdpTime[];
  /** Direction of all media that have none of their own. */
  readonly direction?: SdpDirection;
  /** The session's own `a=control`: the aggregate URL of RTSP. */
  readonly control?: string;
  /** All other attributes of the session, in order. */
  readonly attributes?: readonly SdpAttribute[];
  /** The `m=` sections. */
  readonly media: readonly SdpMedia[];
}
