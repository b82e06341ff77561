import { assert, assertEquals, assertThrows } from "@std/assert";
import { CommandLog } from "../../src/cli/command_log.ts";
import { LogFile } from "../../src/cli/log_file.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { run } from "../support/process.ts";

Deno.test("a log file that grows is put aside, and the newest are kept", async () => {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/weir.log`;
  const file = new LogFile(path, { maxBytes: 20, kept: 2 });
  for (const line of ["first line", "second line", "third line", "fourth line"]) file.write(line);
  file.close();
  const read = (name: string) => Deno.readTextFileSync(name);
  assertEquals([read(path), read(`${path}.1`), read(`${path}.2`)], [
    "fourth line\n",
    "third line\n",
    "second line\n",
  ]);
  assertThrows(() => read(`${path}.3`), Deno.errors.NotFound);
  // What is there is counted when it is opened again, and a line that is larger has a file of its own.
  const again = new LogFile(path, { maxBytes: 20, kept: 2 });
  again.write("a line of more than twenty bytes");
  again.write("next");
  again.close();
  assertEquals([read(path), read(`${path}.1`).length], ["next\n", 33]);
  const none = new LogFile(path, { maxBytes: 6, kept: 0 });
  none.write("other");
  none.close();
  assertEquals(read(path), "other\n");
});

Deno.test("a log file that cannot be put aside is written on, and what has its name stays", async () => {
  // With a folder at 2 the first line is put aside as 1, and then goes with the last of those that are kept.
  for (const [folderAt, gone] of [[1, 0], [2, 1]] as const) {
    await using folder = new TemporaryFolder();
    const path = `${folder.path}/weir.log`;
    await Deno.mkdir(`${path}.${folderAt}`);
    const stuck: unknown[] = [];
    const file = new LogFile(path, {
      maxBytes: 12,
      kept: 2,
      onStuck: (error) => stuck.push(error),
    });
    const lines = Array.from({ length: 6 }, (_, n) => `line ${n}`);
    for (const line of lines) file.write(line);
    assert(Deno.statSync(`${path}.${folderAt}`).isDirectory);
    assert(stuck.length > 0);
    await Deno.remove(`${path}.${folderAt}`);
    file.write("at last");
    file.write("the end");
    file.close();
    const there = [`${path}.2`, `${path}.1`, path].map((name) => {
      try {
        return Deno.readTextFileSync(name);
      } catch {
        return "";
      }
    });
    assertEquals(there.join(""), [...lines.slice(gone), "at last", "the end", ""].join("\n"));
    assertEquals(there.at(-1), "the end\n");
  }
});

Deno.test("lines that cannot be written are counted, and told when they can be", async () => {
  await using folder = new TemporaryFolder();
  const logs = `${folder.path}/logs`;
  await Deno.mkdir(logs);
  // Each line is over the bound, and so begins a file.
  const file = { path: `${logs}/weir.log`, maxBytes: 1, kept: 3 };
  const commandLog = new CommandLog({ level: "info", format: "text", file });
  commandLog.log.info("seen");
  await Deno.remove(logs, { recursive: true });
  for (let n = 0; n < 3; n++) commandLog.log.info("unseen");
  await Deno.mkdir(logs);
  commandLog.log.info("seen again");
  commandLog.close();
  const read = (name: string) => Deno.readTextFileSync(`${logs}/${name}`).slice(25);
  assertEquals(read("weir.log"), "INFO seen again\n");
  assert(/^WARN log lines were lost.* lines=3 reason=/.test(read("weir.log.1")));
});

Deno.test("a log can be given another level, format and file while it is written", async () => {
  await using folder = new TemporaryFolder();
  const at = (name: string) => ({ path: `${folder.path}/${name}`, maxBytes: 1e6, kept: 1 });
  const commandLog = new CommandLog({ level: "info", format: "text", file: at("a") });
  const { log } = commandLog;
  log.debug("unseen");
  log.info("seen", { stream: "live/a" });
  commandLog.level = "debug";
  assertEquals(commandLog.level, "debug");
  log.debug("seen too");
  commandLog.configure({ level: "warn", format: "json", file: at("b") });
  log.info("unseen");
  log.warn("as JSON");
  // A file that cannot be had changes nothing.
  assertThrows(() =>
    commandLog.configure({ level: "debug", format: "text", file: at("no/such/folder") })
  );
  log.error("still there");
  // Others may have put the file aside: it is opened anew.
  await Deno.rename(`${folder.path}/b`, `${folder.path}/b.old`);
  commandLog.configure({ level: "warn", format: "json", file: at("b") });
  log.warn("anew");
  commandLog.close();
  const lines = (name: string) =>
    Deno.readTextFileSync(`${folder.path}/${name}`).trim().split("\n");
  assertEquals(lines("a").map((line) => line.slice(25)), [
    "INFO seen stream=live/a",
    "DEBUG seen too",
  ]);
  assertEquals(lines("b.old").map((line) => JSON.parse(line).message), ["as JSON", "still there"]);
  assertEquals(lines("b").map((line) => JSON.parse(line).message), ["anew"]);
});

Deno.test("permissions that are missing are one error with the flags to add, before anything listens", async () => {
  const deno = Deno.execPath();
  const said = async (flags: readonly string[], ...args: string[]) => {
    const all = ["run", "--no-prompt", ...flags, "mod.ts", "--rtmp", "127.0.0.1:0", ...args];
    const { code, stdout, stderr } = await run(deno, all);
    assertEquals([code, stdout.length], [1, 0]);
    assert(/^weir: [^\n]+\n$/.test(stderr), stderr);
    return stderr;
  };
  const net = ["--allow-net"];
  assertEquals(
    await said(
      net,
      "--cert",
      "c.pem",
      "--key",
      "k.pem",
      "--log-file",
      "weir.log",
      "--password-file",
      "p",
    ),
    "weir: Cannot go on without permission: add --allow-read=c.pem,k.pem,p,weir.log,weir.log.1,weir.log.2," +
      "weir.log.3,weir.log.4 --allow-write=weir.log,weir.log.1,weir.log.2,weir.log.3,weir.log.4,weir.log.5\n",
  );
  assertEquals(
    await said(
      ["--allow-net=127.0.0.1:0"],
      ...["--http", "127.0.0.1:23999", "--password-file", "p", "--user", "ann", "--rtsp", "off"],
    ),
    "weir: Cannot go on without permission: add --allow-read=p --allow-net=127.0.0.1:23999\n",
  );
  assertEquals(
    await said(net, "--config", "weir.yaml"),
    "weir: Cannot read the configuration weir.yaml without permission: add --allow-read=weir.yaml\n",
  );
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/weir.yaml`;
  await Deno.writeTextFile(path, "log: {level: '${WEIR_LEVEL}'}\n");
  const { code, stderr } = await run(
    deno,
    ["run", "--no-prompt", `--allow-read=${path}`, "mod.ts", "--config", path],
  );
  assertEquals([code, stderr], [
    2,
    `${path}:1:7 log.level names an environment variable that may not be read: add --allow-env=WEIR_LEVEL\n`,
  ]);
});
