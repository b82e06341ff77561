import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  Base64Decoder,
  classifyFirstRequest,
  encodeWebSocketFrame,
  httpBadRequestResponse,
  RtspDecoder,
  RtspError,
  RtspTunnelMatcher,
  tunnelGetResponse,
  tunnelPostResponse,
  webSocketAcceptResponse,
  webSocketCloseCode,
  WebSocketDecoder,
  WebSocketOpcode,
} from "../../src/rtsp/mod.ts";
import { assertSplitInvariant } from "../support/split.ts";

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function role(...lines: string[]) {
  const [first] = new RtspDecoder().push(utf8.encode([...lines, "", ""].join("\r\n")));
  if (first?.kind !== "request") throw new Error("no request");
  return classifyFirstRequest(first);
}

Deno.test("classifyFirstRequest tells RTSP, tunnels and HTTP apart (R130, R132, R133)", () => {
  assertEquals(role("OPTIONS * RTSP/1.0"), { role: "rtsp" });
  assertEquals(role("GET /s HTTP/1.0", "x-sessioncookie: abc"), {
    role: "tunnel-get",
    cookie: "abc",
  });
  assertEquals(role("POST /s HTTP/1.1", "X-SessionCookie: abc", "Content-Length: 32767"), {
    role: "tunnel-post",
    cookie: "abc",
  });
  assertEquals(role("GET / HTTP/1.1", "Host: h"), { role: "http" });
  assertEquals(role("POST / HTTP/1.1"), { role: "http" });
  assertEquals(role("PUT / HTTP/1.1", "x-sessioncookie: abc"), { role: "http" });
  assertEquals(role("GET / HTTP/1.1", "x-sessioncookie:"), { role: "http" });
  assertEquals(role("GET / HTTP/1.1", `x-sessioncookie: ${"a".repeat(257)}`), { role: "http" });
});

const upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
const key = "dGhlIHNhbXBsZSBub25jZQ==";

Deno.test("classifyFirstRequest wants the subprotocol rtsp.onvif.org (R133)", () => {
  const lines = ["GET /s HTTP/1.1", ...upgrade, `Sec-WebSocket-Key: ${key}`];
  assertEquals(role(...lines, "Sec-WebSocket-Protocol: chat, rtsp.onvif.org"), {
    role: "websocket",
    key,
    isOfForeignPage: false,
  });
  assertEquals(role(...lines), { role: "http" });
  assertEquals(role(...lines, "Sec-WebSocket-Protocol: chat"), { role: "http" });
  const bad = ["GET /s HTTP/1.1", ...upgrade, "Sec-WebSocket-Protocol: rtsp.onvif.org"];
  assertEquals(role(...bad), { role: "http" });
});

Deno.test("classifyFirstRequest knows the WebSocket of another host's page, whatever the ports are", () => {
  const lines = ["GET /s HTTP/1.1", ...upgrade, `Sec-WebSocket-Key: ${key}`];
  const isForeign = (...headers: string[]) => {
    const found = role(...lines, "Sec-WebSocket-Protocol: rtsp.onvif.org", ...headers);
    return found.role === "websocket" && found.isOfForeignPage;
  };
  const host = "Host: weir.example:8554";
  for (const origin of ["http://weir.example:8080", "https://WEIR.example"]) {
    assertEquals(isForeign(host, `Origin: ${origin}`), false, origin);
  }
  assertEquals(isForeign("Host: [::1]:8554", "Origin: http://[::1]:8080"), false);
  const foreign = ["http://other.example", "http://weir.example.other", "null", "", "file://"];
  for (const origin of foreign) assertEquals(isForeign(host, `Origin: ${origin}`), true, origin);
  assertEquals(isForeign("Origin: http://weir.example"), true);
});

