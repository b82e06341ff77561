import { assert, assertFalse } from "@std/assert";
import { isSameText } from "../../src/bytes/mod.ts";

Deno.test("isSameText tells texts apart by each character, length and case", () => {
  for (const text of ["", "a", "secret", "Grüße", "x".repeat(10_000)]) {
    assert(isSameText(text, text));
    for (const other of [`${text} `, `${text}\0`, text.toUpperCase() + "!", "other"]) {
      assertFalse(isSameText(text, other), `${text} and ${other}`);
    }
  }
});
