import { assert, assertEquals } from "@std/assert";
import { SETTINGS } from "../../src/config/mod.ts";
import { ROOT } from "../support/process.ts";

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

Deno.test("pages name no key of the configuration that there is not", async () => {
  const sections = new Set(SETTINGS.map(({ key }) => key.split(".", 1)[0]!));
  const unknown: string[] = [];
  let known = 0;
  const pages = ["README.md"];
  for await (const { name } of Deno.readDir(`${ROOT}/docs`)) {
    if (name.endsWith(".md")) pages.push(`docs/${name}`);
  }
  for (const page of pages) {
    for (const [, key] of (await Deno.readTextFile(`${ROOT}/${page}`)).matchAll(KEY)) {
      if (!sections.has(key!.split(".", 1)[0]!) || OTHERS.has(key!)) continue;
      if (KEYS.has(key!)) known++;
      else unknown.push(`${page}: ${key}`);
    }
  }
  assertEquals(unknown, []);
  assert(known > 200, `${known} keys were looked at`);
});
