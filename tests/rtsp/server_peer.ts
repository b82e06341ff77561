/** A client in lines of text against a server connection, and an owner that says yes. */
import {
  encodeRequest,
  RtspDecoder,
  type RtspMessage,
  type RtspResponse,
  RtspServerConnection,
  type RtspServerConnectionOptions,
  type RtspServerEvent,
  RtspSessionRegistry,
  type RtspSessionRegistryOptions,
} from "../../src/rtsp/mod.ts";
import { seededRandom } from "../support/split.ts";

export const URL = "rtsp://h:8554/s";
export const TCP = "RTP/AVP/TCP;unicast";
export const ANNOUNCED = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n" +
  "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:streamid=0\r\n" +
  "m=audio 0 RTP/AVP 0\r\na=control:streamid=1\r\n";

export function udp(port: number, more = ""): string {
  return `RTP/AVP;unicast;client_port=${port}-${port + 1}${more}`;
}

export class Clock {
  ms = 0;
}

export function registry(
  seed = 1,
  options: Partial<RtspSessionRegistryOptions> = {},
): RtspSessionRegistry {
  const random = seededRandom(seed);
  return new RtspSessionRegistry({
    random: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    ...options,
  });
}

export interface PeerOptions extends Partial<RtspServerConnectionOptions> {
  /** Whether questions are left to the test; otherwise the owner says yes. */
  readonly manual?: boolean;
  readonly clock?: Clock;
}

export class Peer {
  readonly connection: RtspServerConnection;
  readonly clock: Clock;
  readonly sessions: RtspSessionRegistry;
  /** All events, in order. */
  readonly events: RtspServerEvent[] = [];
  readonly #manual: boolean;
  readonly #decoder = new RtspDecoder();
  #cseq = 0;

  constructor(options: PeerOptions = {}) {
    this.clock = options.clock ?? new Clock();
    this.sessions = options.sessions ?? registry();
    this.#manual = options.manual ?? false;
    this.connection = new RtspServerConnection({
      address: "192.0.2.1",
      nowMs: this.clock.ms,
      transports: {
        tcp: true,
        udpPorts: [8000, 8001],
        multicast: ({ track }) => ({
          address: "239.0.0.1",
          ports: [9000 + 2 * track, 9001 + 2 * track],
          ttl: 16,
        }),
      },
      ...options,
      sessions: this.sessions,
    });
  }

  /** Sends one request and returns the response; the session header is the caller's business. */
  request(
    method: string,
    url = URL,
    headers: Record<string, string> = {},
    body?: string,
  ): RtspResponse {
    const [response] = this.requests([{ method, url, headers, ...(body ? { body } : {}) }]);
    if (response === undefined) throw new Error(`no response to ${method}`);
    return response;
  }

  /** Sends one request whose answer is yet to be decided. */
  ask(
    method: string,
    headers: Record<string, string> = {},
    options: { body?: string; url?: string } = {},
  ): void {
    const { body, url = URL } = options;
    this.requests([{ method, url, headers, ...(body === undefined ? {} : { body }) }]);
  }

  requests(
    all: { method: string; url: string; headers: Record<string, string>; body?: string }[],
  ): RtspResponse[] {
    const decoder = new RtspDecoder();
    const messages = all.flatMap((one) => {
      const headers = { CSeq: String(++this.#cseq), ...one.headers };
      return decoder.push(encodeRequest({ ...one, headers }));
    });
    return this.receive(messages);
  }

  receive(messages: readonly RtspMessage[]): RtspResponse[] {
    this.take(this.connection.receive(messages, this.clock.ms));
    return this.output();
  }

  /** Lets bytes in as a socket would. */
  push(bytes: Uint8Array | string): RtspResponse[] {
    const input = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    return this.receive(new RtspDecoder().push(input));
  }

  frame(channel: number, payload: Uint8Array = Uint8Array.of(0x80, 96, 0, 1)): void {
    this.receive([{ kind: "frame", channel, payload }]);
  }

  /** Keeps events, and answers questions unless the test does. */
  take(events: readonly RtspServerEvent[]): void {
    for (const event of events) {
      this.events.push(event);
      if (!this.#manual) this.take(accept(this.connection, event));
    }
  }

  output(): RtspResponse[] {
    const responses: RtspResponse[] = [];
    for (const bytes of this.connection.takeOutput()) {
      for (const message of this.#decoder.push(bytes)) {
        if (message.kind === "response") responses.push(message);
      }
    }
    return responses;
  }

  /** Sets tracks up for playing and returns the `Session` header of later requests. */
  setUp(transport: (track: number) => string = () => TCP, tracks = 1): Record<string, string> {
    let session: Record<string, string> = {};
    for (let track = 0; track < tracks; track++) {
      const url = `${URL}/trackID=${track}`;
      const response = this.request("SETUP", url, { Transport: transport(track), ...session });
      session = { Session: response.headers.get("Session")!.split(";")[0]! };
    }
    return session;
  }

  /** Announces, and sets both tracks up for recording. */
  announce(transport: (track: number) => string = () => TCP): Record<string, string> {
    const type = { "Content-Type": "application/sdp" };
    const response = this.request("ANNOUNCE", URL, type, ANNOUNCED);
    const session = { Session: response.headers.get("Session")!.split(";")[0]! };
    for (const track of [0, 1]) {
      const headers = { Transport: `${transport(track)};mode=record`, ...session };
      this.request("SETUP", `${URL}/streamid=${track}`, headers);
    }
    return session;
  }

  /** Types of the events since the last call. */
  types(): string[] {
    return this.events.splice(0).map((event) => event.type).filter((type) => type !== "keepalive");
  }
}

export function accept(
  connection: RtspServerConnection,
  event: RtspServerEvent,
): readonly RtspServerEvent[] {
  switch (event.type) {
    case "describe":
      return connection.acceptDescribe(event, { description: ANNOUNCED });
    case "announce":
      return connection.acceptAnnounce(event);
    case "setup":
      return connection.acceptSetup(event, { ssrc: 0xabcd0000 + event.track });
    case "play":
      return connection.acceptPlay(event, {
        rtpInfo: event.session.tracks.map(({ track }) => ({ track, sequence: 7, rtpTime: 9 })),
      });
    case "record":
      return connection.acceptRecord(event);
    case "parameter":
      return connection.acceptParameter(event, { body: event.request.body });
    case "authorize":
      return connection.challenge(event, "missing");
    default:
      return [];
  }
}
