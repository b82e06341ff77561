import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  encodeInterleavedFrame,
  encodeRequest,
  encodeResponse,
  RTSP_LIMITS,
  RtspDecoder,
  RtspDecoderStream,
  type RtspErrorCode,
  type RtspMessage,
} from "../../src/rtsp/mod.ts";
import { assertSplitInvariant } from "../support/split.ts";

const utf8 = new TextEncoder();

/** A comparable form of a message. */
function plain(message: RtspMessage): unknown {
  switch (message.kind) {
    case "frame":
      return [message.channel, [...message.payload]];
    case "malformed":
      return [message.error.code, message.error.status];
    case "request":
      return [
        message.method,
        message.url,
        message.protocol,
        [...message.headers],
        text(message.body),
      ];
    case "response":
      return [message.status, message.reason, [...message.headers], text(message.body)];
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function decode(input: string | Uint8Array): unknown[] {
  const bytes = typeof input === "string" ? utf8.encode(input) : input;
  return assertSplitInvariant(bytes, (pieces) => {
    const decoder = new RtspDecoder();
    return pieces.flatMap((piece) => decoder.push(piece)).map(plain);
  }, { twoWayCuts: 60, randomCuts: 6 });
}

function joined(...parts: (string | Uint8Array | number[])[]): Uint8Array {
  const bytes = parts.map((part) =>
    typeof part === "string" ? utf8.encode(part) : Uint8Array.from(part)
  );
  return Uint8Array.from(bytes.flatMap((part) => [...part]));
}

Deno.test("RtspDecoder reads the DESCRIBE of RFC 2326, 10.2, and its response", () => {
  assertEquals(
    decode(
      "DESCRIBE rtsp://server.example.com/fizzle/foo RTSP/1.0\r\nCSeq: 312\r\n" +
        "Accept: application/sdp, application/rtsl, application/mheg\r\n\r\n" +
        "RTSP/1.0 200 OK\r\nCSeq: 312\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n",
    ),
    [
      ["DESCRIBE", "rtsp://server.example.com/fizzle/foo", "RTSP/1.0", [
        ["CSeq", "312"],
        ["Accept", "application/sdp, application/rtsl, application/mheg"],
      ], ""],
      [200, "OK", [
        ["CSeq", "312"],
        ["Content-Type", "application/sdp"],
        ["Content-Length", "5"],
      ], "v=0\r\n"],
    ],
  );
});

Deno.test("RtspDecoder finds requests between frames and frames between requests", () => {
  const options = encodeRequest({ method: "OPTIONS", url: "*", headers: { CSeq: "1" } });
  const request = ["OPTIONS", "*", "RTSP/1.0", [["CSeq", "1"]], ""];
  const frame = encodeInterleavedFrame(3, Uint8Array.of(1, 2, 3));
  const empty = encodeInterleavedFrame(0, new Uint8Array(0));
  assertEquals(decode(joined(frame, options, empty, frame, options)), [
    [3, [1, 2, 3]],
    request,
    [0, []],
    [3, [1, 2, 3]],
    request,
  ]);
});

/** An interleaved RTP packet of 16 bytes, and what is to come of it. */
function media(channel: number, mark: number): { bytes: Uint8Array; plain: unknown } {
  const packet = Uint8Array.of(0x80, 96, 0, mark, 0, 0, 0, 0, 1, 2, 3, 4, mark, mark, mark, mark);
  return { bytes: encodeInterleavedFrame(channel, packet), plain: [channel, [...packet]] };
}

Deno.test("RtspDecoder skips garbage between messages up to a frame or a start line (R143)", () => {
  const [one, two] = [media(0, 1), media(0, 2)];
  assertEquals(
    decode(
      joined(one.bytes, [0, 0xff, 0x0d, 0x0a, 0x31], two.bytes, [0], "OPTIONS * RTSP/1.0\r\n\r\n"),
    ),
    [one.plain, two.plain, ["OPTIONS", "*", "RTSP/1.0", [], ""]],
  );
});

for (
  const [what, garbage] of [
    ["letters", "Content-Length of no message RTSP HTTP/1.1 PLAY OPTIONS"],
    ["what begins like a response", "RTSP/1 RTSP/RTSP/0.9 200"],
    ["a $ with a channel that nobody has", [1, 2, 0x24, 0x77, 0xff, 0xff, 3]],
    ["a $ with a length of no packet", [1, 0x24, 0, 0, 4, 0x80, 1]],
    ["a $ with what is no RTP behind it", [1, 0x24, 0, 1, 0, 0x40, 1]],
    ["all bytes but $", Array.from({ length: 255 }, (_, at) => at < 0x24 ? at : at + 1)],
  ] as [string, string | number[]][]
) {
  Deno.test(`RtspDecoder goes on behind garbage between frames that holds ${what} (R143)`, () => {
    const [one, two] = [media(0, 1), media(2, 2)];
    const options = encodeRequest({ method: "OPTIONS", url: "rtsp://h/s", headers: { CSeq: "1" } });
    const plainOptions = ["OPTIONS", "rtsp://h/s", "RTSP/1.0", [["CSeq", "1"]], ""];
    const answer = encodeResponse({ status: 200, headers: { CSeq: "1" } });
    const plainAnswer = [200, "OK", [["CSeq", "1"]], ""];
    // An escape such as \x1b before what follows keeps words from growing together.
    const between = joined(garbage, [0x1b]);
    assertEquals(
      decode(joined(one.bytes, between, two.bytes, between, options, between, answer, one.bytes)),
      [one.plain, two.plain, plainOptions, plainAnswer, one.plain],
    );
  });
}

Deno.test("RtspDecoder counts garbage, and ends the connection over the limit of one piece", () => {
  const decoder = new RtspDecoder({ garbageLength: 100 });
  const frame = media(0, 1).bytes;
  for (let count = 1; count <= 10; count++) {
    assertEquals(decoder.push(joined(frame, "x".repeat(100))).length, 1);
  }
  assertEquals(decoder.push(frame).length, 1);
  assertEquals(decoder.garbageBytes, 1000);
  const last = decoder.push(joined("x".repeat(200)));
  assertEquals(last.map(plain), [["too-much-garbage", 400]]);
});

Deno.test("RtspDecoder takes an empty or unusual frame where it stands right behind another", () => {
  const frames = joined(media(0, 1).bytes, [0x24, 200, 0, 0], [0x24, 9, 0, 1, 7]);
  assertEquals(decode(frames), [media(0, 1).plain, [200, []], [9, [7]]]);
});

Deno.test("RtspDecoder takes a line of blanks in a head for folding, and only an empty one for its end", () => {
  const head = "RTSP/1.0 200 OK\r\nSession: 1\r\n \r\n\t\r\nRTP-Info: url=x\r\n\t;seq=1\r\n\r\n";
  assertEquals(decode(head), [[200, "OK", [["Session", "1"], ["RTP-Info", "url=x ;seq=1"]], ""]]);
});

Deno.test("RtspDecoder ends a connection that sends nothing but garbage", () => {
  const decoder = new RtspDecoder({ garbageLength: 10 });
  assertEquals(decoder.push(new Uint8Array(10)), []);
  assertEquals(decoder.push(new Uint8Array(1)).map(plain), [["too-much-garbage", 400]]);
  assertEquals(decoder.push(utf8.encode("OPTIONS * RTSP/1.0\r\n\r\n")), []);
});

Deno.test("RtspDecoder folds the case of header names and keeps duplicates in order (R141)", () => {
  const [message] = new RtspDecoder().push(utf8.encode(
    "OPTIONS * RTSP/1.0\r\ncseq:2\r\nWWW-AUTHENTICATE:    Basic realm=x   \r\n" +
      "www-authenticate: Digest y\r\nempty:\r\nfolded: one\r\n two\r\n\r\n",
  ));
  assert(message?.kind === "request");
  assertEquals(message.headers.get("CSeq"), "2");
  assertEquals(message.headers.getAll("WWW-Authenticate"), ["Basic realm=x", "Digest y"]);
  assertEquals(message.headers.get("Empty"), "");
  assertEquals(message.headers.get("Folded"), "one two");
});

Deno.test("RtspDecoder takes LF alone as line end, and blanks around", () => {
  assertEquals(decode("OPTIONS  *  RTSP/1.0\nCSeq : 4\n\n"), [
    ["OPTIONS", "*", "RTSP/1.0", [["CSeq", "4"]], ""],
  ]);
});

const { methodLength, urlLength, headerCount, headerNameLength, headerValueLength, bodyLength } =
  RTSP_LIMITS;
const head = "OPTIONS * RTSP/1.0\r\n";
const FAULTS: [string, string, RtspErrorCode, number][] = [
  ["a method too long", `${"A".repeat(methodLength + 1)} * RTSP/1.0\r\n`, "method-too-long", 400],
  ["a URL too long", `GET ${"u".repeat(urlLength + 1)} RTSP/1.0\r\n`, "url-too-long", 414],
  ["a start line without end", "A".repeat(5000), "url-too-long", 414],
  ["a protocol too long", `A * ${"P".repeat(65)}\r\n`, "protocol-too-long", 400],
  ["another protocol", "INVITE sip:x SIP/2.0\r\n", "malformed-start-line", 400],
  ["a start line of one word", "OPTIONS\r\n", "malformed-start-line", 400],
  ["a NUL in the start line", "OPTIONS *\0 RTSP/1.0\r\n", "malformed-start-line", 400],
  ["a NUL in CSeq", `${head}CSeq: 1\x002\r\n`, "malformed-header", 400],
  ["a header without colon", `${head}CSeq 1\r\n`, "malformed-header", 400],
  ["a header without name", `${head}: 1\r\n`, "malformed-header", 400],
  ["a blank in a name", `${head}C Seq: 1\r\n`, "malformed-header", 400],
  [
    "a name too long",
    `${head}${"n".repeat(headerNameLength + 1)}: 1\r\n`,
    "header-name-too-long",
    400,
  ],
  [
    "a value too long",
    `${head}n: ${"v".repeat(headerValueLength + 1)}\r\n`,
    "header-value-too-long",
    400,
  ],
  ["a header without end", `${head}n: ${"v".repeat(5000)}`, "header-value-too-long", 400],
  ["too many headers", head + "n: v\r\n".repeat(headerCount + 1), "too-many-headers", 400],
  ["too large a head", head + `n: ${"v".repeat(2000)}\r\n`.repeat(33), "headers-too-large", 413],
  ["a negative length", `${head}Content-Length: -1\r\n\r\n`, "content-length", 400],
  ["no number as length", `${head}Content-Length: 5x\r\n\r\n`, "content-length", 400],
  ["an empty length", `${head}Content-Length:\r\n\r\n`, "content-length", 400],
  ["two lengths", `${head}Content-Length: 1\r\ncontent-length: 2\r\n\r\n`, "content-length", 400],
  ["a huge length", `${head}Content-Length: 99999999999999999999\r\n\r\n`, "content-length", 400],
  ["a body too large", `${head}Content-Length: ${bodyLength + 1}\r\n\r\n`, "body-too-large", 413],
];
for (const [what, input, code, status] of FAULTS) {
  Deno.test(`RtspDecoder refuses ${what} with ${code} ${status} (R140, R141)`, () => {
    assertEquals(decode(joined("OPTIONS * RTSP/1.0\r\n\r\n", input)), [
      ["OPTIONS", "*", "RTSP/1.0", [], ""],
      [code, status],
    ]);
  });
}

Deno.test("RtspDecoder takes what is exactly at its limits (R140)", () => {
  const headers = Array.from({ length: headerCount - 1 }, (_, at) => `n${at}: v\r\n`).join("");
  const value = "v".repeat(headerValueLength);
  const input = `${"A".repeat(methodLength)} ${"u".repeat(urlLength)} RTSP/1.0\r\n` +
    `${headers}${"n".repeat(headerNameLength)}: ${value}\r\n\r\n`;
  const [message] = new RtspDecoder().push(utf8.encode(input));
  assert(message?.kind === "request");
  assertEquals(message.headers.size, headerCount);
  const body = new Uint8Array(bodyLength);
  const [large] = new RtspDecoder().push(encodeRequest({ method: "A", url: "*", body }));
  assert(large?.kind === "request");
  assertEquals(large.body.length, bodyLength);
});

Deno.test("RtspDecoder hands out views of what was pushed, and changes nothing", () => {
  const bytes = encodeInterleavedFrame(1, Uint8Array.of(5, 6));
  const before = bytes.slice();
  const [message] = new RtspDecoder().push(bytes);
  assert(message?.kind === "frame");
  assertEquals(message.payload.buffer, bytes.buffer);
  assertEquals(bytes, before);
});

Deno.test("RtspDecoder reads 10 000 OPTIONS in one write", () => {
  const one = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
  assertEquals(new RtspDecoder().push(utf8.encode(one.repeat(10_000))).length, 10_000);
});

Deno.test("RtspDecoder stops behind an HTTP request and gives the rest back (R130)", () => {
  const input = joined(
    "POST /cam HTTP/1.0\r\nx-sessioncookie: abc\r\nContent-Length: 32767\r\n\r\n",
    "REVTQ1JJQkU=",
  );
  const rest = assertSplitInvariant(input, (pieces) => {
    const decoder = new RtspDecoder();
    const messages = pieces.flatMap((piece) => decoder.push(piece));
    assertEquals(messages.length, 1);
    return text(decoder.takeRest());
  });
  assertEquals(rest, "REVTQ1JJQkU=");
});

Deno.test("RtspDecoder needs more after every truncation of a message", () => {
  const bytes = encodeResponse({ status: 200, headers: { CSeq: "1" }, body: "v=0\r\n" });
  for (let end = 0; end < bytes.length; end++) {
    assertEquals(new RtspDecoder().push(bytes.subarray(0, end)), []);
  }
});

Deno.test("RtspDecoder never throws, and gives the same for any cut of any bytes", () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.constantFrom(
      "OPTIONS * RTSP/1.0\r\n",
      "CSeq: 1\r\n",
      "Content-Length: 3\r\n",
      "\r\n",
      "$\0\0\x01x",
      "RTSP/1.0 200 OK\r\n",
      "GET / HTTP/1.1\r\n",
    ).map((one) => utf8.encode(one)),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.nat(), (parts, seed) => {
      const input = joined(...parts);
      assertSplitInvariant(input, (pieces) => {
        const decoder = new RtspDecoder();
        return pieces.flatMap((piece) => decoder.push(piece)).map(plain);
      }, { seed, randomCuts: 2, twoWayCuts: 8 });
    }),
    { seed: 11, numRuns: 300 },
  );
});

