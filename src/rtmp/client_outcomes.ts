import { amfProperties, type AmfValue } from "../amf/mod.ts";
import type { RtmpClientEvent, RtmpStatus } from "./client_event.ts";
import type { ClientRequest, ClientRequests } from "./client_requests.ts";
import { answerOf, endOf, endsConnection, statusError, statusOf } from "./client_status.ts";
import type { ClientNetStream, ClientStreams } from "./client_streams.ts";
import type { RtmpErrorCode } from "./errors.ts";
import { quoted, withoutQuery } from "./peer_text.ts";

/** The session whose requests a {@linkcode ClientOutcomes} decides: it sends what follows. */
export interface OutcomeOwner {
  /** Deletes a NetStream that nobody wants any more. */
  deleteStream(streamId: number): void;
  /** Ends what a NetStream does, and the NetStream. */
  closeStream(streamId: number): void;
  /** Ends the session. */
  close(
    code: RtmpErrorCode,
    message: string,
    events: RtmpClientEvent[],
    status?: RtmpStatus,
  ): void;
}

/** Settles the requests of a client, and follows the state of its NetStreams, by what the server says of them. */
export class ClientOutcomes {
  readonly #requests: ClientRequests;
  readonly #streams: ClientStreams;
  readonly #owner: OutcomeOwner;

  /** Decides of `requests` and `streams`, which the session has too. */
  constructor(requests: ClientRequests, streams: ClientStreams, owner: OutcomeOwner) {
    this.#requests = requests;
    this.#streams = streams;
    this.#owner = owner;
  }

  /** The server has made a NetStream for a publish or play, or says so. */
  streamCreated(request: ClientRequest, id: AmfValue, events: RtmpClientEvent[]): void {
    const isId = typeof id === "number" && Number.isInteger(id) && id >= 1 && id < 2 ** 32;
    if (!isId || this.#streams.has(id)) {
      this.fail(request, events, {
        code: "unexpected-result",
        message: `The server has answered createStream with ${
          isId ? `the id ${id}, which is in use` : `a ${typeof id} that is no id`
        }`,
      });
      return;
    }
    if (request.cancelled) {
      this.#requests.settle(request);
      this.#owner.deleteStream(id);
      return;
    }
    request.streamId = id;
    request.begin!(id);
  }

  /** The server tells how a NetStream, or the connection, does. */
  status(streamId: number, information: AmfValue, events: RtmpClientEvent[]): void {
    const stream = this.#streams.ofMessage(streamId);
    const status = statusOf(stream?.id ?? streamId, information);
    if (stream !== undefined && this.#answersRequest(stream, status, events)) return;
    if (stream?.state === "active" && this.#ends(stream, status, events)) return;
    events.push({ type: "status", status });
    if (endsConnection(status)) {
      this.#owner.close("closed", "The server has ended the connection", events, status);
    }
  }

  /** Looks whether a status answers what was asked of its NetStream; the oldest request comes first. */
  #answersRequest(stream: ClientNetStream, status: RtmpStatus, events: RtmpClientEvent[]): boolean {
    for (const request of this.#requests.ofStream(stream.id)) {
      const answer = answerOf(request, status, { isPending: stream.state === "pending" });
      if (answer === undefined) continue;
      const { information } = status;
      if (answer === "refused") this.refused(request, information, events);
      else if (request.begin !== undefined) this.begun(stream, events, information);
      else {
        this.#requests.settle(request);
        events.push({ type: "result", request: request.id, object: information, args: [] });
      }
      // A seek is told by two statuses, and so on: what is more than asked for is passed on.
      return true;
    }
    return false;
  }

  /** Looks whether a status ends what a NetStream does. */
  #ends(stream: ClientNetStream, status: RtmpStatus, events: RtmpClientEvent[]): boolean {
    const { role } = stream;
    const end = endOf(role, status);
    if (end === undefined) return false;
    stream.state = "stopped";
    const error = end === "failed"
      ? statusError(
        role === "play" ? "play-rejected" : "publish-rejected",
        `The server ends ${role} of ${quoted(withoutQuery(stream.name))}`,
        status,
      )
      : undefined;
    events.push({ type: "stopped", streamId: stream.id, status, error });
    return true;
  }

  /** A publish or play has been granted. */
  begun(
    stream: ClientNetStream,
    events: RtmpClientEvent[],
    information: AmfValue = {},
  ): void {
    stream.state = "active";
    for (const request of this.#requests.ofStream(stream.id)) {
      if (request.begin === undefined) continue;
      this.#requests.settle(request);
      const about = { request: request.id, streamId: stream.id };
      events.push(
        stream.role === "play"
          ? { type: "playing", ...about, information: amfProperties(information) ?? {} }
          : { type: "publishing", ...about },
      );
      return;
    }
  }

  /** The server has refused what was asked for. */
  refused(request: ClientRequest, information: AmfValue, events: RtmpClientEvent[]): void {
    const status = statusOf(request.streamId, information);
    const code = request.kind === "publish"
      ? "publish-rejected"
      : request.kind === "play"
      ? "play-rejected"
      : "call-failed";
    this.fail(request, events, {
      code,
      message: `The server refuses to ${request.label}`,
      status,
    });
  }

  /** A request has failed; without a connection nothing goes on. */
  fail(
    request: ClientRequest,
    events: RtmpClientEvent[],
    failure: {
      readonly code: RtmpErrorCode;
      readonly message: string;
      readonly status?: RtmpStatus;
    },
  ): void {
    const { code, message, status } = failure;
    this.#requests.settle(request);
    if (request.kind === "connect") {
      this.#owner.close(code, message, events, status);
      return;
    }
    if (request.begin !== undefined) this.#owner.closeStream(request.streamId);
    if (request.cancelled) return;
    const error = statusError(code, message, status);
    events.push({ type: "failed", request: request.id, error });
  }
}
