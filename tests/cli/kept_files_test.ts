import { assert, assertEquals, assertMatch } from "@std/assert";
import { ApiClient } from "../../src/api/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { run, RunningProcess } from "../support/process.ts";

const deno = Deno.execPath();
const TOKEN = "a-token-of-the-tests";

Deno.test(
  "what the API has made is there after a restart, with no more permissions than weir permissions says",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    await using folder = new TemporaryFolder();
    const at = (name: string) => `${folder.path}/${name}`;
    await Deno.writeTextFile(at("token"), `${TOKEN}\n`);
    const args = [
      ...["--rtmp", "127.0.0.1:0", "--rtsp", "off", "--rtp", "off", "--webrtc", "off"],
      ...["--http", "127.0.0.1:0", "--api-token-file", at("token")],
      ...["--state-file", at("state.json"), "--keys-file", at("keys.json")],
    ];
    const { stdout } = await run(deno, ["run", "mod.ts", "permissions", ...args]);
    const flags = new TextDecoder().decode(stdout).split(" ").filter((word) =>
      word.startsWith("--allow-")
    );
    const start = async () => {
      const weir = new RunningProcess(deno, ["run", "--no-prompt", ...flags, "mod.ts", ...args], {
        limitMs: 60_000,
      });
      const [, port] = await weir.line(/http listening on 127\.0\.0\.1:(\d+)/);
      const api = new ApiClient({ url: `http://127.0.0.1:${port}/`, token: TOKEN });
      return { weir, api };
    };
    const relay = {
      mode: "push",
      name: "live/a",
      url: "rtmp://me:se4cret@127.0.0.1:9/b/a",
    } as const;
    {
      const { weir, api } = await start();
      await using _ = weir;
      await api.addRelay(relay);
      await api.setPath({ pattern: "live/*", maxPlayers: 3 });
      await api.makeKey(["live/cam"]);
      weir.kill("SIGTERM");
      const { stderr } = await weir.ended;
      assert(!stderr.includes("cannot be kept"), stderr);
    }
    for (const name of ["state.json", "keys.json"]) {
      // Both have secrets: passwords of relays, and what tells keys.
      assertEquals((await Deno.stat(at(name))).mode! & 0o777, 0o600, name);
    }
    const { weir, api } = await start();
    await using _ = weir;
    assertEquals((await api.relays()).items.map(({ name }) => name), ["live/a"]);
    assertEquals((await api.path("live/*")).maxPlayers, 3);
    assertEquals((await api.keys()).items.map(({ streams }) => streams), [["live/cam"]]);
    assertMatch(await Deno.readTextFile(at("state.json")), /live\/\*/);
    weir.kill("SIGTERM");
    await weir.ended;
  },
);
