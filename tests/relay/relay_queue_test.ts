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
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  publication.write(unit("V1"));
  publication.write(unit("K1", { bytes: 9 * MIB }));
  const queue = new RelayQueue(publication.stream);
  publication.write(unit("p2"));
  publication.write(unit("V2"));
  publication.write(unit("M2"));
  publication.write(unit("K2"));
  assertEquals(takeNames(queue), ["V1", "K1"]);
  publication.write(unit("p3"));
  assertEquals(takeNames(queue), []);
  publication.write(unit("K3"));
  publication.write(unit("p4"));
  assertEquals(takeNames(queue), ["M2", "V2", "K3", "p4"]);
  assertEquals(queue.takeDropped(), 5);
  queue.end();
  hub.close();
});
