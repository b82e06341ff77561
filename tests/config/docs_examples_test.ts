import { assert } from "@std/assert";
import { parseConfig, SETTINGS, Settings } from "../../src/config/mod.ts";
import { ROOT } from "../support/process.ts";

/** What stands for something of the reader's, and what may stand there. */
const STAND_INS: readonly (readonly [string, string])[] = [["BUCKET", "bucket"]];

/** Not weir's: what the example configures is another program. */
const OF_OTHERS = /^scrape_configs:/;

Deno.test("every piece of a configuration in the documentation is read as one", async () => {
  let count = 0;
  for await (const { name } of Deno.readDir(`${ROOT}docs`)) {
    if (!name.endsWith(".md")) continue;
    const text = await Deno.readTextFile(`${ROOT}docs/${name}`);
    for (const [, block] of text.matchAll(/^ *```yaml\n([\s\S]*?)\n *```$/gm)) {
      if (OF_OTHERS.test(block!)) continue;
      const example = STAND_INS.reduce((text, [from, to]) => text.replaceAll(from, to), block!);
      const file = await parseConfig(example, SETTINGS, {
        path: `docs/${name}`,
        // Long enough for each kind of secret.
        lookup: () => "a-secret-of-this-test-that-is-long-enough",
      });
      // What belongs together may be in two pieces: here it is enough that each is read.
      assert(new Settings({ file }).file !== undefined);
      count++;
    }
  }
  assert(count > 10, `${count} pieces`);
});
