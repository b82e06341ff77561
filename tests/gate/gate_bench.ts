/** A gate in simulated time, with what its hooks have heard. */
import { assert } from "@std/assert";
import {
  type Answer,
  type Arrival,
  type ConnectionEnd,
  Gate,
  type GateOptions,
  type Guest,
  type PlayTicket,
  type PublishTicket,
  type ServerHooks,
  type ShownCredentials,
} from "../../src/gate/mod.ts";
import { Hub, type HubOptions, type MediaUnit } from "../../src/hub/mod.ts";
import { PeerLog } from "../../src/log/mod.ts";
import { LogBook } from "../support/test_server.ts";
import { TurnedClock } from "../support/turned_clock.ts";

/** How connections end in these tests. */
export const END: ConnectionEnd = { clean: true, reason: "closed", message: "The peer has closed" };

/** An address of the internet, and one of a house. */
export const PUBLIC = "203.0.113.9";
export const PRIVATE = "192.168.1.7";

/** An audio unit. */
export const UNIT: MediaUnit = {
  kind: "audio",
  role: "media",
  track: 0,
  dtsUs: 0,
  ptsUs: 0,
  keyFrame: true,
  discardable: true,
  payload: { format: "flv", body: new Uint8Array([0x2f, 1, 2]) },
};

export interface BenchOptions
  extends Partial<Pick<GateOptions, "limits" | "hookMs" | "claims" | "termsOf">> {
  readonly hooks?: ServerHooks;
  readonly hub?: Omit<HubOptions, "clock">;
}

export class GateBench {
  readonly clock = new TurnedClock();
  readonly log = new LogBook();
  readonly hub: Hub;
  readonly gate: Gate;
  /** What the listening hooks were told, in order. */
  readonly heard: string[] = [];

  constructor(options: BenchOptions = {}) {
    const { hooks = {}, hub = {}, ...rest } = options;
    this.hub = new Hub({ lingerMs: 0, ...hub, clock: this.clock });
    const hear = (line: string): void => void this.heard.push(line);
    this.gate = new Gate({
      hub: this.hub,
      log: this.log,
      peers: new PeerLog(this.log, this.clock),
      clock: this.clock,
      hooks: {
        onPublishStart: ({ name }) => hear(`publish ${name}`),
        onPublishEnd: ({ name }, { reason }) => hear(`unpublish ${name}: ${reason}`),
        onPlayStart: ({ name }) => hear(`play ${name}`),
        onPlayEnd: ({ name }) => hear(`stop ${name}`),
        onDisconnect: ({ id }, { reason }) => hear(`disconnect ${id}: ${reason}`),
        ...hooks,
      },
      ...rest,
    });
  }

  /** A client that has connected, by RTMP from a public address where nothing else is said. */
  guest(arrival: Partial<Arrival> = {}): Guest {
    return granted(this.gate.arrive({ protocol: "rtmp", remoteAddress: PUBLIC, ...arrival }));
  }

  /** One that has introduced itself too. */
  async entered(arrival: Partial<Arrival> = {}): Promise<Guest> {
    const guest = this.guest(arrival);
    granted(await guest.enter());
    return guest;
  }

  /** A publisher that has begun; `ends` is given what it is told of its end. */
  async publisher(
    guest: Guest,
    { name = "live/cam", ends = [], credentials }: {
      readonly name?: string;
      readonly ends?: ConnectionEnd[];
      readonly credentials?: ShownCredentials;
    } = {},
  ): Promise<PublishTicket> {
    const ticket = granted(
      await guest.publish({ name, ...(credentials === undefined ? {} : { credentials }) }),
    );
    granted(ticket.start({ onEnded: (end) => void ends.push(end) }));
    return ticket;
  }

  /** A player that has begun. */
  async player(
    guest: Guest,
    { name = "live/cam", ends = [] }: {
      readonly name?: string;
      readonly ends?: ConnectionEnd[];
    } = {},
  ): Promise<PlayTicket> {
    const ticket = granted(await guest.play({ name }));
    assert(ticket.start({ onEnded: (end) => void ends.push(end) }));
    return ticket;
  }

  /** Tickets that there are, in words. */
  get tickets(): string[] {
    return Array.from(
      this.gate.tickets.values(),
      ({ info: { action, stream, state } }) => `${action} ${stream} ${state}`,
    );
  }

  /** Lines of the log that say that something has failed. */
  get errors(): string[] {
    return this.log.lines.filter(({ level }) => level === "error").map(({ fields }) =>
      String(fields.error)
    );
  }
}

/** What is granted; fails where it is not. */
export function granted<T>(answer: Answer<T>): T {
  assert("granted" in answer, Deno.inspect(answer));
  return answer.granted;
}

/** An answer in a word: what it is, and of a refusal which. */
export function kindOf(answer: Answer<unknown>): string {
  if ("refused" in answer) return answer.refused;
  return "granted" in answer ? "granted" : "challenge" in answer ? "challenge" : "redirect";
}

/** A password shown in clear. */
export function password(username: string, password: string): ShownCredentials {
  return { kind: "password", username, password };
}
