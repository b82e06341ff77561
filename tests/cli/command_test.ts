import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ignoreWithout, run, RunningProcess, startWeir } from "../support/process.ts";
import { makeCertificate } from "../support/certificate.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { RtmpClient } from "../support/rtmp_client.ts";

const deno = Deno.execPath();

/** Runs the command as users do. */
async function weir(...args: string[]) {
  const end = await run(deno, ["run", "--allow-net", "mod.ts", ...args]);
  return { ...end, stdout: new TextDecoder().decode(end.stdout) };
}

if (Deno.build.os === "windows") console.log("Skipped: SIGHUP, which Windows does not have.");
if (Deno.build.os !== "linux") console.log("Skipped: a full disk, which is Linux's /dev/full.");

Deno.test("--help and --version print and succeed, with no permission at all", async () => {
  const ends = await Promise.all(
    [["--help"], ["-h"], ["--version"], ["-V"]].map((args) =>
      run(deno, ["run", "--no-prompt", "mod.ts", ...args])
    ),
  );
  assertEquals(ends.map(({ code, stderr }) => [code, stderr]), ends.map(() => [0, ""]));
  const [help, h, version, v] = ends.map(({ stdout }) => new TextDecoder().decode(stdout));
  assertStringIncludes(help!, "Usage: deno run --allow-net mod.ts");
  assertStringIncludes(help!, "--log-format");
  assertEquals(h, help);
  assertMatch(version!, /^weir \d+\.\d+\.\d+\n$/);
  assertEquals(v, version);
});

Deno.test("a wrong command line is one line that says what is allowed, and exit code 2", async () => {
  const cases: [string[], RegExp][] = [
    [["--rtmp", "banana"], /--rtmp "banana".*\[HOST:\]PORT or off/],
    [["--rtmp", "a/b:1935"], /--rtmp "a\/b:1935"/],
    [["--rtmp", "99999"], /--rtmp "99999"/],
    [["--rtmp"], /--rtmp lacks its value/],
    [["--rtmp", ""], /--rtmp lacks its value/],
    [["--rtmp="], /--rtmp lacks its value: allowed is \[HOST:\]PORT or off/],
    [["--wait", ""], /--wait lacks its value/],
    [["--push="], /--push lacks its value/],
    [["--wait", "-1"], /--wait "-1".*from 0 to 2147483$/m],
    [["--wait=-1"], /--wait "-1".*from 0 to 2147483$/m],
    [["--wait", "2147484"], /--wait "2147484".*from 0 to 2147483$/m],
    [["--rtp", "-2"], /--rtp "-2".*even PORT/],
    [["-1"], /unknown option -1/],
    [
      ["--rtmp", "off", "--rtsp", "off", "--http", "off", "--push", "a/b=rtmp://h/a/b"],
      /a\/b.*nothing to forward/,
    ],
    [[""], /unknown command ""/],
    [["--rtmp", "1935", "--rtmp", "1936"], /2 times/],
    [["--log-level", "loud"], /"loud".*debug, info, warn, error/],
    [["--log-format", "xml"], /"xml".*text, json/],
    [["--bogus"], /unknown option --bogus.*--help/],
    [["--rtpm", "1"], /unknown option --rtpm: did you mean --rtmp\?/],
    [["serv"], /unknown command "serv", did you mean "serve"\?/],
    [["config", "chek", "x"], /allowed is check FILE, example or schema/],
    [["-x"], /unknown option -x/],
    [["record"], /unknown command "record".*serve/],
    [["serve", "more"], /unexpected argument "more"/],
    [["--cert", ""], /--cert lacks its value/],
    [["--cert", "c.pem"], /--key is missing/],
    [["--rtmp", "off", "--rtsp", "off", "--http", "off"], /nothing to do/],
    [["--rtsp", "off", "--multicast", "239.1.1.1"], /--multicast needs --rtsp/],
  ];
  for (const [args, pattern] of cases) {
    const { code, stdout, stderr } = await weir(...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertMatch(stderr, pattern);
    assertMatch(stderr, /^weir: [^\n]+\n$/, "one line");
  }
});

Deno.test("a port in use is one line, and exit code 1", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const { code, stderr } = await weir(
    "--rtmp",
    `127.0.0.1:${port}`,
    "--rtsp",
    "off",
    "--http",
    "off",
  );
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^weir: [^\n]*port is in use: --rtmp PORT takes another, --rtmp off does without\n$/,
  );
  assertStringIncludes(stderr, `127.0.0.1:${port}`);
});

