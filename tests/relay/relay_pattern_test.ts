import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseRelayPattern, RelayPatternError } from "../../src/relay/relay_pattern.ts";
import { checkRelays } from "../../src/server/mod.ts";

const urlOf = (name: string, url: string, wanted: string): string | undefined =>
  parseRelayPattern({ name, url })!.urlOf(wanted);

Deno.test("a * of a relay's name is one whole segment, at the end of the name one or more", () => {
  const url = "rtmp://host/live/*";
  assertEquals(urlOf("live/*", url, "live/cam"), "rtmp://host/live/cam");
  assertEquals(urlOf("live/*", url, "live/a/b"), "rtmp://host/live/a/b");
  assertEquals(urlOf("*", url, "cam"), "rtmp://host/live/cam");
  assertEquals(urlOf("*", url, "live/cam"), "rtmp://host/live/live/cam");
  assertEquals(urlOf("*/cam", url, "door/cam"), "rtmp://host/live/door");
  for (const other of ["live", "other/cam", "liver/cam"]) {
    assertEquals(urlOf("live/*", url, other), undefined, other);
  }
  assertEquals(urlOf("*/cam", url, "a/b/cam"), undefined);
  assertEquals(urlOf("*/cam", url, "a/b"), undefined);
});

Deno.test("the * of a relay's URL get what those of its name stand for, in order", () => {
  assertEquals(urlOf("a/*/*", "rtsp://host/*/x?ch=*&b", "a/1/2/3"), "rtsp://host/1/x?ch=2%2F3&b");
  assertEquals(urlOf("*", "rtsp://me:p*ss@host/*", "cam"), "rtsp://me:p*ss@host/cam");
});

Deno.test("a name that a player chooses stays within the path, or the value of a query", () => {
  const path = (wanted: string) => urlOf("live/*", "rtsp://host/x/*", `live/${wanted}`)!;
  assertEquals(path("a?b#c%2e*"), "rtsp://host/x/a%3Fb%23c%252e%2A");
  assertEquals(path("a b é@:"), "rtsp://host/x/a%20b%20%C3%A9@:");
  assertEquals(
    urlOf("live/*", "rtsp://host/x?ch=*", "live/1&pass=2"),
    "rtsp://host/x?ch=1%26pass%3D2",
  );
  for (const wanted of ["a?b#c%2e*", "a b é@:", "$&"]) {
    assertEquals(decodeURIComponent(path(wanted)), `rtsp://host/x/${wanted}`);
  }
});

Deno.test("a pattern that cannot be is refused with the reason, and without secrets", () => {
  const wrong = (name: string, url: string, text: string) => {
    for (const mode of ["pull", "push"] as const) {
      const check = () => checkRelays([{ mode, name, url }]);
      const { message } = assertThrows(check, RelayPatternError, text);
      assert(!message.includes("se4cret"), message);
    }
  };
  wrong("live/*", "rtmp://me:se4cret@host/live/cam", "1 and 0");
  wrong("live/cam", "rtmp://me:se4cret@host/live/*", "0 and 1");
  wrong("*/*", "rtmp://me:se4cret@host/live/*", "2 and 1");
  wrong("live/*", "rtmp://me:se4cret@host/*/*", "1 and 2");
  wrong("live/cam*", "rtmp://me:se4cret@host/live/*", "whole segment");
  wrong("*", "rtsp://me:se4cret@*/live", "host");
  // Nor does it run always, whatever is asked for.
  const always = { mode: "pull", name: "live/*", url: "rtmp://host/live/*", on: "always" } as const;
  assertThrows(() => checkRelays([always]), RelayPatternError, "on demand by nature");
  checkRelays([{ ...always, on: "demand" }, { ...always, mode: "push", url: "rtmp://b/*" }]);
});

Deno.test("a relay of one stream may have a * in its query, and in its password", () => {
  const url = "rtsp://me:a*b@host/cam?signature=x*y";
  assertEquals(parseRelayPattern({ name: "live/cam", url }), undefined);
  checkRelays([{ mode: "pull", name: "live/cam", url }]);
});
