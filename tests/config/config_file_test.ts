import { assertEquals, assertRejects } from "@std/assert";
import {
  ConfigError,
  parseConfig,
  serverOptions,
  SettingFault,
  SETTINGS,
  Settings,
} from "../../src/config/mod.ts";

const ENVIRONMENT: Readonly<Record<string, string>> = { PORT: "1936", SECRET: "se4cret" };

function lookup(variable: string): string {
  const value = ENVIRONMENT[variable];
  if (value === undefined) throw new SettingFault(`names ${variable}, which is not set`);
  return value;
}

async function optionsOf(text: string) {
  const file = await parseConfig(text, SETTINGS, { path: "weir.yaml", lookup });
  return serverOptions(new Settings({ file }));
}

async function problemsOf(text: string): Promise<readonly string[]> {
  const error = await assertRejects(() => optionsOf(text), ConfigError);
  return error.problems;
}

Deno.test("a configuration file sets the options of a server", async () => {
  const options = await optionsOf([
    "rtmp: {port: 127.0.0.1:1936, enhanced: pass}",
    "rtsp:",
    "  port: off",
    "limits:",
    "  maxConnections: 12",
    "  maxConnectionsPerAddress: unlimited",
    "  maxConnectionBytes: 8MiB",
    "http: {port: off, hosts: [live.example], origins: {media: [https://example.org]}}",
    "streams: {linger: 1m, flush: 20ms, conflict: reject}",
    "timing: {wait: 1.5}",
    "relays:",
    "  pull:",
    "  - name: live/a",
    "    url: rtsp://me:secret@cam/x",
    "    onDemand: true",
    "    silent: 3s",
    "paths:",
    "  live/*: {linger: 5, maxPlayers: 7, maxPublisherBitrate: 8M, push: [{url: rtmp://far/live/*}]}",
    "  live/b:",
    "    conflict: takeover",
    "    pull: {url: rtsp://cam/b, idle: 2}",
  ].join("\n"));
  const expected = {
    rtmp: { hostname: "127.0.0.1", port: 1936 },
    enhanced: "pass",
    rtsp: false,
    rtp: false,
    http: false,
    webrtc: false,
    httpHosts: ["live.example"],
    httpOrigins: { media: ["https://example.org"] },
    maxConnections: 12,
    maxConnectionsPerAddress: Infinity,
    maxConnectionBytes: 8 * 1024 * 1024,
    hub: { lingerMs: 60_000, flush: 20, conflict: "reject" },
    timing: { playWaitMs: 1500, describeWaitMs: 1500 },
    relays: [
      {
        mode: "pull",
        name: "live/a",
        url: "rtsp://me:secret@cam/x",
        on: "demand",
        silentMs: 3000,
      },
    ],
    paths: [
      {
        ...{ pattern: "live/*", lingerMs: 5000, maxPlayers: 7, maxPublisherBitrateBps: 8_000_000 },
        push: [{ url: "rtmp://far/live/*" }],
      },
      {
        ...{ pattern: "live/b", conflict: "takeover" },
        pull: { url: "rtsp://cam/b", on: "always", idleMs: 2000 },
      },
    ],
  };
  for (const [option, value] of Object.entries(expected)) {
    assertEquals(Reflect.get(options, option), value, option);
  }
});

