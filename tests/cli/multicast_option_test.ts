import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { HELP, parseArguments, UsageError } from "../../src/cli/arguments.ts";

function multicastOf(...args: string[]): string | undefined {
  const request = parseArguments(args);
  return request.command === "serve" ? request.multicast : undefined;
}

Deno.test("--multicast takes a group or a range, and is off by default", () => {
  assertEquals(multicastOf(), undefined);
  assertEquals(multicastOf("--multicast", "off"), undefined);
  assertEquals(multicastOf("--multicast", "239.1.0.0/16"), "239.1.0.0/16");
  assertEquals(multicastOf("--multicast=239.1.2.3"), "239.1.2.3");
  assertStringIncludes(HELP, "--multicast");
  for (const wrong of ["", "192.0.2.1", "224.0.0.5", "239.1.0.0/33", "239.1.0.0:5000"]) {
    assertThrows(() => multicastOf("--multicast", wrong), UsageError, "--multicast");
  }
});
