import { assertEquals } from "@std/assert";
import { RtmpUnanswered } from "../../../src/doors/rtmp/rtmp_unanswered.ts";

Deno.test("RtmpUnanswered gives a client the time to answer, and remembers one that has not", () => {
  const clients = new RtmpUnanswered();
  assertEquals(clients.has("a", 0), false);
  clients.add("a", 0);
  assertEquals([clients.has("a", 1999), clients.has("b", 2000)], [false, false]);
  // To be asked again meanwhile starts nothing anew.
  clients.add("a", 1500);
  assertEquals(clients.has("a", 2000), true);
  clients.forget("a");
  assertEquals(clients.has("a", 2001), false);
});

Deno.test("RtmpUnanswered forgets a client that was not seen for an hour, not one that comes again", () => {
  const clients = new RtmpUnanswered();
  clients.add("a", 0);
  clients.add("b", 0);
  assertEquals(clients.has("a", 3_000_000), true);
  assertEquals([clients.has("a", 3_600_000), clients.has("b", 3_600_000)], [true, false]);
  clients.add("b", 3_600_000);
  assertEquals(clients.has("b", 3_600_001), false, "it is asked as a new one");
});

Deno.test("RtmpUnanswered remembers a bounded number of clients, those that were seen last", () => {
  const clients = new RtmpUnanswered();
  for (let number = 0; number < 10_000; number++) {
    clients.add(`client ${number}`, number);
    clients.add("returns", number);
  }
  assertEquals(clients.size, 4096);
  assertEquals([clients.has("returns", 20_000), clients.has("client 0", 20_000)], [true, false]);
});
