import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/usage_error.ts";
import { helpText } from "../../src/cli/help.ts";
import { optionsOfArguments } from "../support/settings_of_arguments.ts";

function multicastOf(...args: string[]): string | undefined {
  const { multicast } = optionsOfArguments(args);
  return multicast === undefined || multicast === false ? undefined : multicast.group;
}

Deno.test("--multicast takes a group or a range, and is off by default", () => {
  assertEquals(multicastOf(), undefined);
  assertEquals(multicastOf("--multicast", "off"), undefined);
  assertEquals(multicastOf("--multicast", "239.1.0.0/16"), "239.1.0.0/16");
  assertEquals(multicastOf("--multicast=239.1.2.3"), "239.1.2.3");
  assertStringIncludes(helpText({ isWhole: false, commands: [] }), "--multicast");
  for (const wrong of ["", "192.0.2.1", "224.0.0.5", "239.1.0.0/33", "239.1.0.0:5000"]) {
    assertThrows(() => multicastOf("--multicast", wrong), UsageError, "--multicast");
  }
});
