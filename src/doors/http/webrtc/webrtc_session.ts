import type { ConnectionEnd } from "../../../gate/mod.ts";
import {
  formatIceFragment,
  type IceFragment,
  type IceFragmentOptions,
  parseIceFragment,
  WebRtcError,
} from "../../../webrtc/mod.ts";
import type { StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import type { WebRtc } from "./webrtc.ts";
import type { IceCredentials, WebRtcLink } from "./webrtc_link.ts";
import { type HttpAnswer, isAnswer, WholeAnswer } from "../whole_answer.ts";

/** What a session is for: its player or publisher. */
export interface SessionRole {
  /** Media may flow. */
  connected(): void;
  /** An RTP packet has come. */
  takeRtp(packet: Uint8Array): void;
  /** A compound RTCP packet has come. */
  takeRtcp(packet: Uint8Array): void;
  /** Passes time on; the reason to end it, if any. */
  tick(): ConnectionEnd | undefined;
  /** It is over; called once. */
  ended(end: ConnectionEnd): void;
}

/** Sessions of one door, by the last part of their URLs. */
export type WebRtcSessions = Map<string, WebRtcSession>;

/** A body of trickled candidates; nothing of it is needed here but the name fragment. */
const MAX_PATCH_BYTES = 16 * 1024;

/**
 * A session of WHIP or WHEP, from the answer to its offer on: what its URL stands for. It is the connection of the request
 * that has made it.
 */
export class WebRtcSession {
  readonly #webrtc: WebRtc;
  readonly #link: WebRtcLink;
  readonly #visit: StreamVisit;
  readonly #role: SessionRole;
  readonly #sessions: WebRtcSessions;
  readonly #id: string;
  readonly #media: IceFragmentOptions["media"];
  #fragment: string;
  #version = 1;
  #end: ConnectionEnd | undefined;

  /** Joins the sessions. */
  constructor(
    visit: StreamVisit,
    options: {
      readonly webrtc: WebRtc;
      readonly sessions: WebRtcSessions;
      readonly link: WebRtcLink;
      /** The name fragment of the peer. */
      readonly fragment: string;
      readonly role: SessionRole;
      /** The media section whose transport all share. */
      readonly media: IceFragmentOptions["media"];
      /** The last part of its URL, which nobody can guess. */
      readonly id: string;
    },
  ) {
    this.#visit = visit;
    this.#webrtc = options.webrtc;
    this.#sessions = options.sessions;
    this.#link = options.link;
    this.#fragment = options.fragment;
    this.#role = options.role;
    this.#id = options.id;
    this.#media = options.media;
    const { link, role } = options;
    link.owner = {
      connected: () => this.#guard(() => role.connected()),
      takeRtp: (packet) => {
        visit.exchange.bytesReceived += packet.length;
        this.#guard(() => role.takeRtp(packet));
      },
      takeRtcp: (packet) => this.#guard(() => role.takeRtcp(packet)),
      ended: ({ reason, message }) => this.finish({ clean: reason === "closed", reason, message }),
    };
    this.#sessions.set(this.#id, this);
    visit.exchange.last({ end: (end) => this.#close(end), tick: () => this.#tick() });
  }

  /** The stream that it is for, and which of both it is: by other paths it is not reached. */
  is(name: string, protocol: string): boolean {
    return this.#visit.name === name && this.#visit.guest.protocol === protocol;
  }

  /** What its state is called (RFC 9725, 4.3.1). */
  get tag(): string {
    return `"${this.#version}"`;
  }

  /** It has come to an end: the client is told, and the exchange is over. */
  finish(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    this.#close(end);
    this.#visit.exchange.finish(end);
  }

  /**
   * Takes candidates (RFC 9725, 4.3): they are not needed, since the client's own requests show the way. One with
   * another name fragment has ICE begin anew.
   */
  async patch(visit: StreamVisit): Promise<HttpAnswer> {
    const type = visit.header("content-type") ?? "";
    if (!/^application\/trickle-ice-sdpfrag\s*(;|$)/i.test(type)) {
      return faultAnswer({
        status: 415,
        code: "body",
        reason: "The body must be candidates: application/trickle-ice-sdpfrag",
        headers: { "accept-patch": "application/trickle-ice-sdpfrag" },
      });
    }
    const match = visit.header("if-match");
    if (match === null) {
      const reason = "If-Match must have the session's ETag, or * where ICE begins anew";
      return faultAnswer({ status: 428, code: "etag", reason, headers: { etag: this.tag } });
    }
    if (match !== "*" && match !== this.tag) {
      const reason = "The session has other candidates by now";
      return faultAnswer({ status: 412, code: "etag", reason, headers: { etag: this.tag } });
    }
    const body = await visit.wholeBody({ maxBytes: MAX_PATCH_BYTES });
    if (isAnswer(body)) return body;
    const told = fragmentOf(body);
    if (isAnswer(told)) return told;
    const { fragment, password } = told;
    if (this.#end !== undefined) {
      return faultAnswer({ status: 404, code: "session", reason: "The session has ended" });
    }
    if (fragment === undefined || fragment === this.#fragment) {
      return new WholeAnswer(null, { status: 204 });
    }
    if (password === undefined) {
      const reason = "The candidates cannot be read: ICE begins anew with an ice-pwd too";
      return faultAnswer({ status: 400, code: "malformed-fragment", reason });
    }
    this.#fragment = fragment;
    this.#version++;
    const credentials = await this.#webrtc.renew(this.#link);
    return new WholeAnswer(await this.#fragmentOf(credentials, visit.url.hostname), {
      headers: { "content-type": "application/trickle-ice-sdpfrag", etag: this.tag },
    });
  }

  async #fragmentOf(ice: IceCredentials, host: string): Promise<string> {
    const candidates = await this.#webrtc.candidates(this.#link, {
      host,
      remoteAddress: this.#visit.guest.remoteAddress,
    });
    return formatIceFragment({ ice, candidates, media: this.#media });
  }

  #tick(): void {
    this.#guard(() => {
      this.#link.tick();
      const end = this.#end === undefined ? this.#role.tick() : undefined;
      if (end !== undefined) this.finish(end);
    });
  }

  /** A mistake of this program ends the session that shows it, and nothing else. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#visit.log.error("webrtc session failed", {
        connection: this.#visit.guest.id,
        error: String(error),
      });
      this.finish({ clean: false, reason: "internal", message: "Internal error" });
    }
  }

  #close(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#sessions.delete(this.#id);
    this.#role.ended(end);
    void this.#webrtc.release(this.#link);
    const { guest, log, name } = this.#visit;
    log.debug("webrtc session ended", {
      connection: guest.id,
      stream: name,
      reason: end.reason,
      detail: end.message,
    });
  }
}

/** What a body tells of ICE, or the answer that says why it cannot be read. */
function fragmentOf(body: Uint8Array): IceFragment | HttpAnswer {
  try {
    return parseIceFragment(new TextDecoder().decode(body));
  } catch (error) {
    if (!(error instanceof WebRtcError)) throw error;
    return faultAnswer({ status: 400, code: error.code, reason: error.message });
  }
}
