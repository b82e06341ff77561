import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  formatSdp,
  MAX_SDP_LENGTH,
  MAX_SDP_MEDIA,
  parseSdp,
  SdpError,
  type SdpErrorCode,
} from "../../src/sdp/mod.ts";
import { DEVICES } from "./devices.ts";

for (const { device, sdp, media } of DEVICES) {
  Deno.test(`parseSdp reads the description of ${device}`, () => {
    const description = parseSdp(sdp);
    assertEquals(
      description.media.map(({ kind, formats, control }) => [
        kind,
        formats[0]?.encoding,
        formats[0]?.clockRate,
        control,
      ]),
      media.map(([kind, encoding, rate, control]) => [kind, encoding, rate, control]),
    );
    assertEquals(parseSdp(new TextEncoder().encode(sdp)), description);
  });
}

function device(name: string) {
  return parseSdp(DEVICES.find((one) => one.device.startsWith(name))!.sdp);
}

Deno.test("parseSdp fills origins that devices leave incomplete or overfill", () => {
  assertEquals(device("Uniview").origin, {
    username: "-",
    sessionId: "1001",
    sessionVersion: "1",
    addressType: "IP4",
    address: "0.0.0.0",
  });
  assertEquals(device("TP-Link").origin?.sessionVersion, "31787219");
  assertEquals(device("Ring").origin?.username, "Ring");
  assertEquals(device("Ring").origin?.address, "0.0.0.0");
  assertEquals(
    parseSdp("o=-2208991488 2208991488 IN IP4 192.0.2.1").origin?.sessionId,
    "2208991488",
  );
});

Deno.test("parseSdp gives fmtp as a record with names in lower case", () => {
  assertEquals(device("UniFi").media[0]?.formats[0]?.fmtp, {
    streamtype: "5",
    "profile-level-id": "15",
    mode: "AAC-hbr",
    config: "1188",
    sizelength: "13",
    indexlength: "3",
    indexdeltalength: "3",
  });
  assertEquals(device("UniFi").media[1]?.formats[0]?.fmtp, {});
  const base64 = device("Dahua").media[0]?.formats[0]?.fmtp["sprop-parameter-sets"];
  assertEquals(base64, "Z2QAKqws,aO4x");
});

Deno.test("parseSdp is not confused by parameters named as a prototype's", () => {
  const { fmtp } = parseSdp("m=video 0 RTP/AVP 96\na=fmtp:96 __proto__=1;constructor=2")
    .media[0]!.formats[0]!;
  assertEquals(Object.keys(fmtp), ["__proto__", "constructor"]);
  assertEquals(({} as Record<string, unknown>)["1"], undefined);
});

Deno.test("parseSdp keeps unknown attributes in order, without those it understands", () => {
  assertEquals(device("Wowza").media[1]?.attributes, [
    { name: "cliprect", value: "0,0,160,240" },
    { name: "framesize", value: "97 240-160" },
    { name: "framerate", value: "24.0" },
  ]);
});

Deno.test("parseSdp reads direction, bandwidth, connection and channels", () => {
  const { media } = parseSdp(
    "m=audio 5004/2 RTP/AVP 97 10\nc=IN IP4 224.2.1.1/127\nb=AS:128\nb=TIAS:64000\n" +
      "a=sendonly\na=rtpmap:97 opus/48000/2\ni=microphone",
  );
  assertEquals(media, [{
    kind: "audio",
    port: 5004,
    protocol: "RTP/AVP",
    formats: [
      { payloadType: 97, encoding: "opus", clockRate: 48000, channels: 2, fmtp: {} },
      { payloadType: 10, encoding: "L16", clockRate: 44100, channels: 2, fmtp: {} },
    ],
    title: "microphone",
    connection: { addressType: "IP4", address: "224.2.1.1", ttl: 127 },
    bandwidth: [{ type: "AS", value: 128 }, { type: "TIAS", value: 64000 }],
    direction: "sendonly",
  }]);
});

Deno.test("parseSdp leaves the clock rate of a dynamic type without rtpmap undefined", () => {
  for (const text of ["", "a=rtpmap:96 H264", "a=rtpmap:96 H264/0", "a=rtpmap:96 H264/x"]) {
    const { formats } = parseSdp(`m=video 0 RTP/AVP 96\n${text}`).media[0]!;
    assertEquals(formats[0]?.clockRate, undefined, text);
  }
});

Deno.test("parseSdp passes over a line that is no type=value, wherever it stands", () => {
  const lines = [
    "v=0",
    "s=x",
    "m=audio 0 RTP/AVP 8",
    "a=control:trackID=1",
    "m=video 0 RTP/AVP 26",
  ];
  const expected = parseSdp(lines.join("\r\n"));
  for (let at = 0; at <= lines.length; at++) {
    for (const rubbish of ["rubbish", "=x", "av=1", ":a=control", "-"]) {
      assertEquals(parseSdp(lines.toSpliced(at, 0, rubbish).join("\r\n")), expected);
    }
  }
});