Deno.test("what encodeRequest and encodeResponse write is read the same", () => {
  const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/);
  const headers = fc.array(fc.tuple(word, value), { maxLength: 5 }).map((entries) =>
    entries.filter(([name]) => name.toLowerCase() !== "content-length")
  );
  fc.assert(
    fc.property(word, headers, fc.uint8Array({ maxLength: 40 }), (method, entries, body) => {
      const [request] = new RtspDecoder().push(
        encodeRequest({ method, url: "rtsp://h/s", headers: entries, body }),
      );
      assert(request?.kind === "request");
      assertEquals(request.method, method);
      assertEquals([...request.headers].slice(0, entries.length), entries);
      assertEquals([...request.body], [...body]);
      const [response] = new RtspDecoder().push(
        encodeResponse({ status: 454, headers: entries, body }),
      );
      assert(response?.kind === "response");
      assertEquals(response.reason, "Session Not Found");
      assertEquals([...response.body], [...body]);
    }),
    { seed: 12, numRuns: 300 },
  );
});

Deno.test("encodeRequest, encodeResponse and encodeInterleavedFrame refuse what would break out", () => {
  assertThrows(
    () => encodeRequest({ method: "A", url: "x\r\nEvil: 1" }),
    TypeError,
    "Cannot encode",
  );
  assertThrows(
    () => encodeResponse({ status: 200, headers: { A: "x\n" } }),
    TypeError,
    "Cannot encode",
  );
  assertThrows(() => encodeInterleavedFrame(256, new Uint8Array(0)), RangeError, "Cannot encode");
  assertThrows(() => encodeInterleavedFrame(0, new Uint8Array(65536)), RangeError, "Cannot encode");
});

Deno.test("RtspDecoderStream gives one array for each read", async () => {
  const one = utf8.encode("OPTIONS * RTSP/1.0\r\n\r\n");
  const source = ReadableStream.from([joined(one, one, one.subarray(0, 4)), one.subarray(4)]);
  const counts: number[] = [];
  for await (const messages of source.pipeThrough(new RtspDecoderStream())) {
    counts.push(messages.length);
  }
  assertEquals(counts, [2, 1]);
});
