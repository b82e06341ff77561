import {
  type Answer,
  credentialsInQuery,
  type DigestCredentials,
  type Guest,
  type NotGranted,
  type ShownCredentials,
} from "../../gate/mod.ts";
import { checkStreamName, HubError } from "../../hub/mod.ts";
import {
  type ConnectEvent,
  resolveStreamPath,
  RtmpAuthenticator,
  type RtmpChallengeShare,
  type RtmpConnectAnswer,
  RtmpError,
  withoutConnectProof,
} from "../../rtmp/mod.ts";
import { RtmpUnanswered } from "./rtmp_unanswered.ts";

/** What comes of a connect. */
export type RtmpConnectVerdict =
  /** The client goes on, and has shown that in connect, if anything. */
  | { readonly shown: ShownCredentials; readonly wasSpared: boolean }
  /** It is asked who it is, in these words, and connects anew. */
  | { readonly question: string }
  /** Its answer is wrong, or nobody can judge it; it is told the description. */
  | { readonly refusal: NotGranted; readonly description: string };

/** What is known of what a client wants when it connects. */
interface Place {
  readonly name: string;
  readonly query: URLSearchParams;
}

/**
 * Asks clients at connect who they are, since that is the only time at which encoders and players can be asked
 * over RTMP. A client that must prove it and has shown nothing is asked, unless it has left at that question before:
 * those have their credentials in the stream key, which is not known yet, or nowhere.
 */
export class RtmpConnectDesk {
  readonly #authenticator: RtmpAuthenticator;
  readonly #unanswered = new RtmpUnanswered();
  readonly #asks: () => boolean;

  /** Makes a desk that asks while `asks` says so, and else lets all go on to show in the query who they are. */
  constructor(
    { asks, shared }: {
      readonly asks: () => boolean;
      readonly shared?: RtmpChallengeShare | undefined;
    },
  ) {
    this.#asks = asks;
    this.#authenticator = new RtmpAuthenticator({
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      ...(shared === undefined ? {} : { shared }),
    });
  }

  /** Judges what a client shows in connect, and says whether it is to be asked for more. */
  async judge(guest: Guest, event: ConnectEvent): Promise<RtmpConnectVerdict> {
    if (!this.#asks()) return NOTHING_SHOWN;
    // Each thread has a clock of its own but this one, and may have to judge the answer to what another has asked.
    const nowMs = Date.now();
    const place = placeOf(event);
    // No stream has that name: the client is told so when it asks for one.
    if (place === undefined) return NOTHING_SHOWN;
    // FFmpeg and librtmp, which OBS uses, say that they come to publish, and say nothing when to play.
    const action = event.properties["type"] === "nonprivate" ? "publish" : "play";
    const proof = this.#authenticator.read(event.app, { nowMs });
    if (proof.kind === "answer") {
      const { credentials, isRight } = credentialsOf(proof);
      const judged = await guest.prove(action, { ...place, credentials });
      return this.#verdict({ proof, credentials, judged, isRight: isRight(), nowMs });
    }
    if (!await guest.mustProve(action, place)) return NOTHING_SHOWN;
    const client = clientOf(guest, event);
    if (proof.kind === "named") {
      this.#unanswered.forget(client);
      return { question: this.#authenticator.challenge(proof.username, { nowMs }) };
    }
    if (this.#unanswered.has(client, nowMs)) return { ...NOTHING_SHOWN, wasSpared: true };
    this.#unanswered.add(client, nowMs);
    return { question: this.#authenticator.question() };
  }

  /** A client that was not asked has shown nothing later either: the next time it is. */
  askAgain(guest: Guest, event: ConnectEvent): void {
    this.#unanswered.forget(clientOf(guest, event));
  }

  #verdict({ proof, credentials, judged, isRight, nowMs }: {
    readonly proof: RtmpConnectAnswer;
    readonly credentials: DigestCredentials;
    readonly judged: Answer<unknown>;
    readonly isRight: boolean;
    readonly nowMs: number;
  }): RtmpConnectVerdict {
    if ("granted" in judged) return { shown: credentials, wasSpared: false };
    const isOverBound = "refused" in judged && judged.refused === "full";
    if (isOverBound) return { refusal: judged, description: judged.why };
    // It is who it says, and only what it may do is not known before the name.
    if (isRight) return { shown: credentials, wasSpared: false };
    if (proof.isStale()) {
      return { question: this.#authenticator.challenge(proof.username, { nowMs }) };
    }
    return { refusal: judged, description: this.#authenticator.failure() };
  }
}

/** What a publish or play shows: credentials in its query win over those of connect. */
export function shownFor(query: URLSearchParams, atConnect: ShownCredentials): ShownCredentials {
  return credentialsInQuery(query).kind === "none" ? atConnect : { kind: "none" };
}

const NOTHING_SHOWN = { shown: { kind: "none" }, wasSpared: false } as const;

function placeOf({ app, tcUrl }: ConnectEvent): Place | undefined {
  try {
    const { name, query } = resolveStreamPath({
      app: withoutConnectProof(app),
      tcUrl: withoutConnectProof(tcUrl),
      streamKey: "",
    });
    checkStreamName(name);
    return { name, query };
  } catch (error) {
    if (error instanceof RtmpError || error instanceof HubError) return undefined;
    throw error;
  }
}

/** A right answer to something that is refused is no guess. */
function credentialsOf(
  proof: RtmpConnectAnswer,
): { readonly credentials: DigestCredentials; readonly isRight: () => boolean } {
  let isRight = false;
  const credentials: DigestCredentials = {
    kind: "digest",
    username: proof.username,
    realm: "",
    verify(known) {
      const verified = proof.verify(known);
      isRight ||= verified;
      return verified;
    },
    isStale: () => proof.isStale() || isRight,
  };
  return { credentials, isRight: () => isRight };
}

/** Clients of one address can be told apart by these; long ones are cut, since they are remembered. */
function clientOf({ remoteAddress }: Guest, { app, flashVer }: ConnectEvent): string {
  const place = withoutConnectProof(app).split("?", 1)[0]!;
  return JSON.stringify([remoteAddress, place.slice(0, 128), flashVer.slice(0, 64)]);
}
