import { assert, assertEquals } from "@std/assert";
import { RelayQueue } from "../../src/relay/relay_queue.ts";
import { fakeHub, nameOf, unit } from "../hub/hub_support.ts";

const MIB = 1024 * 1024;

/** The names of all that waits. */
function takeNames(queue: RelayQueue): string[] {
  const names: string[] = [];
  for (let next; (next = queue.next()) !== undefined;) names.push(nameOf(next.unit));
  return names;
}

Deno.test("a push whose target takes nothing holds no more than its bound, whatever is published (threats: memory by size)", () => {
  const floods = {
    "pictures": (number: number) => unit(`p${number}`, { bytes: 10_000 }),
    "empty pictures": () => unit("p"),
    "headers": (number: number) => unit(`V${number}`, { bytes: 10_000 }),
    "metadata": (number: number) => unit(`M${number}`, { bytes: 10_000 }),
  };
  for (const [what, make] of Object.entries(floods)) {
    const { hub } = fakeHub();
    const publication = hub.acquire("live/cam");
    publication.write(unit("V"));
    publication.write(unit("K"));
    const queue = new RelayQueue(publication.stream);
    const count = what === "empty pictures" ? 100_000 : 2000;
    for (let number = 0; number < count; number++) publication.write(make(number));
    let bytes = 0;
    for (let next; (next = queue.next()) !== undefined;) {
      assert(next.unit.payload.format === "flv");
      bytes += next.unit.payload.body.length + 100;
    }
    assert(bytes < 9 * MIB, `${bytes} bytes of ${what}`);
    assert(queue.takeDropped() > 0, what);
    queue.end();
    hub.close();
  }
});

Deno.test("a push that was too slow goes on at a key frame, with the headers that it missed (M071)", () => {
  const { hub } = fakeHub({ maxLagBytes: 10_000 });
  const publication = hub.acquire("live/cam");
  publication.write(unit("V1"));
  publication.write(unit("K1", { bytes: 9000 }));
  const queue = new RelayQueue(publication.stream);
  // What it begins with may be more than may wait.
  publication.write(unit("p2", { bytes: 9000 }));
  assertEquals(takeNames(queue), ["V1", "K1", "p2"]);
  publication.write(unit("p3", { bytes: 9000 }));
  publication.write(unit("V2"));
  publication.write(unit("M2"));
  publication.write(unit("p4", { bytes: 9000 }));
  publication.write(unit("p5"));
  assertEquals(takeNames(queue), []);
  assertEquals([queue.takeDropped(), queue.takeDropped()], [5, 0]);
  publication.write(unit("K6"));
  publication.write(unit("p7"));
  const first = queue.next()!;
  assertEquals([nameOf(first.unit), first.publication], ["M2", publication]);
  assertEquals(takeNames(queue), ["V2", "K6", "p7"]);
  assertEquals(queue.takeDropped(), 0);
  queue.end();
  hub.close();
});
