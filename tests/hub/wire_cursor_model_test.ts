/** Random publishers and readers: whatever happens, a reader gets whole messages that it can decode. */
import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import type { Publication, StreamReader } from "../../src/hub/mod.ts";
import { fakeHub, MessageReader, read, type ReadMessage, unit } from "./hub_support.ts";

/** What the model knows of a unit that was published. */
interface Published {
  readonly index: number;
  readonly isStart: boolean;
  /** The video configuration in force. */
  readonly config: string | undefined;
  /** The picture before it that it needs. */
  readonly needs: string | undefined;
}

/** A player that checks what it gets. */
class Player {
  readonly reader: StreamReader;
  /** Times that it did not get the next unit. */
  jumps = 0;
  /** Times that it went on after a pause. */
  restarts = 0;
  messages = 0;
  /** Those of them that may be of preambles. */
  headers = 0;
  readonly #parser = new MessageReader();
  readonly #published: ReadonlyMap<string, Published>;
  readonly #lent: { readonly view: Uint8Array; readonly copy: Uint8Array }[] = [];
  #config: string | undefined;
  #picture: string | undefined;
  #last: Published | undefined;
  #writing: Uint8Array | undefined;

  constructor(reader: StreamReader, published: ReadonlyMap<string, Published>) {
    this.reader = reader;
    this.#published = published;
  }

