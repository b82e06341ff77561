/** Whatever clients, hooks, kicks and the clock do in which order, the desk's books balance. */
import { assert, assertEquals } from "@std/assert";
import type { ConnectionEnd, Guest, PlayTicket, PublishTicket } from "../../src/gate/mod.ts";
import fc from "../support/fast_check.ts";
import { settled } from "../support/turned_clock.ts";
import { END, GateBench, password } from "./gate_bench.ts";

type Step =
  | { readonly do: "arrive"; readonly address: number }
  | { readonly do: "ask"; readonly guest: number; readonly action: number; readonly name: number }
  | { readonly do: "start" | "kick" | "end" | "write" | "wait"; readonly ticket: number }
  | { readonly do: "answer"; readonly how: number }
  | { readonly do: "leave" | "kickGuest"; readonly guest: number }
  | { readonly do: "turn"; readonly ms: number };

const some = fc.nat(7);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("arrive" as const), address: fc.nat(2) }),
    fc.record({ do: fc.constant("ask" as const), guest: some, action: fc.nat(2), name: fc.nat(2) }),
    fc.record({
      do: fc.constantFrom("start", "start", "start", "kick", "end", "write", "wait"),
      ticket: some,
    }),
    fc.record({ do: fc.constant("answer" as const), how: fc.nat(4) }),
    fc.record({ do: fc.constantFrom("leave", "kickGuest"), guest: some }),
    fc.record({ do: fc.constant("turn" as const), ms: fc.constantFrom(1, 500, 1000, 5000) }),
  ) as fc.Arbitrary<Step>,
  { minLength: 1, maxLength: 60 },
);

/** What is true of each publisher and player, by what the hooks hear. */
class Books {
  readonly #begun = new Map<string, number>();
  readonly #gone = new Set<number>();

