/** Relays at the desk. */
import { assertEquals, assertRejects } from "@std/assert";
import { HubError } from "../../src/hub/mod.ts";
import { RelayVisit } from "../../src/relay/relay_visit.ts";
import { GateBench } from "../gate/gate_bench.ts";

Deno.test("a relay whose name is taken leaves no ticket behind, however often it tries", async () => {
  const bench = new GateBench();
  const publisher = await bench.publisher(await bench.entered());
  for (let tries = 0; tries < 3; tries++) {
    const visit = await RelayVisit.enter(bench.gate, { protocol: "relay", name: "live/cam" });
    const publishing = visit.publish({ identity: "relay", tracks: undefined, onEnded: () => {} });
    await assertRejects(() => publishing, HubError, "has a publisher already");
    assertEquals(bench.tickets, ["publish live/cam live"]);
  }
  publisher.end({ clean: true, reason: "closed", message: "" });
  const visit = await RelayVisit.enter(bench.gate, { protocol: "relay", name: "live/cam" });
  await visit.publish({ identity: "relay", tracks: undefined, onEnded: () => {} });
  visit.leave("stopped");
  assertEquals([bench.tickets, bench.hub.streams], [[], []]);
});
