import { requiredOptions, RTSP_BACK_CHANNEL } from "./back_channel.ts";
import { parseAnnouncement, publishedMedia } from "./announcement.ts";
import { RtspError } from "./errors.ts";
import type { RtspRequest } from "./message.ts";
import { parseRange, type RtspRange } from "./range.ts";
import {
  announcedTrack,
  checkAggregate,
  checkTrackFree,
  notFound,
  playedTrack,
} from "./request_checks.ts";
import type { ResponseOptions } from "./response_writer.ts";
import type { RtspQuestionEvent, RtspServerEvent } from "./server_events.ts";
import type { SessionBinding } from "./session_binding.ts";
import type { ServerSession, SessionTable } from "./session_table.ts";
import { RTSP_METHODS, type RtspMethod } from "./states.ts";
import { splitStreamUrl } from "./track_url.ts";
import { parseTransports } from "./transport_header.ts";
import { chooseTransport, type RtspTransportPolicy } from "./transport_choice.ts";
import { parseRtspUrl } from "./url.ts";

/** A question but for what all of them have. */
export type BareQuestion = RtspQuestionEvent extends infer Question
  ? Question extends RtspQuestionEvent ? Omit<Question, "request" | "credentials"> : never
  : never;

/** One request that is being handled, and what its connection offers for that. */
export interface RequestTurn {
  readonly request: RtspRequest;
  /** The events of the request so far, to which the handler adds. */
  readonly events: RtspServerEvent[];
  readonly nowMs: number;
  /** Address of the client, without port. */
  readonly address: string;
  readonly policy: RtspTransportPolicy;
  readonly table: SessionTable;
  readonly binding: SessionBinding;
  /** Answers it. */
  respond(status: number, options?: ResponseOptions): void;
  /** Has the owner decide about it. */
  ask(question: BareQuestion): void;
  /** Goes on with the session that it names, once it may use it; with none where it names none. */
  withSession(act: (session: ServerSession | undefined) => void): void;
}

/** The handler of each method. */
export const REQUEST_HANDLERS: Readonly<Record<RtspMethod, (turn: RequestTurn) => void>> = {
  OPTIONS: options,
  DESCRIBE: describe,
  ANNOUNCE: announce,
  SETUP: setUp,
  PLAY: play,
  PAUSE: pause,
  RECORD: record,
  TEARDOWN: tearDown,
  GET_PARAMETER: parameter,
  SET_PARAMETER: parameter,
};

function options(turn: RequestTurn): void {
  turn.withSession((session) => {
    turn.respond(200, { headers: { Public: RTSP_METHODS.join(", ") }, ...about(session) });
  });
}

function parameter(turn: RequestTurn): void {
  turn.withSession((session) => {
    if (turn.request.body.length === 0) turn.respond(200, about(session));
    else turn.ask({ type: "parameter", session });
  });
}

function describe(turn: RequestTurn): void {
  const url = parseRtspUrl(turn.request.url);
  const accept = turn.request.headers.get("Accept") ?? "*/*";
  if (!/application\/sdp|application\/\*|\*\/\*/i.test(accept)) {
    const message = `Accept "${accept.slice(0, 60)}" without application/sdp`;
    throw new RtspError("not-acceptable", message, { status: 406 });
  }
  const wantsBackChannel = requiredOptions(turn.request.headers).includes(RTSP_BACK_CHANNEL);
  turn.withSession(() => turn.ask({ type: "describe", wantsBackChannel, ...splitStreamUrl(url) }));
}

function announce(turn: RequestTurn): void {
  const { request, binding, nowMs } = turn;
  const url = parseRtspUrl(request.url);
  turn.withSession((found) => {
    const session = found ?? binding.interleaved ?? binding.create(nowMs);
    session.require("ANNOUNCE");
    const description = parseAnnouncement(request);
    turn.ask({ type: "announce", session, description, ...splitStreamUrl(url) });
  });
}

function setUp(turn: RequestTurn): void {
  const { request, binding, table, policy, address, nowMs } = turn;
  const url = parseRtspUrl(request.url);
  const offered = parseTransports(request.headers.getAll("Transport").join());
  turn.withSession((found) => {
    const session = found ?? binding.impliedForSetup() ?? binding.create(nowMs);
    session.require("SETUP");
    const mode = session.state === "ready-to-record" ? "record" : "play";
    const named = mode === "record" ? announcedTrack(session, url) : playedTrack(session, url);
    checkTrackFree(session, named.track);
    const transport = chooseTransport(offered, {
      policy,
      session,
      mode,
      path: named.path,
      track: named.track,
      address,
      portInUse: (port) => table.portInUse(address, port),
    });
    if (transport.kind === "tcp") binding.checkCarry(session);
    turn.ask({ type: "setup", session, mode, transport, ...named });
  });
}

function play(turn: RequestTurn): void {
  const url = parseRtspUrl(turn.request.url);
  const header = turn.request.headers.get("Range");
  withOwnSession(turn, (session) => {
    session.require("PLAY");
    checkAggregate(session, url);
    const range = header === undefined ? undefined : readRange(header);
    turn.ask({ type: "play", session, range });
  });
}

function record(turn: RequestTurn): void {
  const url = parseRtspUrl(turn.request.url);
  withOwnSession(turn, (session) => {
    session.require("RECORD");
    checkAggregate(session, url);
    const { description, tracks } = session;
    const published = description === undefined ? [] : publishedMedia(description);
    const missing = published.filter((index) => tracks.every(({ track }) => track !== index));
    if (missing.length > 0) {
      const count = published.length - missing.length;
      const message = `${count} of ${published.length} announced media are set up`;
      throw new RtspError("tracks-missing", message);
    }
    turn.ask({ type: "record", session });
  });
}

function pause(turn: RequestTurn): void {
  withOwnSession(turn, (session) => {
    session.require("PAUSE");
    const { flowing } = session;
    session.follow("PAUSE");
    turn.respond(200, { session });
    if (flowing) turn.events.push({ type: "paused", session });
  });
}

function tearDown(turn: RequestTurn): void {
  withOwnSession(turn, (session) => {
    turn.events.push(...turn.table.remove(session, "teardown"));
    turn.respond(200);
  });
}

function withOwnSession(turn: RequestTurn, act: (session: ServerSession) => void): void {
  turn.withSession((found) => {
    // Who forgets the header can only mean the one session of the connection.
    const session = found ?? turn.binding.implied;
    if (session === undefined) {
      throw notFound(turn.binding.whyEnded ?? "a request without session");
    }
    act(session);
  });
}

function about(session: ServerSession | undefined): ResponseOptions {
  return session === undefined ? {} : { session };
}

/**
 * A live stream has one range; clients write what they like (`0.000-`, `npt=`), and mean it. Who asks for a time of the
 * clock means that one.
 */
function readRange(header: string): RtspRange | undefined {
  try {
    return parseRange(header);
  } catch (error) {
    if (error instanceof RtspError && !/^\s*clock\b/i.test(header)) return undefined;
    throw error;
  }
}