Deno.test("an address that is not of this machine is one line, and exit code 1", async () => {
  for (const host of ["192.0.2.1", "nowhere.invalid"]) {
    const { code, stderr } = await weir("--rtmp", `${host}:0`, "--rtsp", "off", "--http", "off");
    assertMatch(stderr, /^weir: [^\n]+\n$/);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, host);
    assertEquals(stderr.includes("can be found"), host === "nowhere.invalid");
  }
});

const WITHOUT = ["run", "mod.ts", "--rtmp", "127.0.0.1:0", "--rtsp", "off", "--http", "off"];

Deno.test("without --allow-net it names the flag, exit code 1", async () => {
  for (const args of [WITHOUT, WITHOUT.toSpliced(1, 0, "--no-prompt")]) {
    const { code, stderr } = await run(deno, args);
    assertEquals(code, 1);
    assertMatch(stderr, /^weir: [^\n]*--allow-net\n$/);
  }
});

Deno.test("where --allow-net lists ports and lacks that of RTCP, it is one line too", async () => {
  const [rtsp, rtp] = [23_554, 23_000];
  const { code, stderr } = await run(deno, [
    "run",
    `--allow-net=127.0.0.1:${rtsp},127.0.0.1:${rtp}`,
    ...["mod.ts", "--http", "off", "--rtmp", "off", "--rtsp", `127.0.0.1:${rtsp}`],
    ...["--rtp", String(rtp)],
  ]);
  assertEquals(code, 1);
  assertMatch(stderr, /^weir: [^\n]*127\.0\.0\.1:23001 without permission[^\n]*\n$/);
});

Deno.test("where --allow-net lists ports, RTP at a free pair and multicast are not asked for", async () => {
  const list = "--allow-net=127.0.0.1:0,239.1.1.1";
  const args = [
    "run",
    list,
    "mod.ts",
    "--http",
    "off",
    "--rtmp",
    "off",
    "--rtsp",
    "127.0.0.1:0",
    "--rtp",
  ];
  const free = await run(deno, [...args, "0"]);
  assertEquals(free.code, 1);
  assertMatch(free.stderr, /^weir: [^\n]*127\.0\.0\.1 without permission[^\n]*\n$/);
  await using multicast = new RunningProcess(deno, [...args, "off", "--multicast", "239.1.1.1"]);
  await multicast.line(/multicast is off.*no permission/);
  await multicast.line(/rtsp listening/);
});

