/**
 * Tests of a server as its clients see it, on one that has two workers. Those are left out that look into the streams of
 * the process itself, where with workers there are none.
 */
import { assert } from "@std/assert";
import { run, TEST_WORKERS } from "../../support/process.ts";

/** Files, and what the names of the tests that are run begin with; all where nothing is said. */
const TESTS: readonly (readonly [file: string, filter?: RegExp])[] = [
  ["tests/server/ffmpeg_test.ts", /every frame of ffmpeg|twenty ffmpeg|a publisher that is killed/],
  ["tests/server/matrix_test.ts", /every frame goes from every publisher to every player/],
  [
    "tests/server/players_test.ts",
    /a player that waits|ends the publication|a publisher whose connection drops|takes over|a second publisher is refused|a player that bounds/,
  ],
  [
    "tests/doors/rtsp/rtsp_clients_test.ts",
    /with B-frames|towards a publisher over UDP|a publisher without packets|who publishes and plays by ffmpeg|players are told the end/,
  ],
  ["tests/doors/rtsp/rtsp_takeover_test.ts", /who comes when another publisher/],
  [
    "tests/server/hooks_test.ts",
    /a refused connect|hooks refuse|ffmpeg tells its user|publishers over RTSP are replaced/,
  ],
  [
    "tests/server/redirect_test.ts",
    /hooks redirect|a connection that is redirected|cannot be redirected/,
  ],
  ["tests/server/tls_test.ts", /RTSPS carries/],
];

for (const [file, filter] of TESTS) {
  Deno.test(`with two workers: ${file}`, async () => {
    const { code, stdout, stderr } = await run(
      Deno.execPath(),
      [
        ...["task", "test", file],
        ...(filter === undefined ? [] : ["--filter", `/${filter.source}/`]),
      ],
      { limitMs: 300_000, env: { [TEST_WORKERS]: "2" } },
    );
    const output = new TextDecoder().decode(stdout);
    assert(code === 0 && /[1-9]\d* passed/.test(output), `${output}\n${stderr}`.slice(-6000));
  });
}