Deno.test("the answer to a tunnel's GET has the tunnel's type and no length (R130)", () => {
  for (const response of [tunnelGetResponse(), tunnelPostResponse()]) {
    const lines = text(response).split("\r\n");
    assertMatch(lines[0]!, /^HTTP\/1\.[01] 200 OK$/);
    assertEquals(lines.slice(1, 5), [
      "Content-Type: application/x-rtsp-tunnelled",
      "Cache-Control: no-cache",
      "Pragma: no-cache",
      "Connection: close",
    ]);
    assertEquals(text(response).includes("Content-Length"), false);
  }
  assertMatch(text(httpBadRequestResponse()), /^HTTP\/1\.1 400 .*Connection: close/s);
});

Deno.test("a POST finds its GET by cookie and address, and so do later ones (R131, R134)", () => {
  const tunnels = new RtspTunnelMatcher<string>();
  tunnels.open("a", { address: "192.0.2.1", value: "one" });
  assertThrows(() => tunnels.open("a", { address: "192.0.2.1", value: "two" }), RtspError);
  assertThrows(() => tunnels.match("b", "192.0.2.1"), RtspError);
  assertThrows(() => tunnels.match("a", "192.0.2.2"), RtspError);
  assertEquals(tunnels.match("a", "192.0.2.1"), "one");
  assertEquals(tunnels.match("a", "192.0.2.1"), "one");
  assertThrows(() => tunnels.match("a", "192.0.2.2"), RtspError);
  assertThrows(() => tunnels.open("a", { address: "192.0.2.2", value: "stranger" }), RtspError);
  // A client that has come back: the tunnel of before, which may not know yet, does not take its cookie away.
  tunnels.open("a", { address: "192.0.2.1", value: "three" });
  tunnels.close("a", "one");
  assertEquals(tunnels.match("a", "192.0.2.1"), "three");
  tunnels.close("a", "three");
  assertThrows(() => tunnels.match("a", "192.0.2.1"), RtspError);
});

Deno.test("a POST behind a GET on one connection is no second role (R134, CVE-2019-6256)", () => {
  const decoder = new RtspDecoder();
  const get = "GET /s HTTP/1.0\r\nx-sessioncookie: a\r\n\r\n";
  const post = "POST /s HTTP/1.0\r\nx-sessioncookie: a\r\n\r\n";
  assertEquals(decoder.push(utf8.encode(get + post)).length, 1);
  assertEquals(decoder.push(utf8.encode(post)), []);
  assertEquals(text(decoder.takeRest()), post + post);
});

Deno.test("what comes behind an HTTP request and nobody takes is not kept without end", () => {
  const decoder = new RtspDecoder();
  decoder.push(utf8.encode("GET /s HTTP/1.0\r\n\r\n"));
  const piece = new Uint8Array(64 * 1024);
  const faults = Array.from({ length: 5 }, () => decoder.push(piece)).flat();
  assertEquals(faults.map((fault) => fault.kind === "malformed" && fault.error.code), [
    "malformed-tunnel",
  ]);
  assertEquals(decoder.takeRest().length, 0);
});

Deno.test("Base64Decoder decodes padded pieces one behind the other, however cut (R130)", () => {
  const input = "T1BU" + "SU9OUw==" + "\r\n" + btoa(" * RTSP/1.0\r\n") + "IA==" + "IA";
  const decoded = assertSplitInvariant(utf8.encode(input), (pieces) => {
    const decoder = new Base64Decoder();
    return pieces.map((piece) => text(decoder.push(piece))).join("");
  });
  assertEquals(decoded, "OPTIONS * RTSP/1.0\r\n  ");
});

Deno.test("Base64Decoder gives back what btoa was given, and refuses other characters", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const encoded = btoa(String.fromCharCode(...bytes));
      assertEquals([...new Base64Decoder().push(utf8.encode(encoded))], [...bytes]);
    }),
    { seed: 31, numRuns: 200 },
  );
  assertThrows(() => new Base64Decoder().push(utf8.encode("AB*D")), RtspError);
});

