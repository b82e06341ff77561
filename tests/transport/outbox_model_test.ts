/**
 * A log, its cursors and the outboxes of their players together, beside a simple model: whatever happens, a
 * player gets whole messages, in order, from starts on, and each answer between two of them.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  HeaderSet,
  hubSettings,
  type MediaUnit,
  type StartPolicy,
  unitBytes,
  type WireCursor,
  WireLog,
  type WireLogWriter,
} from "../../src/hub/mod.ts";
import { Outbox } from "../../src/transport/outbox.ts";
import { MessageReader, nameOf, type ReadMessage, TestFormat, unit } from "../hub/hub_support.ts";
import { TurnedClock } from "../support/turned_clock.ts";
import { SlowPeer } from "./outbox_peer.ts";

/** A message that is in the log, by the model. */
interface Sent {
  readonly index: number;
  /** Whether a player may begin with it. */
  readonly isStart: boolean;
  /** The configuration that it needs. */
  readonly config: string;
}

/** Makes so many messages of a unit as its track says, and throws behind them if its name ends in `!`. */
class PieceFormat extends TestFormat {
  override encode(of: MediaUnit, log: WireLogWriter): void {
    const name = nameOf(of);
    for (let piece = 0; piece < of.track; piece++) {
      super.encode(unit(`${name}.${piece}`, { bytes: unitBytes(of) }), log);
    }
    if (name.endsWith("!")) throw new Error("a unit that cannot be encoded");
  }
}

/** The bytes of an answer, which parse as a message does. */
function answerBytes(name: string): Uint8Array {
  return new TestFormat().preamble(HeaderSet.EMPTY.with(unit(name, { bytes: 40 })), 0);
}

/** How a player begins, and whether with an answer. */
interface Join {
  readonly start: StartPolicy;
  readonly isTold: boolean;
}

class Player {
  readonly peer = new SlowPeer();
  readonly outbox = new Outbox(this.peer);
  readonly cursor: WireCursor;
  /** Answers that it was sent. */
  answers = 0;
  restarts = 0;
  jumps = 0;
  /** The last message of the log that it had. */
  last: Sent | undefined;
  /** Messages that it may yet finish; unbounded while it is in flow. */
  mayGet = Infinity;
  /** Index of the first message that it is not to get. */
  stopIndex = Infinity;
  finished: number | undefined;
  readonly #sent: ReadonlyMap<string, Sent>;
  readonly #parser = new MessageReader();
  #config = "";
  #answersGot = 0;

  constructor(log: WireLog, { start, isTold }: Join, sent: ReadonlyMap<string, Sent>) {
    this.cursor = log.open({ start });
    this.#sent = sent;
    this.outbox.add(this.cursor, isTold ? [answerBytes(`Mx${this.answers++}`)] : []);
  }

  async take(part: number): Promise<void> {
    if (!this.peer.isWriting) return;
    const count = Math.round(this.peer.writing.length * part);
    const bytes = await this.peer.take(count);
    for (const message of this.#parser.push(bytes)) this.#got(message);
  }

  answer(): void {
    this.outbox.send([answerBytes(`Mx${this.answers++}`)]);
  }

  /** Takes all that there is to be had. */
  async drain(): Promise<void> {
    while (this.peer.isWriting) await this.take(1);
    assertEquals(this.#answersGot, this.answers, "answers");
    assertEquals(this.#parser.partial, 0, "bytes of a message that is not whole");
  }

  #got({ name }: ReadMessage): void {
    if (name.startsWith("Mx")) {
      assertEquals(name, `Mx${this.#answersGot++}`, "answers in order");
      return;
    }
    const [unitName] = name.split(".");
    if (unitName!.startsWith("V")) this.#config = unitName!;
    const message = this.#sent.get(name);
    // A preamble has the units themselves, which are no messages of the log.
    if (message === undefined) {
      assert(unitName === name && name.startsWith("V"), `${name} is not in the log`);
      return;
    }
    assert(this.mayGet-- > 0, `${name} behind the last message of a player that has left`);
    assert(message.index < this.stopIndex, `${name} lies behind the stop`);
    if (message.index !== (this.last?.index ?? NaN) + 1) {
      assert(message.isStart, `${name} after a jump is no start`);
      if (this.last !== undefined) {
        assert(message.index > this.last.index, `${name} goes back`);
        this.jumps++;
      }
    }
    this.last = message;
    if (!name.startsWith("V")) assertEquals(this.#config, message.config, `headers of ${name}`);
  }
}

type Step =
  | {
    readonly do: "append";
    readonly kind: "K" | "p" | "V";
    readonly pieces: number;
    readonly bytes: number;
    readonly fails: boolean;
  }
  | { readonly do: "flush" | "shed" | "forget" }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "join" } & Join
  | { readonly do: "take"; readonly player: number; readonly part: number }
  | { readonly do: "answer" | "restart" | "remove" | "finish"; readonly player: number };

const player = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant("append"),
      kind: fc.constantFrom("K", "p", "p", "p", "p", "p", "V"),
      pieces: fc.integer({ min: 1, max: 3 }),
      bytes: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 1, max: 3000 }) },
        { weight: 1, arbitrary: fc.integer({ min: 20_000, max: 70_000 }) },
      ),
      fails: fc.integer({ min: 0, max: 11 }).map((n) => n === 0),
    }),
  },
  { weight: 16, arbitrary: fc.constant({ do: "flush" }) },
  {
    weight: 40,
    arbitrary: fc.record({
      do: fc.constant("take"),
      player,
      part: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("answer"), player }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.nat(900) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("join"),
      start: fc.constantFrom("gop", "key-frame", "none"),
      isTold: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart"), player }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove"), player }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("finish"), player }) },
  { weight: 1, arbitrary: fc.constant({ do: "shed" }) },
  { weight: 1, arbitrary: fc.constant({ do: "forget" }) },
) as fc.Arbitrary<Step>;

