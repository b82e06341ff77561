/**
 * Tests of a server as its clients see it, on one that has two workers: whole files, but for those tests that are listed
 * with the reason why they say nothing about a server with workers.
 */
import { assert } from "@std/assert";
import { ROOT, run, TEST_WORKERS } from "../../support/process.ts";

const HUB = "looks into the streams of the process itself, where with workers there are none";
const BOUNDS = "bounds of tunnels that are half open are each worker's own";
const PART = "drains one part of a server by itself, which has no clients here";
const LATER = "counts at once, and counts of workers are up to 1 s old";
const LOG = "lines that are told once a second are told so by each worker";

/** Beginnings of names of tests, and why those are left out. */
type LeftOut = Readonly<Record<string, string>>;

const TESTS: readonly (readonly [file: string, leftOut: LeftOut])[] = [
  ["tests/server/ffmpeg_test.ts", {
    "a player that joins late starts at once": HUB,
    "a player that joins late sees no track": HUB,
    "a second ffmpeg takes the name over": HUB,
  }],
  ["tests/server/matrix_test.ts", { "every frame of G.711, MP3, Opus and H.265": HUB }],
  ["tests/server/sent_away_test.ts", {}],
  ["tests/server/players_test.ts", {
    "a player that stops reading skips": HUB,
    "a player that takes nothing for too long": HUB,
    "pause stops the media": HUB,
  }],
  ["tests/doors/rtsp/rtsp_clients_test.ts", {
    "PLAY is answered before the first packet": HUB,
    "PLAY and PAUSE may come twice": HUB,
    "a late player starts at the newest key frame": HUB,
    "50 players over TCP and UDP": HUB,
    "a player that stops reading is passed by": HUB,
    "players stay when their publisher over": HUB,
    "datagrams that a publisher sends right before": HUB,
    "bytes and packets are counted": HUB,
    "what players over": HUB,
    "a stream that has ended can neither":
      "asks another worker before that can have heard of the end",
    "a player over UDP that shows no sign of life": HUB,
  }],
  ["tests/doors/rtsp/back_channel_test.ts", {}],
  ["tests/doors/rtsp/rtsp_takeover_test.ts", { "a player over TCP that": HUB }],
  ["tests/doors/rtsp/rtsp_tunnel_test.ts", { "half-open tunnels of one address": BOUNDS }],
  ["tests/server/hooks_test.ts", {
    "hooks hear of each start and end once":
      "names connections by the numbers that one process gives",
    "a hook that throws refuses": LATER,
  }],
  ["tests/server/time_shift_test.ts", {}],
  ["tests/server/events_test.ts", { "a stream is transcoded by a program": HUB }],
  ["tests/server/proxies_test.ts", { "ports that read PROXY headers serve WebSockets": LATER }],
  ["tests/server/drain_test.ts", {
    "newcomers are sent to another machine": PART,
    "those who are there are told to move": PART,
    "a drain has those go first who publish": PART,
  }],
  ["tests/server/redirect_test.ts", {
    "weir's RTSP client publishes and plays where": HUB,
    "RTMP clients are redirected at connect": HUB,
  }],
  ["tests/server/tls_test.ts", {
    "failed TLS handshakes on": LOG,
    "ffmpeg publishes and plays by": HUB,
  }],
];

for (const [file, leftOut] of TESTS) {
  Deno.test(`with two workers: ${file}`, async () => {
    const names = (await testsOf(file)).filter((name) =>
      !Object.keys(leftOut).some((left) => name.startsWith(left))
    );
    const { code, stdout, stderr } = await run(
      Deno.execPath(),
      ["task", "test", file, "--filter", `/^(${names.map(pattern).join("|")})/`],
      { limitMs: 300_000, env: { [TEST_WORKERS]: "2" } },
    );
    const output = new TextDecoder().decode(stdout);
    assert(code === 0 && /[1-9]\d* passed/.test(output), `${output}\n${stderr}`.slice(-6000));
  });
}

/** The names of the tests of a file, as they stand there. */
async function testsOf(file: string): Promise<string[]> {
  const text = await Deno.readTextFile(`${ROOT}${file}`);
  const names = text.matchAll(/(?:Deno\.test\(|Deno\.test\(\{\s*name:)\s*(["`])(.*?)\1/gs);
  return Array.from(names, ([, , name]) => name!);
}

/** A name as a pattern; what is put into it may be anything. */
function pattern(name: string): string {
  return name.split(/\$\{[^}]*\}/).map((text) => text.replaceAll(/[.*+?^$()[\]{}|\\/]/g, "\\$&"))
    .join(".*");
}