Deno.test("webSocketAcceptResponse gives the accept value of RFC 6455, 1.3", () => {
  assertMatch(text(webSocketAcceptResponse(key)), /Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
});

Deno.test("WebSocketDecoder reads the masked hello of RFC 6455, 5.7, ping and close", () => {
  const input = Uint8Array.of(
    ...[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
    ...[0x89, 0x81, 0, 0, 0, 0, 7],
    ...[0x8a, 0x80, 0, 0, 0, 0],
    ...[0x88, 0x80, 0, 0, 0, 0],
  );
  const events = assertSplitInvariant(input, (pieces) => {
    const decoder = new WebSocketDecoder();
    return pieces.flatMap((piece) => decoder.push(piece));
  });
  assertEquals(events, [
    { kind: "data", payload: utf8.encode("Hello") },
    { kind: "ping", payload: Uint8Array.of(7) },
    { kind: "close" },
  ]);
});

for (const length of [0, 125, 126, 65535, 65536]) {
  Deno.test(`encodeWebSocketFrame and WebSocketDecoder agree on ${length} bytes`, () => {
    const payload = new Uint8Array(length).fill(0x5a);
    const frame = encodeWebSocketFrame(payload);
    const extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
    const masked = new Uint8Array(frame.length + 4);
    masked.set(frame.subarray(0, 2 + extra));
    masked[1]! |= 0x80; // with a mask of zeros
    masked.set(frame.subarray(2 + extra), 6 + extra);
    assertEquals(new WebSocketDecoder().push(masked), [{ kind: "data", payload }]);
  });
}

Deno.test("WebSocketDecoder takes messages in pieces, with control frames between them", () => {
  const input = Uint8Array.of(
    ...[0x02, 0x81, 0, 0, 0, 0, 1],
    ...[0x89, 0x80, 0, 0, 0, 0],
    ...[0x00, 0x81, 0, 0, 0, 0, 2],
    ...[0x80, 0x81, 0, 0, 0, 0, 3],
    ...[0x82, 0x81, 0, 0, 0, 0, 4],
  );
  assertEquals(
    new WebSocketDecoder().push(input).map((event) => event.kind === "data" ? event.payload[0] : 0),
    [1, 0, 2, 3, 4],
  );
});

for (
  const [what, bytes, closeCode] of [
    ["no mask", [0x82, 0x01, 0x00], 1002],
    ["a reserved bit", [0xc2, 0x81, 0, 0, 0, 0, 1], 1002],
    ["an unknown opcode", [0x83, 0x80, 0, 0, 0, 0], 1002],
    ["an unknown control opcode", [0x8b, 0x80, 0, 0, 0, 0], 1002],
    ["a continuation of nothing", [0x80, 0x80, 0, 0, 0, 0], 1002],
    ["a message in a message", [0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0], 1002],
    ["a control frame in pieces", [0x09, 0x80, 0, 0, 0, 0], 1002],
    ["a control frame over 125 bytes", [0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002],
    [
      "a huge length",
      [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
      1009,
    ],
  ] as const
) {
  Deno.test(`WebSocketDecoder refuses ${what}`, () => {
    const error = assertThrows(
      () => new WebSocketDecoder().push(Uint8Array.of(...bytes)),
      RtspError,
    );
    const isTooLarge = closeCode === 1009;
    assertEquals(error.code, isTooLarge ? "websocket-frame-too-large" : "malformed-websocket");
    assertEquals(webSocketCloseCode(error), closeCode);
  });
}

Deno.test("WebSocketDecoder gives events or RtspError for any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        new WebSocketDecoder().push(bytes);
      } catch (error) {
        assertEquals(error instanceof RtspError, true);
      }
    }),
    { seed: 32, numRuns: 500 },
  );
});

Deno.test("encodeWebSocketFrame writes a pong", () => {
  const frame = encodeWebSocketFrame(Uint8Array.of(7), { opcode: WebSocketOpcode.Pong });
  assertEquals(frame, Uint8Array.of(0x8a, 1, 7));
});