  begin(key: string): void {
    assertEquals(this.#begun.get(key) ?? 0, 0, `${key} begins once`);
    this.#begun.set(key, 1);
  }

  end(key: string): void {
    assertEquals(this.#begun.get(key), 1, `${key} ends once, after it has begun`);
    this.#begun.set(key, 2);
  }

  leave(id: number): void {
    assert(!this.#gone.has(id), `connection ${id} ends once`);
    this.#gone.add(id);
  }

  /** A hook asks about a connection, or hears that it begins something. */
  mention(id: number, what: string): void {
    assert(!this.#gone.has(id), `${what} of connection ${id}, which has left`);
  }

  balance(): void {
    for (const [key, state] of this.#begun) assertEquals(state, 2, `${key} has ended`);
  }
}

async function run(script: readonly Step[]): Promise<void> {
  const books = new Books();
  const answers: ((how: number) => void)[] = [];
  const failures: unknown[] = [];
  /** Hooks that fail are caught by the desk: what a test finds wrong is kept. */
  const noted = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      failures.push(error);
    }
  };
  let begun = 0;
  const numbers = new WeakMap<object, number>();
  // The query's object is the request's own: it tells one from the next.
  const keyOf = ({ query }: { readonly query: URLSearchParams }): string => {
    if (!numbers.has(query)) numbers.set(query, begun++);
    return `number ${numbers.get(query)}`;
  };
  const later = <T>(make: (how: number) => T): Promise<T> =>
    new Promise((resolve, reject) =>
      answers.push((how) => how === 4 ? reject(new Error("gone")) : resolve(make(how)))
    );
  const bench = new GateBench({
    hookMs: 3000,
    hub: { conflict: "takeover" },
    limits: { maxConnectionsPerAddress: 4, maxWaitedNamesPerAddress: 2 },
    hooks: {
      authenticate: ({ connection }) => {
        noted(() => books.mention(connection.id, "authenticate"));
        return later((how) =>
          how < 2 ? { allow: { user: `user${how}` } } : { challenge: "Who is it?" }
        );
      },
      onPublish: ({ connection }) => {
        noted(() => books.mention(connection.id, "onPublish"));
        return later((how) => how < 3 ? undefined : { refuse: "No" });
      },
      onPlay: ({ connection }) => {
        noted(() => books.mention(connection.id, "onPlay"));
        return later((how) => how < 3 ? undefined : { refuse: "No" });
      },
      onPublishStart: (request) =>
        noted(() => {
          books.mention(request.connection.id, "onPublishStart");
          books.begin(keyOf(request));
        }),
      onPublishEnd: (request) => noted(() => books.end(keyOf(request))),
      onPlayStart: (request) =>
        noted(() => {
          books.mention(request.connection.id, "onPlayStart");
          books.begin(keyOf(request));
        }),
      onPlayEnd: (request) => noted(() => books.end(keyOf(request))),
      onDisconnect: ({ id }) => noted(() => books.leave(id)),
    },
  });
  const guests: Guest[] = [];
  const tickets: (PlayTicket | PublishTicket)[] = [];
  const ends = new Map<PlayTicket | PublishTicket, number>();
  const pick = <T>(list: readonly T[], at: number): T | undefined =>
    list.length === 0 ? undefined : list[list.length - 1 - at % list.length];
  const leave = (guest: Guest, end: ConnectionEnd): void => {
    // As a door does: what has begun first.
    for (const ticket of tickets) {
      if (ticket.info.connection === guest.id && ticket.info.state === "live") finish(ticket);
    }
    guest.leave(end);
    guest.release();
  };
  const finish = (ticket: PlayTicket | PublishTicket): void => {
    if ("write" in ticket) ticket.end(END);
    else ticket.end();
  };
  for (const step of script) {
    switch (step.do) {
      case "arrive": {
        const remoteAddress = ["203.0.113.9", "192.168.1.7", "2001:db8::1"][step.address]!;
        const arrival = bench.gate.arrive({ protocol: "rtmp", remoteAddress });
        if (!("granted" in arrival)) break;
        const guest = arrival.granted;
        guest.onKick = (why) => leave(guest, { clean: false, reason: "kicked", message: why });
        void guest.enter();
        guests.push(guest);
        break;
      }
      case "ask": {
        const guest = step.guest === 7 ? bench.gate.own("program") : pick(guests, step.guest);
        const ask = {
          name: `live/${step.name}`,
          query: new URLSearchParams(),
          ...(step.action === 2 ? { credentials: password("alice", "wonderland") } : {}),
        };
        void guest?.[step.action === 1 ? "play" : "publish"](ask).then((answer) => {
          if ("granted" in answer) tickets.push(answer.granted);
        });
        break;
      }
      case "wait": {
        const ticket = pick(tickets, step.ticket);
        if (ticket !== undefined && "stream" in ticket) void ticket.stream({ waitMs: 2000 });
        break;
      }
      case "start": {
        const ticket = pick(tickets, step.ticket);
        ticket?.start({ onEnded: () => void ends.set(ticket, (ends.get(ticket) ?? 0) + 1) });
        break;
      }
      case "kick":
        pick(tickets, step.ticket)?.kick("Not today");
        break;
      case "end": {
        const ticket = pick(tickets, step.ticket);
        if (ticket !== undefined) finish(ticket);
        break;
      }
      case "write":
        break;
      case "answer":
        answers.shift()?.(step.how);
        break;
      case "leave": {
        const guest = pick(guests, step.guest);
        if (guest !== undefined) leave(guest, END);
        break;
      }
      case "kickGuest":
        pick(guests, step.guest)?.kick("Not you");
        break;
      case "turn":
        await bench.clock.turnSlowly(step.ms);
    }
    await settled();
    const live = Array.from(bench.gate.tickets.values()).filter(({ info }) =>
      info.action === "publish" && info.state === "live"
    );
    assertEquals(live.length, bench.hub.streams.filter(({ isLive }) => isLive).length);
    assertEquals(
      [...bench.gate.tickets.values()].filter(({ info }) => info.state === "ended"),
      [],
      "what has ended is listed no more",
    );
  }
  for (const guest of guests) leave(guest, END);
  await settled();
  // The server's own have no connection: programs end what they do.
  for (const ticket of tickets) finish(ticket);
  await bench.clock.turnSlowly(60_000);
  for (const [ticket, times] of ends) assertEquals(times, 1, Deno.inspect(ticket.info));
  if (failures.length > 0) throw failures[0];
  books.balance();
  assertEquals(bench.tickets, []);
  assertEquals([bench.gate.guests.size, bench.hub.streams], [0, []]);
  for (const remoteAddress of ["203.0.113.9", "192.168.1.7", "2001:db8::1"]) {
    for (let number = 0; number < 4; number++) {
      assert("granted" in bench.gate.arrive({ protocol: "rtmp", remoteAddress }), "all given back");
    }
    assert(!("granted" in bench.gate.arrive({ protocol: "rtmp", remoteAddress })), "and no more");
  }
  bench.gate.close();
  assertEquals(bench.clock.pending, 0, "no timer is left");
}

Deno.test("whatever comes in which order, the books of the desk balance", async () => {
  await fc.assert(fc.asyncProperty(steps, run), { numRuns: 400, seed: 9 });
});
