import { assert, assertEquals } from "@std/assert";
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

/** Keys of settings, and of the sections on the way to them. */
const KEYS = new Set(
  SETTINGS.flatMap(({ key }) => {
    const steps = key.split(".");
    return steps.map((_, index) => steps.slice(0, index + 1).join("."));
  }),
);

/** What is written as a key is and is none: fields of the API. */
const OTHERS = new Set(["cluster.isReachable", "health.advice"]);

/** Words such as `rtmp.port`, or `rtmp.port: off`. */
const KEY = /`([a-z]\w*(?:\.[a-z]\w*)+)(?::[^`]*)?`/gi;

/** The pages for people, by name. */
async function pages(): Promise<Map<string, string>> {
  const names = ["README.md"];
  for await (const { name } of Deno.readDir(`${ROOT}docs`)) {
    if (name.endsWith(".md")) names.push(`docs/${name}`);
  }
  const read = async (name: string) => [name, await Deno.readTextFile(`${ROOT}${name}`)] as const;
  return new Map(await Promise.all(names.map(read)));
}

Deno.test("pages name no key of the configuration that there is not", async () => {
  const sections = new Set(SETTINGS.map(({ key }) => key.split(".", 1)[0]!));
  const unknown: string[] = [];
  let known = 0;
  for (const [page, text] of await pages()) {
    for (const [, key] of text.matchAll(KEY)) {
      if (!sections.has(key!.split(".", 1)[0]!) || OTHERS.has(key!)) continue;
      if (KEYS.has(key!)) known++;
      else unknown.push(`${page}: ${key}`);
    }
  }
  assertEquals(unknown, []);
  assert(known > 200, `${known} keys were looked at`);
});
