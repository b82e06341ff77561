import { assertEquals } from "@std/assert";

/** A port that nobody listens on: every download fails at once. */
const NOWHERE = "http://127.0.0.1:9/";

Deno.test("weir loads from a checkout with an empty cache and no network", async () => {
  const cache = await Deno.makeTempDir({ prefix: "weir-cache-" });
  try {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", 'import "./mod.ts"; console.log("loaded");'],
      cwd: new URL("../../", import.meta.url),
      env: { DENO_DIR: cache, NPM_CONFIG_REGISTRY: NOWHERE, JSR_URL: NOWHERE, NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    assertEquals([text.decode(stdout), text.decode(stderr)], ["loaded\n", ""]);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});
