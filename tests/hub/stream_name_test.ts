import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import { checkStreamName, HubError, MAX_STREAM_NAME_LENGTH } from "../../src/hub/mod.ts";
import { fakeHub } from "./hub_support.ts";

/** What is wrong with a name, in words. */
function faultOf(name: string): string {
  const error = assertThrows(() => checkStreamName(name), HubError);
  assertEquals(error.code, "bad-name");
  return error.message;
}

Deno.test("checkStreamName takes names up to 512 bytes of UTF-8, and no byte more (M060)", () => {
  checkStreamName("x".repeat(MAX_STREAM_NAME_LENGTH));
  checkStreamName("é".repeat(MAX_STREAM_NAME_LENGTH / 2));
  for (const name of ["x".repeat(513), "é".repeat(256) + "x"]) {
    assertEquals(
      faultOf(name),
      "The stream name is 513 bytes long, at most 512 are allowed",
    );
  }
});

Deno.test("checkStreamName takes dots, spaces and colons inside of segments (M060)", () => {
  for (const name of ["live/...", "a.b/..c/d..", "a b", "mp4:cam", "%2e%2e", "live/_definst_"]) {
    checkStreamName(name);
  }
});

Deno.test("checkStreamName refuses every control character, a line separator, and backslash (M060)", () => {
  const codes = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, at) => 0x7f + at)];
  for (const code of [...codes, 0x2028, 0x2029]) {
    assertEquals(
      faultOf(`a${String.fromCharCode(code)}b`),
      "The stream name has a control character at index 1",
    );
  }
  assertEquals(faultOf("a\\b"), "The stream name has a backslash at index 1");
});

Deno.test("checkStreamName refuses empty, absolute and dotted names, and does not repeat them (M060)", () => {
  const faults = {
    "": "is empty",
    "/": "has an empty segment, number 1",
    "/a": "has an empty segment, number 1",
    "a/": "has an empty segment, number 2",
    "live/secret//b": "has an empty segment, number 3",
    ".": 'has the segment "."',
    "..": 'has the segment ".."',
    "live/secret/..": 'has the segment ".."',
    "./a": 'has the segment "."',
    "a/./b": 'has the segment "."',
    "../etc/passwd": 'has the segment ".."',
  };
  for (const [name, fault] of Object.entries(faults)) {
    assertEquals(faultOf(name), `The stream name ${fault}`);
  }
});

Deno.test("a name that checkStreamName takes is a path below a folder, and one line (M060)", () => {
  const piece = fc.constantFrom("/", "..", ".", "%2e", "\\", "%", "a", "\0", ":", "\n", "é");
  const text = fc.oneof(fc.string(), fc.array(piece).map((all) => all.join("")));
  let taken = 0;
  fc.assert(
    fc.property(text, (name) => {
      try {
        checkStreamName(name);
      } catch (error) {
        assert(error instanceof HubError && error.code === "bad-name", String(error));
        return;
      }
      taken++;
      const base = new URL("file:///media/");
      const file = new URL(name.split("/").map(encodeURIComponent).join("/"), base);
      assert(file.href.startsWith(base.href) && file.href.length > base.href.length, name);
      assertEquals(name.split(/\r|\n|\u2028|\u2029|\x85/).length, 1);
    }),
    { seed: 60, numRuns: 3000 },
  );
  assert(taken > 300, `${taken} names`);
});

Deno.test("a hub opens no stream of a bad name, whoever asks, and keeps nothing of it (M060)", () => {
  const { hub } = fakeHub();
  for (const name of ["", "../cam", "a\nb", "x".repeat(513)]) {
    for (const open of [() => hub.stream(name), () => hub.acquire(name)]) {
      assertEquals(assertThrows(open, HubError).code, "bad-name");
    }
    assertStrictEquals(hub.get(name), undefined);
  }
  assertEquals(hub.streams, []);
});
