import { assertEquals } from "@std/assert";
import { SendWindow } from "../../src/rtmp/send_window.ts";

/** A window that has been asked for, and acknowledged once. */
function limited(bytes: number): SendWindow {
  const window = new SendWindow();
  window.limit(bytes, "hard");
  window.acknowledge(0);
  return window;
}

Deno.test("a peer that asks for a limit is bounded from its first acknowledgement on (M030)", () => {
  const window = new SendWindow();
  assertEquals(window.room(1_000_000), Infinity);
  window.acknowledge(0);
  assertEquals(window.room(1_000_000), Infinity, "acknowledged, nothing asked for");
  const silent = new SendWindow();
  silent.limit(1000, "hard");
  assertEquals(silent.room(1_000_000), Infinity, "asked for, never acknowledged");
  silent.acknowledge(1_000_000);
  assertEquals(silent.isLimited, true);
  assertEquals([silent.room(1_000_000), silent.room(1_000_900)], [1000, 100]);
  assertEquals([silent.room(1_001_000), silent.room(1_002_000)], [0, 0]);
  silent.acknowledge(1_001_000);
  assertEquals(silent.room(1_002_000), 0);
  silent.acknowledge(1_001_500);
  assertEquals(silent.room(1_002_000), 500);
});

Deno.test("hard, soft and dynamic limits follow each other as specified (M030)", () => {
  const room = (...limits: [number, "hard" | "soft" | "dynamic"][]): number => {
    const window = new SendWindow();
    window.acknowledge(0);
    for (const limit of limits) window.limit(...limit);
    return window.room(0);
  };
  assertEquals(room([1000, "hard"]), 1000);
  assertEquals(room([1000, "hard"], [2000, "hard"]), 2000);
  assertEquals(room([1000, "soft"]), 1000);
  assertEquals(room([1000, "hard"], [2000, "soft"]), 1000, "the smaller of the two");
  assertEquals(room([1000, "hard"], [500, "soft"]), 500);
  assertEquals(room([1000, "dynamic"]), Infinity, "ignored: what all servers send");
  assertEquals(room([1000, "hard"], [2000, "dynamic"]), 2000, "as if hard");
  assertEquals(room([1000, "hard"], [2000, "dynamic"], [3000, "dynamic"]), 3000);
  assertEquals(room([1000, "soft"], [2000, "dynamic"]), 1000);
});

Deno.test("acknowledgements wrap at 2^32, and may count the handshake (M030, M031)", () => {
  const window = limited(1000);
  window.acknowledge(2 ** 32 - 100);
  assertEquals(window.room(2 ** 32 + 300), 600);
  window.acknowledge(200);
  assertEquals(window.room(2 ** 32 + 300), 900);
  window.acknowledge(200 + 3073);
  assertEquals(window.room(2 ** 32 + 300), 1000);
});

Deno.test("who asks for a limit and then acknowledges no more is not starved (M030)", () => {
  const window = limited(1000);
  window.tick(0);
  assertEquals(window.room(1000), 0);
  window.tick(10_000);
  window.tick(11_900);
  window.acknowledge(500);
  assertEquals(window.room(1500), 0);
  window.tick(13_000);
  assertEquals(window.room(1500), 0, "an acknowledgement gives time");
  window.tick(15_000);
  assertEquals([window.room(1500), window.isLimited], [Infinity, false]);
  window.acknowledge(1500);
  assertEquals(window.room(1_000_000), Infinity, "for good");
});
