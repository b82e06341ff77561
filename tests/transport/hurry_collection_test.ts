import { assert } from "@std/assert";
import { hurryCollection } from "../../src/transport/mod.ts";

/** Makes buffers of 30 MiB, and holds none of them; returns a sign of the last. */
function leaveBuffers(): WeakRef<Uint8Array> {
  return Array.from({ length: 30 }, () => new WeakRef(new Uint8Array(1 << 20))).at(-1)!;
}

Deno.test("hurryCollection has buffers that nobody holds given back soon", async () => {
  const last = leaveBuffers();
  const end = performance.now() + 15_000;
  // What was just made is held until this turn is over.
  await new Promise((resolve) => setTimeout(resolve, 0));
  hurryCollection();
  while (last.deref() !== undefined) {
    assert(performance.now() < end, "it is still there");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});