Deno.test({
  name: "without --allow-net it does not ask on a terminal either",
  ignore: ignoreWithout("script"),
  async fn() {
    const { code, stdout } = await run("script", [
      ...["-qec", [deno, ...WITHOUT].join(" "), "/dev/null"],
    ]);
    const output = new TextDecoder().decode(stdout);
    assertMatch(output.trim(), /^weir: [^\n]*--allow-net$/);
    assertEquals(code, 1);
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} stops it in under three seconds with clients connected, exit code 0 (M085)`, async () => {
    await using server = await startWeir();
    using publisher = await RtmpClient.publisher(server.port, "cam");
    await publisher.frames(0, 1);
    using player = await RtmpClient.player(server.port, "cam");
    using _half = await RtmpClient.dial(server.port);
    const before = performance.now();
    server.kill(signal);
    await player.status("NetStream.Play.UnpublishNotify");
    const { code, stderr } = await server.ended;
    assert(performance.now() - before < 3000);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(server.lines.at(-1)!, /INFO stopped$/);
  });
}

/** Ends the line, clears the screen, reorders what follows. */
const FORGED =
  "live\n2026-01-01T00:00:00.000Z INFO rtmp listening on 6.6.6.6:6\u001b[2J\u009b1A\u202e";

Deno.test("what a peer sends cannot forge a log line, as text and as JSON", async () => {
  for (const format of ["text", "json"]) {
    await using server = await startWeir(["--log-level", "debug", "--log-format", format]);
    using client = await RtmpClient.open(server.port, FORGED);
    await client.command("publish", {
      args: [FORGED, "live"],
      streamId: await client.createStream(),
    });
    await client.status("NetStream.");
    client.close();
    await server.line(/closed/);
    server.kill("SIGTERM");
    const { stdout } = await server.ended;
    const output = new TextDecoder().decode(stdout);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.test(output), JSON.stringify(output));
    assertEquals(output.match(/^.*6\.6\.6\.6.*$/gm)?.every((line) => line.includes("\\n")), true);
    const lines = output.trimEnd().split("\n");
    if (format === "text") {
      for (const line of lines) assertMatch(line, /^[\d-]+T[\d:.]+Z (DEBUG|INFO|WARN) rtmp|stop/);
    } else {
      const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      for (const { time, level, message } of records) {
        assertMatch(`${time} ${level} ${message}`, /^\S+Z (debug|info|warn) \S/);
      }
      assertEquals(records.find(({ app }) => app !== undefined)?.app, FORGED);
    }
  }
});

Deno.test("no permission but the network is asked for", async () => {
  // Whatever else was asked for would be denied: there is no terminal. That would be an error here.
  await using server = await startWeir(["--log-level", "debug"]);
  using publisher = await RtmpClient.publisher(server.port, "cam");
  await publisher.frames(0, 1);
  using player = await RtmpClient.player(server.port, "cam");
  await player.frameNumbers(0);
  server.kill("SIGTERM");
  const { code, stderr } = await server.ended;
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("the command runs on with a full disk under its log, and stops as it should", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  // Nothing can be read of its lines: it is known to run by its port.
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr as Deno.NetAddr;
  probe.close();
  await using server = new RunningProcess("sh", [
    "-c",
    `exec "${deno}" run --allow-net mod.ts --rtmp 127.0.0.1:${port} --rtsp off --http off > /dev/full`,
  ]);
  const connect = async (): Promise<RtmpClient> => {
    for (;;) {
      try {
        return await RtmpClient.publisher(port, "cam");
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      }
    }
  };
  using publisher = await connect();
  await publisher.frames(0, 1);
  using player = await RtmpClient.player(port, "cam");
  await player.frameNumbers(0);
  server.kill("SIGTERM");
  const { code, stderr } = await server.ended;
  assertEquals([code, stderr], [0, ""]);
});

/** What a TLS client sees of the certificate: whether it is this one. */
async function shows(port: number, cert: string): Promise<boolean> {
  using conn = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [cert] });
  return await conn.handshake().then(() => true, () => false);
}

Deno.test({
  name:
    "SIGHUP reads the certificate again, keeps the former when it cannot be used, and ends nothing",
  ignore: ignoreWithout("openssl") || Deno.build.os === "windows",
  async fn() {
    await using folder = new TemporaryFolder();
    const [cert, key] = [`${folder.path}/cert.pem`, `${folder.path}/key.pem`];
    const write = async (tls: { cert: string; key: string }): Promise<void> => {
      await Deno.writeTextFile(cert, tls.cert);
      await Deno.writeTextFile(key, tls.key);
    };
    const [first, second] = [await makeCertificate(), await makeCertificate()];
    await write(first);
    await using server = new RunningProcess(deno, [
      ...["run", "--allow-net", `--allow-read=${folder.path}`, "mod.ts"],
      ...[
        "--rtmp",
        "off",
        "--rtsp",
        "off",
        "--http",
        "off",
        "--rtmps",
        "127.0.0.1:0",
        "--cert",
        cert,
        "--key",
        key,
      ],
    ]);
    const [, text] = await server.line(/rtmps listening on 127\.0\.0\.1:(\d+)/);
    const port = Number(text);
    assert(await shows(port, first.cert));
    await write(second);
    server.kill("SIGHUP");
    await server.line(/INFO certificate read again on SIGHUP/);
    assertEquals([await shows(port, first.cert), await shows(port, second.cert)], [false, true]);
    await write({ cert: first.cert, key: second.key });
    server.kill("SIGHUP");
    await server.line(/ERROR certificate cannot be read again on SIGHUP.*do not belong together/);
    assert(await shows(port, second.cert));
    server.kill("SIGTERM");
    const { code, stderr } = await server.ended;
    assertEquals([code, stderr], [0, ""]);
  },
});

Deno.test("SIGHUP without a certificate says that there is nothing to read again", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using server = await startWeir();
  server.kill("SIGHUP");
  await server.line(/INFO nothing to read again on SIGHUP/);
  using client = await RtmpClient.publisher(server.port, "cam");
  await client.frames(0, 1);
});

Deno.test("a list in --allow-net that clients over UDP are not in is told at the start", async () => {
  await using server = new RunningProcess(deno, [
    ...["run", "--no-prompt", "--allow-net=127.0.0.1", "mod.ts"],
    ...["--http", "off", "--rtmp", "off", "--rtsp", "127.0.0.1:0", "--rtp", "0"],
  ]);
  await server.line(/WARN RTSP clients at addresses that --allow-net does not list get no UDP/);
});
