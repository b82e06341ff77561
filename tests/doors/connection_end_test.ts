import { assertEquals } from "@std/assert";
import { RtmpError } from "../../src/rtmp/mod.ts";
import { RtspError } from "../../src/rtsp/mod.ts";
import { failureEnd } from "../../src/doors/mod.ts";
import { TlsHandshakeError } from "../../src/transport/mod.ts";

Deno.test("a connection ends by the same error alike, whatever it speaks; cleanly only without a publisher", () => {
  const errors: readonly (readonly [Error, string, boolean])[] = [
    [new RtmpError("closed", "gone"), "closed", true],
    [new RtspError("closed", "gone"), "closed", true],
    [new RtspError("malformed-url", "no URL"), "malformed-url", false],
    [new Deno.errors.ConnectionReset(), "reset", true],
    [Object.assign(new Error(), { code: "EHOSTUNREACH" }), "reset", true],
    [new Deno.errors.InvalidData("bad record"), "tls", false],
    [new TlsHandshakeError("no TLS"), "tls-handshake", false],
    [new TypeError("a mistake"), "internal", false],
  ];
  for (const [error, reason, isClean] of errors) {
    for (const isPublishing of [false, true]) {
      const end = failureEnd(error, { isPublishing });
      assertEquals([end.reason, end.clean], [reason, isClean && !isPublishing]);
    }
  }
  // What went wrong inside is no business of a peer's.
  assertEquals(
    failureEnd(new TypeError("a mistake"), { isPublishing: false }).message,
    "Internal error",
  );
});
