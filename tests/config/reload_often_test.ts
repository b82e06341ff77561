import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  checkSettings,
  ConfigError,
  parseConfig,
  readConfiguredFiles,
  Reloader,
  serverOptions,
  SETTINGS,
  Settings,
} from "../../src/config/mod.ts";
import { Server } from "../../src/server/mod.ts";
import { RtmpClient } from "../support/rtmp_client.ts";

const DOORS = `
rtmp: {port: 127.0.0.1:0}
rtsp: {port: off}
http: {port: off}
`;

/** Configurations that differ in all that a reload applies, but who is there is allowed by all; and one that is wrong. */
const TEXTS = [
  DOORS,
  `${DOORS}
limits: {maxConnections: 3, maxWaitedNamesPerAddress: 2, addresses: {deny: [192.0.2.0/24]}}
streams: {linger: 1, flush: unit, maxPlayers: 1, maxLagBytes: 64MiB, maxStreams: 1}
paths: {live/*: {conflict: reject, maxPlayers: 1, linger: 3, maxGopBytes: 1MiB}}
timing: {wait: 1}
access:
  users: [{name: ann, password: wonderland}]
  rules: [{allow: play}, {allow: publish, paths: live/a}, {deny: publish}]
relays: {push: [{name: live/other, url: rtmp://127.0.0.1:9/live/x}]}
`,
  `${DOORS}
paths: {live/a: {flush: 5ms}, "*": {start: none}}
relays:
  pull: [{name: live/b, url: rtmp://127.0.0.1:9/live/b, onDemand: true}]
  push: [{name: live/other, url: rtmp://127.0.0.1:9/live/x, retry: 9}]
`,
  `${DOORS}limits: {maxConnections: -1}`,
];

Deno.test("a thousand reloads while players watch disconnect nobody, and cost them no frame", async () => {
  let text = DOORS;
  const load = async (): Promise<Settings> => {
    const settings = new Settings({
      file: await parseConfig(text, SETTINGS, { path: "weir.yaml" }),
    });
    checkSettings(settings);
    return settings;
  };
  const errors: string[] = [];
  const quiet = () => {};
  const log = {
    debug: quiet,
    info: quiet,
    warn: quiet,
    error: (line: string) => errors.push(line),
  };
  const settings = await load();
  const files = await readConfiguredFiles(settings);
  await using server = new Server({ ...serverOptions(settings), ...files, log });
  const reloader = new Reloader({
    server,
    log,
    load,
    settings,
    files,
    readFiles: readConfiguredFiles,
  });
  await server.listen();
  const { port } = server.addresses[0]!;
  using publisher = await RtmpClient.publisher(port, "a");
  const players = [await RtmpClient.player(port, "a"), await RtmpClient.player(port, "a")];
  await publisher.frames(0, 1);
  for (const player of players) await player.frameNumbers(0);
  for (let count = 0; count < 1000; count++) {
    text = TEXTS[count % TEXTS.length]!;
    if (text === TEXTS[3]) await assertRejects(() => reloader.reload("test"), ConfigError);
    else await reloader.reload("test");
    await publisher.frames(count + 1, 1);
  }
  // What comes was read all the time: a publisher that is not read for 10 s would be closed as silent.
  const { units = 0 } = server.hub.get("live/a")?.statistics.publisher ?? {};
  assert(units > 900, `${units} units`);
  for (const player of players) {
    const numbers = await player.frameNumbers(1000);
    assertEquals(numbers, Array.from({ length: 1000 }, (_, index) => index + 1));
    player.close();
  }
  assertEquals(errors.length, 250, "only the wrong one is an error");
  assert(errors.every((line) => line.includes("cannot be read again")));
  assertEquals(server.tickets.size >= 1, true);
  // As many reloads have left as many relays as the last of the right ones has.
  assertEquals(server.relays.map(({ mode, name }) => `${mode} ${name}`), [
    "push live/other",
    "pull live/b",
  ]);
});
