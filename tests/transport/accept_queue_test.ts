import { assert, assertEquals } from "@std/assert";
import { LATE, within } from "../../src/time/mod.ts";
import { openListener, systemClock } from "../../src/transport/mod.ts";

/** More than the queue of 511 that Deno has by default. */
const NEWCOMERS = 700;

Deno.test({
  name: "who comes while nobody is accepted waits in the queue, and is not turned away",
  // Elsewhere the system's own bound may be as low as 128.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const listener = await openListener("rtmp", { hostname: "127.0.0.1", port: 0 });
    const { port } = listener;
    const connecting = Array.from(
      { length: NEWCOMERS },
      () => Deno.connect({ hostname: "127.0.0.1", port }),
    );
    // Behind a full queue nobody would ever get in, as none is taken out of it.
    const all = await within(Promise.all(connecting), { clock: systemClock, ms: 20_000 });
    listener.close();
    for (const connection of await Promise.allSettled(connecting)) {
      if (connection.status === "fulfilled") connection.value.close();
    }
    assert(all !== LATE, "The queue was full");
    assertEquals(all.length, NEWCOMERS);
  },
});
