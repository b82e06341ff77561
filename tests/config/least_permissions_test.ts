import { assertEquals } from "@std/assert";
import { leastPermissions, permissionFlags } from "../../src/config/mod.ts";
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