const FAULTS: [string, SdpErrorCode, number][] = [
  ["", "empty", 0],
  ["\r\n \r\n", "empty", 0],
  ["rubbish\r\n<html>\r\n", "malformed-line", 1],
  ["\n=x", "malformed-line", 2],
  ["v=0\ns=x\nm=video 0", "malformed-media", 3],
  ["m=", "malformed-media", 1],
  [`m=video 0 RTP/AVP${" 96".repeat(129)}`, "malformed-media", 1],
  ["m=video 0 RTP/AVP 96\n".repeat(MAX_SDP_MEDIA + 1), "too-many-media", MAX_SDP_MEDIA + 1],
  [`s=${"x".repeat(MAX_SDP_LENGTH)}`, "too-large", 0],
];
for (const [text, code, line] of FAULTS) {
  Deno.test(`parseSdp refuses "${text.slice(0, 24).trim()}" with ${code}, naming the line`, () => {
    const error = assertThrows(() => parseSdp(text), SdpError);
    assertEquals([error.code, error.line], [code, line]);
    if (line > 0) assert(error.message.startsWith(`line ${line}: `));
  });
}

Deno.test("parseSdp takes exactly the largest number of media", () => {
  const media = "m=audio 0 RTP/AVP 0\n".repeat(MAX_SDP_MEDIA);
  assertEquals(parseSdp(media).media.length, MAX_SDP_MEDIA);
});

Deno.test("every truncation of every device's description is read or refused with SdpError", () => {
  for (const { sdp } of DEVICES) {
    for (let end = 0; end < sdp.length; end++) {
      try {
        formatSdp(parseSdp(sdp.slice(0, end)));
      } catch (error) {
        assertInstanceOf(error, SdpError, `cut at ${end}`);
      }
    }
  }
});

Deno.test("parseSdp yields a description or SdpError for any text, and what it yields can be written", () => {
  const letters = fc.constantFrom(..."vosictbam=:/ 0123456789-*;,\r\n\0aABIPN".split(""));
  const line = fc.constantFrom(
    "m=video 0 RTP/AVP 96",
    "a=rtpmap:96 ",
    "a=fmtp:96 ",
    "a=control:",
    "o=- ",
    "c=IN IP4 ",
    "b=AS:",
    "t=",
  );
  const text = fc.array(fc.oneof(letters, line, fc.string({ unit: "grapheme", maxLength: 4 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(text, (parts) => {
      try {
        const description = parseSdp(parts.join(""));
        const again = parseSdp(formatSdp(description));
        assertEquals(again.media.length, description.media.length);
      } catch (error) {
        assertInstanceOf(error, SdpError);
      }
    }),
    { seed: 7, numRuns: 1500 },
  );
});

Deno.test("parseSdp yields a description or SdpError for any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const before = bytes.slice();
      try {
        parseSdp(bytes);
      } catch (error) {
        assertInstanceOf(error, SdpError);
      }
      assertEquals(bytes, before);
    }),
    { seed: 8, numRuns: 1000 },
  );
});

Deno.test("parseSdp takes no longer for the last of many payload types than for the first", () => {
  const description = (payloadType: number): Uint8Array => {
    const types = Array.from({ length: 128 }, (_, type) => type).join(" ");
    const media = `m=video 0 RTP/AVP ${types}\r\n`.padEnd(
      2040,
      `a=fmtp:${String(payloadType).padStart(3, "0")}\r\n`,
    );
    return new TextEncoder().encode(`${media}\r\n`.repeat(MAX_SDP_MEDIA));
  };
  const inputs = [description(0), description(127)];
  const best = [Infinity, Infinity];
  for (let round = 0; round < 10; round++) {
    for (const [index, input] of inputs.entries()) {
      const started = performance.now();
      parseSdp(input);
      best[index] = Math.min(best[index]!, performance.now() - started);
    }
  }
  assert(best[1]! < 2 * best[0]!, `${best.join(" and ")} ms`);
});

Deno.test("parseSdp reads rtpmap and fmtp however they are written, and leaves those of other types", () => {
  const { media } = parseSdp(
    "m=video 0 RTP/AVP 96\ra = RTPMAP : 096   H264/90000\n a=Fmtp:96  a=b\r\na=rtpmap:97 X/1\na=fmtp:x",
  );
  assertEquals(media[0]?.formats, [
    { payloadType: 96, encoding: "H264", clockRate: 90000, fmtp: { a: "b" } },
  ]);
  assertEquals(media[0]?.attributes, [
    { name: "rtpmap", value: "97 X/1" },
    { name: "fmtp", value: "x" },
  ]);
});
