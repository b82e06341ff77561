import { assertEquals } from "@std/assert";
import { leastPermissions, permissionFlags } from "../../src/config/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { run } from "../support/process.ts";
import { settingsOfArguments } from "../support/settings_of_arguments.ts";

function flagsOf(...args: string[]): string[] {
  return permissionFlags(leastPermissions(settingsOfArguments(args)));
}

const WITHOUT_DATAGRAMS = ["--rtp", "off", "--webrtc", "off"];

Deno.test("the least permissions are the ports that are listened on, and the servers that are connected to", () => {
  const ports = "0.0.0.0:1935,0.0.0.0:8554,0.0.0.0:8080";
  assertEquals(flagsOf(...WITHOUT_DATAGRAMS), [`--allow-net=${ports}`]);
  assertEquals(flagsOf(...WITHOUT_DATAGRAMS, "--rtmp", "[::1]:1936", "--http", "off"), [
    "--allow-net=[::1]:1936,0.0.0.0:8554",
  ]);
  assertEquals(
    flagsOf(
      ...WITHOUT_DATAGRAMS,
      ...["--pull", "live/*=rtmp://me:pass@origin/live/*", "--push", "a/b=rtmps://far/a/b"],
    ),
    [`--allow-net=${ports},origin:1935,far:443`],
  );
});

Deno.test("where datagrams go to players, or machines come and go, it is all of the network", () => {
  assertEquals(flagsOf(), ["--allow-net"]);
  assertEquals(flagsOf("--rtp", "off"), ["--allow-net"]);
  assertEquals(flagsOf(...WITHOUT_DATAGRAMS, "--pull", "live/a=rtsp://cam/a"), ["--allow-net"]);
});

Deno.test("files are listed, each once", () => {
  assertEquals(
    flagsOf(
      ...WITHOUT_DATAGRAMS,
      ...["--rtmp", "off", "--rtsp", "off", "--cert", "both.pem", "--key", "both.pem"],
    ),
    ["--allow-net=0.0.0.0:8080", "--allow-read=both.pem"],
  );
});

Deno.test("of a path with a comma the folder before it is listed, since Deno's lists are parted by commas", async () => {
  assertEquals(
    permissionFlags([
      { name: "read", path: "/srv/a,b/cert.pem" },
      { name: "read", path: "keys,2026.pem" },
      { name: "read", path: "plain.pem" },
      { name: "write", path: "/one,two" },
      { name: "write", path: "C:\\video\\a,b" },
      { name: "run", command: "a,b" },
    ]),
    ["--allow-read=/srv,.,plain.pem", "--allow-write=/,C:\\video", "--allow-run"],
  );
  await using folder = new TemporaryFolder();
  const file = `${folder.path}/a,b/weir.yaml`;
  await Deno.mkdir(`${folder.path}/a,b`);
  await Deno.writeTextFile(file, "rtmp: off");
  const [flag] = permissionFlags([{ name: "read", path: file }]);
  const program = `console.log(await Deno.readTextFile(${JSON.stringify(file)}))`;
  await Deno.writeTextFile(`${folder.path}/read.ts`, program);
  const { code, stdout, stderr } = await run(
    Deno.execPath(),
    ["run", "--no-prompt", "--no-config", flag!, `${folder.path}/read.ts`],
  );
  assertEquals(new TextDecoder().decode(stdout), "rtmp: off\n", stderr);
  assertEquals(code, 0);
});
