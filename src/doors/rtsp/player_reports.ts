import { parseRtcp, RtpError } from "../../rtp/mod.ts";

/** What a player tells by RTCP of the packets that it was sent. */
export class PlayerReports {
  /** How many packets of each track it has reported lost. */
  readonly #lost = new Map<number, number>();

  /**
   * Packets lost in all, `undefined` before the first report; repeated ones can make a track's count negative
   * (RFC 3550, 6.4.1).
   */
  get lost(): number | undefined {
    if (this.#lost.size === 0) return undefined;
    return this.#lost.values().reduce((sum, count) => sum + Math.max(0, count), 0);
  }

  /** Takes what came for a track that is sent as `ssrc`; whether it told anything of that. */
  take(bytes: Uint8Array, of: { readonly track: number; readonly ssrc: number }): boolean {
    const { track, ssrc } = of;
    try {
      for (const packet of parseRtcp(bytes)) {
        if (packet.type !== "receiver-report" && packet.type !== "sender-report") continue;
        const report = packet.reports.find((one) => one.ssrc === ssrc);
        if (report === undefined) continue;
        this.#lost.set(track, report.cumulativeLost);
        return true;
      }
    } catch (error) {
      // It costs the report alone (R090).
      if (!(error instanceof RtpError)) throw error;
    }
    return false;
  }
}
