import { assert, assertEquals, assertMatch } from "@std/assert";
import { RunningProcess } from "../support/process.ts";

/** A port that nobody listens on: every download fails at once. */
const NOWHERE = "http://127.0.0.1:9/";

const root = new URL("../../", import.meta.url);
/** `deno task test:jsr` runs the tests in a copy that downloads the standard library. */
const hasStandIns = [...Deno.readDirSync(new URL("scripts/std", root))].length > 0;
if (!hasStandIns) console.log("Skipped: what starts without a network, as there are no stand-ins.");

/** Runs a Deno that has nothing in its cache and reaches no registry. */
async function offline(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const cache = await Deno.makeTempDir({ prefix: "weir-cache-" });
  try {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: root,
      env: { DENO_DIR: cache, NPM_CONFIG_REGISTRY: NOWHERE, JSR_URL: NOWHERE, NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    return { stdout: text.decode(stdout), stderr: text.decode(stderr) };
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test({
  name: "weir loads from a checkout with an empty cache and no network",
  ignore: !hasStandIns,
  async fn() {
    assertEquals(await offline("eval", 'import "./mod.ts"; console.log("loaded");'), {
      stdout: "loaded\n",
      stderr: "",
    });
  },
});

Deno.test({
  name: "the server starts from a checkout with an empty cache and no network, as a task too",
  ignore: !hasStandIns,
  async fn() {
    const run = await offline("run", "--allow-net", "mod.ts", "--version");
    assertMatch(run.stdout, /^weir \d+\.\d+\.\d+\n$/);
    assertEquals(run.stderr, "");
    const task = await offline("task", "start", "--version");
    assertEquals(task.stdout, run.stdout);
    assertMatch(task.stderr, /^Task start [^\n]*\n$/, "and it downloads nothing");
  },
});

Deno.test({
  name: "without a network RTMP, RTSP and FLV over HTTP are served, and the API says what it lacks",
  ignore: !hasStandIns,
  async fn() {
    const cache = await Deno.makeTempDir({ prefix: "weir-cache-" });
    try {
      const local = "127.0.0.1:0";
      await using weir = new RunningProcess(Deno.execPath(), [
        ...["run", "--allow-net", "mod.ts", "--webrtc", "off"],
        ...["--rtmp", local, "--rtsp", local, "--rtp", "off", "--http", local],
      ], { env: { DENO_DIR: cache, NPM_CONFIG_REGISTRY: NOWHERE, JSR_URL: NOWHERE } });
      await weir.line(/rtmp listening/);
      await weir.line(/rtsp listening/);
      const [, url, token] = await weir.line(/^console: (http:\S+)#token=(\S+)$/);
      const ask = async (path: string) => {
        const headers = { authorization: `Bearer ${token}` };
        const answer = await fetch(`${url}${path}`, { headers });
        return [answer.status, await answer.text()];
      };
      const [status, text] = await ask("v1/streams");
      assertEquals([status, JSON.parse(String(text)).code], [503, "packages"]);
      await weir.line(/the API cannot be had, as its packages cannot be loaded/);
      assertEquals((await ask("metrics"))[0], 200, "metrics need none");
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});

Deno.test("deno.json names no npm package, as a task would download it before it starts", async () => {
  const { imports, workspace = [] } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", root)),
  ) as { imports: Record<string, string>; workspace?: string[] };
  const members = await Promise.all(
    workspace.map(async (member) =>
      JSON.parse(await Deno.readTextFile(new URL(`${member}/deno.json`, root))) as {
        imports?: Record<string, string>;
      }
    ),
  );
  for (const named of [imports, ...members.map((member) => member.imports ?? {})]) {
    for (const target of Object.values(named)) assert(!target.startsWith("npm:"), target);
  }
});
