import { assertEquals } from "@std/assert";
import { configurationDocs, formatted, PAGE } from "../../scripts/configuration_docs.ts";

Deno.test("docs/configuration.md is what the table of settings says: else run scripts/configuration_docs.ts", async () => {
  assertEquals(await Deno.readTextFile(PAGE), await formatted(configurationDocs()));
});