/** Runs the steps; returns what happened, so that the test can tell that enough did. */
async function run(steps: readonly Step[]) {
  const clock = new TurnedClock();
  const settings = hubSettings({
    clock,
    maxLagBytes: 20_000,
    maxLagMs: 3000,
    maxGopBytes: 60_000,
  });
  const log = new WireLog(new PieceFormat(), settings);
  const sent = new Map<string, Sent>();
  const all: Player[] = [];
  let players: Player[] = [];
  let headers = HeaderSet.EMPTY;
  let count = 0;
  let failures = 0;
  const rethrow = (error: unknown): never => {
    throw error;
  };

  const append = (kind: string, pieces: number, bytes: number, fails = false): void => {
    const name = `${kind}${count++}${fails ? "!" : ""}`;
    const config = headers.units.map(nameOf).join();
    const next = kind === "V" ? headers.with(unit(name, { bytes })) : headers;
    const { head, messages, newestStart } = log;
    const about = { headers: next, startPoint: kind === "K" };
    const one = unit(name, { bytes, track: pieces });
    if (fails) {
      failures++;
      try {
        log.append(one, about);
      } catch {
        assertEquals([log.head, log.messages], [head, messages]);
        assert(log.newestStart === newestStart);
      }
      return;
    }
    log.append(one, about);
    headers = next;
    for (let piece = 0; piece < pieces; piece++) {
      const isStart = kind === "K" && piece === 0;
      sent.set(`${name}.${piece}`, { index: sent.size, isStart, config });
    }
    assertEquals(log.messages, sent.size);
  };
  const join = (how: Join): void => {
    if (players.length > 2) return;
    const added = new Player(log, how, sent);
    players.push(added);
    all.push(added);
  };
  const leave = (gone: Player): void => {
    players = players.filter((other) => other !== gone);
  };

  append("V", 1, 10);
  join({ start: "gop", isTold: false });
  for (const one of steps) {
    switch (one.do) {
      case "append":
        append(one.kind, one.pieces, one.bytes, one.fails);
        break;
      case "flush":
        log.flush(rethrow);
        break;
      case "shed":
        log.shed();
        break;
      case "forget":
        log.forgetStart();
        break;
      case "pass":
        clock.turn(one.ms);
        break;
      case "join":
        join(one);
        break;
      case "take":
        await players[one.player]?.take(one.part);
        break;
      case "answer":
        players[one.player]?.answer();
        break;
      case "restart": {
        const which = players[one.player];
        if (which === undefined) break;
        which.restarts++;
        which.cursor.restart();
        break;
      }
      case "remove": {
        const which = players[one.player];
        if (which === undefined) break;
        leave(which);
        which.outbox.remove(which.cursor);
        // What was handed out may leave, and then what remains of the message that it ends in.
        await which.take(1);
        which.mayGet = which.cursor.atBoundary ? 0 : 1;
        break;
      }
      case "finish": {
        const which = players[one.player];
        if (which === undefined) break;
        leave(which);
        which.stopIndex = sent.size;
        which.finished = 0;
        which.cursor.stopAt(which.cursor.head);
        which.outbox.finish(which.cursor, () => which.finished!++);
        break;
      }
    }
  }
  // Whatever happened: who stays gets the next start, and all that left the log is not asked for.
  append("K", 2, 100);
  log.flush(rethrow);
  for (const each of all) await each.drain();
  for (const each of players) assertEquals(each.last?.index, sent.size - 1, "the newest start");
  for (const { finished = 1 } of all) assertEquals(finished, 1, "times that it was finished");
  for (const { jumps, restarts, cursor } of all) {
    assert(jumps <= cursor.skips + restarts + 1, `${jumps} jumps`);
    cursor.close();
  }
  assertEquals(log.readers, 0);
  return {
    failures,
    messages: all.reduce((sum, { cursor }) => sum + cursor.messages, 0),
    answers: all.reduce((sum, { answers }) => sum + answers, 0),
    skips: all.reduce((sum, { cursor }) => sum + cursor.skips, 0),
  };
}

Deno.test("whatever is appended, written in part, answered, skipped or fails, a player gets whole messages, in order, from starts on, and every answer between two (M083)", async () => {
  const seen = { failures: 0, messages: 0, answers: 0, skips: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 100, maxLength: 400, size: "max" }),
      async (steps) => {
        const one = await run(steps);
        for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += one[key];
      },
    ),
    { seed: 20261127, numRuns: 200 },
  );
  // The test would show nothing if little of it happened.
  assert(
    seen.messages > 5000 && seen.answers > 1000 && seen.failures > 500 && seen.skips > 200,
    Deno.inspect(seen),
  );
});
