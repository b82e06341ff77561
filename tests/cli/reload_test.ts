import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TemporaryFolder } from "../support/media_file.ts";
import { RunningProcess } from "../support/process.ts";
import { RtmpClient, statusCode } from "../support/rtmp_client.ts";

const deno = Deno.execPath();

if (Deno.build.os === "windows") console.log("Skipped: SIGHUP, which Windows does not have.");
const ignore = Deno.build.os === "windows";

/** The server, started with a configuration that can be changed. */
class ConfiguredWeir extends RunningProcess {
  readonly #path: string;
  port = 0;

  private constructor(path: string, permissions: readonly string[]) {
    super(
      deno,
      ["run", "--allow-net", `--allow-read=${path}`, ...permissions, "mod.ts"].concat(
        ["--config", path],
      ),
      { limitMs: 60_000 },
    );
    this.#path = path;
  }

  static async start(
    path: string,
    text: string,
    permissions: readonly string[] = [],
  ): Promise<ConfiguredWeir> {
    await Deno.writeTextFile(path, text);
    const weir = new ConfiguredWeir(path, permissions);
    const [, port] = await weir.line(/rtmp listening on 127\.0\.0\.1:(\d+)/);
    weir.port = Number(port);
    return weir;
  }

  /** Changes the file, and resolves with the first line that answers it. */
  async reload(text: string, answer: RegExp): Promise<string> {
    await Deno.writeTextFile(this.#path, text);
    const before = this.lines.length;
    this.kill("SIGHUP");
    for (;;) {
      const found = this.lines.slice(before).find((line) => answer.test(line));
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

const DOORS = "rtmp: {port: 127.0.0.1:0}\nrtsp: {port: off}\nhttp: {port: off}\n";

Deno.test(
  "a reload applies what has changed, says what waits, and disconnects nobody",
  { ignore },
  async () => {
    await using folder = new TemporaryFolder();
    const files = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`];
    await using weir = await ConfiguredWeir.start(`${folder.path}/weir.yaml`, DOORS, files);
    using publisher = await RtmpClient.publisher(weir.port, "a");
    using player = await RtmpClient.player(weir.port, "a");
    await publisher.frames(0, 1);
    await player.frameNumbers(0);
    const applied = await weir.reload(
      `${DOORS}log: {level: debug}\npaths: {live/*: {maxPlayers: 1}}\n`,
      /read again/,
    );
    assertStringIncludes(applied, 'changed="paths log.level"');
    using second = await RtmpClient.open(weir.port);
    await second.command("play", { args: ["a"], streamId: await second.createStream() });
    assertEquals(statusCode(await second.status("NetStream.Play.")), "NetStream.Play.Failed");
    const waiting = await weir.reload(
      `${DOORS.replace("off", "127.0.0.1:0")}rtp: {port: 0}\n`,
      /wait for the next start/,
    );
    assertStringIncludes(waiting, "settings=rtp.port");
    await weir.line(/rtsp listening on/);
    // A stream that is there is recorded from then on.
    const path = `live/*: {maxPlayers: 2, record: {folder: ${folder.path}/recordings}}`;
    await weir.reload(`${DOORS}paths: {${path}}\n`, /recording started/);
    assert(weir.lines.some((line) => /read again.*changed="?paths/.test(line)));
    // Who is told changes; a program needs its permission.
    const told =
      `${DOORS}paths: {${path}}\nwebhooks: [{url: "http://127.0.0.1:9/", events: [refused]}]\n`;
    await weir.reload(told, /read again.*changed=webhooks/);
    const command = "commands: [{on: refused, run: [no-such-program]}]\n";
    assertStringIncludes(await weir.reload(told + command, /ERROR/), "--allow-run=no-such-program");
    await weir.reload(`${DOORS}paths: {${path}}\n`, /read again.*changed=webhooks/);
    // A file that is wrong changes nothing, and says all that is wrong.
    const wrong = await weir.reload(`${DOORS}limits: {maxConnections: 0, bogus: 1}\n`, /ERROR/);
    assertStringIncludes(wrong, "weir.yaml:4:29 limits.bogus: unknown key");
    using third = await RtmpClient.open(weir.port);
    await third.createStream();
    await weir.reload("- a list", /ERROR.*the file must be a section/);
    await publisher.frames(1, 3);
    assertEquals((await player.frameNumbers(3)).at(-1), 3);
    // What is as it was at the start waits for nothing.
    const waits = weir.lines.filter((line) => line.includes("wait for the next start"));
    assertEquals(waits.length, 1, waits.join("\n"));
  },
);

Deno.test(
  "a reload adds, changes and removes relays, and leaves those alone that stay",
  { ignore },
  async () => {
    await using folder = new TemporaryFolder();
    await using far = await ConfiguredWeir.start(`${folder.path}/far.yaml`, DOORS);
    const push = (name: string, key: string) =>
      `    - {name: live/${name}, url: rtmp://127.0.0.1:${far.port}/far/${key}}\n`;
    const relays = (...pushes: string[]) => `${DOORS}relays:\n  push:\n${pushes.join("")}`;
    await using weir = await ConfiguredWeir.start(
      `${folder.path}/weir.yaml`,
      relays(push("a", "1")),
    );
    using publisher = await RtmpClient.publisher(weir.port, "a");
    await publisher.frames(0, 1);
    await far.line(/publish.*stream=far\/1/);
    await weir.reload(relays(push("a", "1"), push("a", "2")), /read again.*changed=relays.push/);
    await publisher.frames(1, 1);
    await far.line(/publish.*stream=far\/2/);
    await weir.reload(relays(push("a", "2")), /read again.*changed=relays.push/);
    await far.line(/(ended|stopped|closed).*stream=far\/1|stream=far\/1.*(ended|stopped|closed)/);
    assert(
      !far.lines.some((line) => /stream=far\/2/.test(line) && /ended|stopped|closed/.test(line)),
    );
  },
);
