import { assert, assertEquals } from "@std/assert";
import { measureApiLoad } from "../../bench/api_load.ts";

Deno.test("questions to the API and the metrics, 50 a second, cost 200 players no frame", async () => {
  const seconds = 10;
  const { answered, pictures, skips, idleShare, askedShare } = await measureApiLoad({
    players: 200,
    seconds,
    rate: 25,
  });
  console.log(`${((askedShare - idleShare) * 100).toFixed(1)} % of a core`);
  assert(answered > 25 * seconds, `${answered} answers`);
  assertEquals(skips, 0);
  // 20 of the players tell of each of the 30 pictures a second; the first and the last may fall on either side.
  for (const seen of pictures) {
    assert(Math.abs(seen - 20 * 30 * seconds) <= 100, `${seen} pictures`);
  }
  // Measured on a quiet machine: 2.8 to 3.0 %; what else runs beside is in it.
  assert(askedShare - idleShare < 0.05, `${askedShare} instead of ${idleShare} of a core`);
});