  /** Starts a write, if none is under way. */
  start(onlyMessage: boolean): boolean {
    if (this.#writing !== undefined) return true;
    this.#writing = this.reader.cursor.next(onlyMessage);
    if (this.#writing === undefined) return false;
    assert(this.#writing.length > 0);
    this.#lent.push({ view: this.#writing, copy: this.#writing.slice() });
    return true;
  }

  /** Ends the write, of which a part has left. */
  finish(part: number): void {
    if (this.#writing === undefined) return;
    const count = Math.round(this.#writing.length * part);
    const messages = this.#parser.push(this.#writing.subarray(0, count));
    this.reader.cursor.advance(count);
    this.#writing = undefined;
    // Nothing is put into a preamble, nor between it and what it is for.
    if (this.#parser.partial > 0) assert(!this.reader.cursor.atBoundary);
    for (const message of messages) this.#take(message);
    const counted = this.reader.cursor.messages;
    assert(
      counted >= this.messages - this.headers && counted <= this.messages,
      `${counted} of ${this.messages} messages, ${this.headers} headers, are counted`,
    );
  }

  /** Views that were handed out are as they were. */
  checkViews(): void {
    for (const { view, copy } of this.#lent) assertEquals(view, copy);
  }

  #take({ name }: ReadMessage): void {
    this.messages++;
    if (name.startsWith("V")) {
      this.#config = name.split("-")[0];
      this.headers++;
    }
    const published = this.#published.get(name);
    if (published === undefined) return;
    if (published.index !== (this.#last?.index ?? -2) + 1) {
      assert(published.isStart, `${name} after a jump is no start`);
      if (this.#last !== undefined) {
        assert(published.index > this.#last.index, `${name} goes back`);
        this.jumps++;
      }
    }
    this.#last = published;
    if (name.startsWith("a")) return;
    assertEquals(this.#config, published.config, `configuration of ${name}`);
    if (published.needs !== undefined) assertEquals(this.#picture, published.needs);
    this.#picture = name;
  }
}

type Step =
  | { readonly do: "publish"; readonly hasVideo: boolean }
  | { readonly do: "release" }
  | { readonly do: "video"; readonly key: boolean; readonly bytes: number }
  | { readonly do: "audio"; readonly bytes: number }
  | { readonly do: "config"; readonly version: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "open"; readonly start: "gop" | "key-frame" | "none" }
  | { readonly do: "start"; readonly player: number }
  | { readonly do: "restart"; readonly player: number }
  | { readonly do: "close"; readonly player: number }
  | { readonly do: "finish"; readonly player: number; readonly part: number };

const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 6000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 30_000, max: 90_000 }) },
);
const player = fc.nat(3);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant("publish"), hasVideo: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: "release" }) },
  {
    weight: 24,
    arbitrary: fc.record({
      do: fc.constant("video"),
      key: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      bytes,
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant("audio"), bytes }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("config"), version: fc.nat(2) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.nat(900) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("open"),
      start: fc.constantFrom("gop", "key-frame", "none"),
    }),
  },
  { weight: 30, arbitrary: fc.record({ do: fc.constant("start"), player }) },
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant("finish"),
      player,
      part: fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, {
        weight: 1,
        arbitrary: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("restart"), player }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close"), player }) },
) as fc.Arbitrary<Step>;

/** Runs the steps; returns what happened, so that the test can tell that enough did. */
function run(steps: readonly Step[]): { jumps: number; messages: number; skips: number } {
  const { hub, clock } = fakeHub({
    conflict: "takeover",
    maxLagBytes: 20_000,
    maxLagMs: 3000,
    maxGopBytes: 60_000,
    lingerMs: 10_000,
  });
  const published = new Map<string, Published>();
  let players: Player[] = [];
  const all: Player[] = [];
  let publication: Publication | undefined;
  let config: string | undefined;
  let picture: string | undefined;
  let hasVideo = false;
  let count = 0;

  const send = (name: string, isStart: boolean, size: number): void => {
    published.set(name, {
      index: published.size,
      isStart,
      config,
      needs: name.startsWith("p") ? picture : undefined,
    });
    publication!.write(unit(name, { bytes: size, dtsMs: count * 20 }));
    publication!.commit();
  };

  const steer: { [Name in Step["do"]]: (one: Extract<Step, { do: Name }>) => void } = {
    publish: (one) => {
      publication = hub.acquire("live/cam");
      config = undefined;
      picture = undefined;
      hasVideo = false;
      if (one.hasVideo) steer.config({ do: "config", version: 0 });
    },
    release: () => {
      publication?.release();
      publication = undefined;
    },
    video: ({ key, bytes: size }) => {
      if (publication === undefined || config === undefined) return;
      const name = `${key ? "K" : "p"}${count++}`;
      if (!key && picture === undefined) {
        // Without a key frame before it the hub drops it.
        publication.write(unit(name));
        return;
      }
      send(name, key, size);
      picture = name;
    },
    audio: ({ bytes: size }) => {
      if (publication !== undefined) send(`a${count++}`, !hasVideo, size);
    },
    config: ({ version }) => {
      if (publication === undefined) return;
      config = `V${version}`;
      hasVideo = true;
      publication.write(unit(config));
      publication.commit();
    },
    pass: ({ ms }) => clock.turn(ms),
    open: ({ start }) => {
      if (players.length > 3) return;
      const added = new Player(read(hub.stream("live/cam"), { start }), published);
      players.push(added);
      all.push(added);
    },
    start: (one) => players[one.player]?.start(one.player % 2 === 1 && count % 3 === 0),
    finish: (one) => players[one.player]?.finish(one.part),
    restart: (one) => {
      const which = players[one.player];
      if (which === undefined) return;
      which.restarts++;
      which.reader.cursor.restart();
    },
    close: (one) => {
      const [gone] = players.splice(one.player, 1);
      gone?.reader.close();
    },
  };
  for (const one of steps) {
    // A stream whose linger is over takes its readers with it.
    const before = hub.get("live/cam");
    steer[one.do](one as never);
    if (before !== undefined && hub.get("live/cam") !== before) players = [];
  }
  for (const each of players) {
    while (each.start(false)) each.finish(1);
    each.reader.close();
  }
  publication?.release();
  clock.turn(10_000);
  assertEquals([hub.streams.length, clock.pending], [0, 0], "something is left");
  for (const each of all) each.checkViews();
  for (const { jumps, restarts, reader } of all) {
    // A still picture is followed by a jump that is no skip.
    assert(jumps <= reader.cursor.skips + restarts + 1, `${jumps} jumps`);
  }
  return {
    jumps: all.reduce((sum, { jumps }) => sum + jumps, 0),
    messages: all.reduce((sum, { messages }) => sum + messages, 0),
    skips: all.reduce((sum, { reader }) => sum + reader.cursor.skips, 0),
  };
}

Deno.test("whatever publishers and readers do, a reader gets whole messages, in order, from starts on, with the right headers, and nothing is left in the end (M071, M075, M080, M083)", () => {
  const seen = { jumps: 0, messages: 0, skips: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 500, size: "max" }), (steps) => {
      const { jumps, messages, skips } = run([
        { do: "open", start: "gop" },
        { do: "publish", hasVideo: true },
        ...steps,
      ]);
      seen.jumps += jumps;
      seen.messages += messages;
      seen.skips += skips;
    }),
    { seed: 20261121, numRuns: 400 },
  );
  // The test would show nothing if readers never had to skip.
  assert(seen.messages > 5000 && seen.jumps > 400 && seen.skips > 400, Deno.inspect(seen));
});
