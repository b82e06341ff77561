import { CounterStream } from "./counter_stream.ts";
import { HmacSha1 } from "./hmac_sha1.ts";
import { Gcm } from "./srtp_gcm.ts";
import type { SessionKeys } from "./srtp_keys.ts";
import type { SrtpProfile } from "./srtp_profile.ts";

/** Bytes of an RTCP packet that stay readable: its header and its sender. */
export const RTCP_HEADER_BYTES = 8;

/** What encrypts and authenticates packets of one kind, RTP or RTCP: `counter` and `hmac` together, or `gcm` alone. */
export class Protection {
  readonly counter: CounterStream | undefined;
  readonly hmac: HmacSha1 | undefined;
  readonly gcm: Gcm | undefined;

  constructor({ cipher }: SrtpProfile, { encryption, authentication, salt }: SessionKeys) {
    const isCounter = cipher === "counter";
    this.counter = isCounter ? new CounterStream(encryption, salt) : undefined;
    this.hmac = isCounter ? new HmacSha1(authentication) : undefined;
    this.gcm = isCounter ? undefined : new Gcm(encryption, salt);
  }
}
