import { assert, assertEquals } from "@std/assert";
import { fuzz } from "../scripts/fuzz.ts";
import { Chance, mutated, mutatedText } from "../scripts/fuzz/mutation.ts";

Deno.test("the same seed mutates the same way, and never the input itself", () => {
  const input = Uint8Array.from({ length: 64 }, (_, index) => index);
  for (let seed = 0; seed < 200; seed++) {
    const [one, other] = [seed, seed].map((start) => mutated(input, new Chance(start)));
    assertEquals(one, other);
    assertEquals(
      mutatedText("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", new Chance(seed)),
      mutatedText("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", new Chance(seed)),
    );
  }
  assertEquals(input, Uint8Array.from({ length: 64 }, (_, index) => index));
});

Deno.test("wrong input of all kinds ends its own connection, and costs nobody else a frame", async () => {
  const report = await fuzz({ inputs: Infinity, seconds: 60, seed: 1 });
  console.log(report);
  assertEquals(report.faults, []);
  assert(report.inputs > 20_000, "hardly anything was sent");
});