Deno.test("all that is wrong with a file is told at once, by line and column", async () => {
  const text = [
    "# the first line",
    "rtsp:",
    "  prot: 8554",
    "rtmp: {port: banana, bogus: 1}",
    "limits:",
    "  maxConnections: -1",
    "relays:",
    "  push: 5",
    "  pull:",
    "    - name: live/a",
    "rmtp: 1",
  ].join("\n");
  assertEquals(await problemsOf(text), [
    'weir.yaml:3:3 rtsp.prot: unknown key, did you mean "port"?',
    'weir.yaml:4:8 rtmp.port "banana" is wrong: allowed is [HOST:]PORT or off',
    "weir.yaml:4:22 rtmp.bogus: unknown key: there are port, enhanced, onLoss, askAtConnect, chunkSize, " +
    "windowSize, maxNetStreams, roleTimeout, publisherTimeout, pingAfter, pingTimeout, maxMessageBytes, " +
    "maxPartialBytes, maxChunkStreams",
    'weir.yaml:6:3 limits.maxConnections "-1" is wrong: allowed is a whole number from 0 on, or unlimited',
    "weir.yaml:8:3 relays.push must be a list",
    "weir.yaml:10:5 relays.pull[0].url is missing",
    'weir.yaml:11:1 rmtp: unknown key, did you mean "rtmp"?',
  ]);
});

Deno.test("an environment variable stands in values alone, and what it says is in no error", async () => {
  const { rtmp } = await optionsOf("rtmp: {port: '127.0.0.1:${PORT}'}");
  assertEquals(rtmp, { hostname: "127.0.0.1", port: 1936 });
  assertEquals(await problemsOf("rtmp:\n  port: ${SECRET}\n  enhanced: ${NONE}\n  ${PORT}: 1"), [
    "weir.yaml:2:3 rtmp.port is wrong with the value of SECRET: allowed is [HOST:]PORT or off",
    "weir.yaml:3:3 rtmp.enhanced names NONE, which is not set",
    'weir.yaml:4:3 rtmp."${PORT}": unknown key: there are port, enhanced, onLoss, askAtConnect, ' +
    "chunkSize, windowSize, maxNetStreams, roleTimeout, publisherTimeout, pingAfter, pingTimeout, " +
    "maxMessageBytes, maxPartialBytes, maxChunkStreams",
  ]);
});

Deno.test("rules of paths are checked with their names", async () => {
  const text = [
    "paths:",
    "  live/*:",
    "    push: [{url: rtmp://me:se4cret@far/live/x}]",
    "    lingr: 1",
    '  "a//b": {linger: -1}',
    "  live/c*:",
    "    pull:",
    "      onDemand: true",
  ].join("\n");
  assertEquals(await problemsOf(text), [
    'weir.yaml:2:3 paths."live/*" is wrong: Cannot relay by a pattern as name and URL must have as many "*": ' +
    "current values are 1 and 0; where the URL itself has one, write %2A",
    'weir.yaml:4:5 paths."live/*".lingr: unknown key, did you mean "linger"?',
    'weir.yaml:5:3 paths."a//b" is no name of a stream, and no pattern such as live/*',
    'weir.yaml:5:12 paths."a//b".linger "-1" is wrong: allowed is a time such as 10, 500ms, 10s, 5m or 1h; in ' +
    "seconds from 0 to 2147483",
    'weir.yaml:6:3 paths."live/c*" is no name of a stream, and no pattern such as live/*',
    'weir.yaml:7:5 paths."live/c*".pull.url is missing',
  ]);
});

Deno.test("a rule of paths says where its streams are recorded, as an entry of record does", async () => {
  const options = await optionsOf([
    "record:",
    "- {name: app/cam, folder: all}",
    "paths:",
    "  live/*: {record: {folder: live, format: mkv, segment: 1m}}",
    "  live/private: {maxPlayers: 1}",
  ].join("\n"));
  assertEquals(options.record, [{ name: "app/cam", to: "all" }]);
  assertEquals(options.paths, [
    { pattern: "live/*", record: { to: "live", format: "mkv", segmentMs: 60_000 } },
    { pattern: "live/private", maxPlayers: 1 },
  ]);
  assertEquals(await problemsOf("paths: {live/*: {record: {format: mkv}}}"), [
    'weir.yaml:1:18 paths."live/*".record.folder is missing',
  ]);
  const [wrong] = await problemsOf("paths: {live/*: {record: {folder: a, path: no}}}");
  assertEquals(/record.*\{unix\}|record.*\{name\}/.test(wrong!), true, wrong);
});
