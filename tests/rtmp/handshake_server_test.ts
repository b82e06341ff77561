import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { RtmpClientHandshake } from "../../src/rtmp/handshake_client.ts";
import {
  findDigest,
  hasSignature,
  PLAYER_KEY,
  SERVER_KEY,
  writeDigest,
} from "../../src/rtmp/handshake_digest.ts";
import { RtmpServerHandshake } from "../../src/rtmp/handshake_server.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import { assertSplitInvariant, seededRandom } from "../support/split.ts";

const C0_C1 = 1 + 1536;
const CHUNKS = new Uint8Array([0x02, 0, 0, 0, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0x26, 0x25, 0xa0]);

function seededBytes(seed: number): (length: number) => Uint8Array {
  const random = seededRandom(seed);
  return (length) => Uint8Array.from({ length }, () => 256 * random());
}

function makeServer(): RtmpServerHandshake {
  return new RtmpServerHandshake({ random: seededBytes(1), nowMs: 0x1_0203_0405 });
}

/** A whole client's side: C0, C1, C2 and some chunks. C2 is noise, which no server may mind. */
function clientBytes(scheme: "simple" | "digest-0" | "digest-1"): Uint8Array {
  const start = new RtmpClientHandshake({ random: seededBytes(2), scheme }).start();
  return new Uint8Array([...start, ...seededBytes(3)(1536), ...CHUNKS]);
}

function recording(name: string): Uint8Array {
  return Deno.readFileSync(new URL(`recordings/${name}.bin`, import.meta.url));
}

Deno.test("RtmpServerHandshake answers a simple C1 with one write: version 3, time and noise, C1 again (M001)", () => {
  const input = clientBytes("simple");
  const server = makeServer();
  const output = server.push(input)!;
  assertEquals(output.length, 1 + 2 * 1536);
  assertEquals(output[0], 3);
  assertEquals(output.subarray(1, 9), new Uint8Array([2, 3, 4, 5, 0, 0, 0, 0]));
  assertEquals(output.subarray(9, 1 + 1536), seededBytes(1)(1528));
  assertEquals(output.subarray(1 + 1536), input.subarray(1, C0_C1));
  assertEquals([server.done, server.scheme], [true, "simple"]);
});

for (const scheme of ["digest-0", "digest-1"] as const) {
  Deno.test(`RtmpServerHandshake answers a C1 with ${scheme} with S1 and S2 of the same scheme (M002)`, () => {
    const input = clientBytes(scheme);
    const server = makeServer();
    const output = server.push(input.subarray(0, C0_C1))!;
    assertEquals([server.done, server.scheme, server.waitingFor], [false, scheme, "C2"]);
    const s1 = output.subarray(1, 1 + 1536);
    assertEquals(findDigest(s1, SERVER_KEY)?.scheme, scheme);
    assert(s1[4]! >= 3, "FFmpeg takes a first version number below 3 to mean the simple handshake");
    const c1Digest = findDigest(input.subarray(1, C0_C1), PLAYER_KEY)!.digest;
    assert(hasSignature(output.subarray(1 + 1536), SERVER_KEY, { ownDigest: c1Digest }));
  });

  Deno.test(`RtmpServerHandshake echoes a C1 whose ${scheme} is not valid (M002)`, () => {
    const input = clientBytes(scheme);
    input[1535]! ^= 1;
    const server = makeServer();
    const output = server.push(input)!;
    assertEquals(server.scheme, "simple");
    assertEquals(output.subarray(5, 9), new Uint8Array(4));
    assertEquals(output.subarray(1 + 1536), input.subarray(1, C0_C1));
  });
}

Deno.test("RtmpServerHandshake looks for no digest in a C1 that has zeros in place of a version (M002)", () => {
  const input = clientBytes("digest-0");
  const c1 = input.subarray(1, C0_C1);
  c1.fill(0, 4, 8);
  writeDigest(c1, PLAYER_KEY, { scheme: "digest-0" });
  assertEquals(findDigest(c1, PLAYER_KEY)?.scheme, "digest-0");
  const server = makeServer();
  const output = server.push(input)!;
  assertEquals(server.scheme, "simple");
  assertEquals(output.subarray(1 + 1536), c1);
});

Deno.test("RtmpServerHandshake signs so that FFmpeg and librtmp, who check it, sign back (M002)", () => {
  for (const name of ["ffmpeg_play", "vlc_play", "rtmpdumpswf_play"]) {
    const bytes = recording(name);
    // The listener of scripts/record_rtmp.ts sent this S1.
    const server = new RtmpServerHandshake({
      random: (length) => new Uint8Array(length).fill(0x5a),
    });
    const output = server.push(bytes)!;
    assertEquals(server.scheme, "digest-0", name);
    const ownDigest = findDigest(output.subarray(1, 1 + 1536), SERVER_KEY)!.digest;
    const c2 = bytes.subarray(C0_C1, C0_C1 + 1536);
    assert(hasSignature(c2, PLAYER_KEY, { ownDigest }), name);
  }
});

Deno.test("RtmpServerHandshake waits at every cut of C0, C1 and C2, and says for what (M003)", () => {
  for (const scheme of ["simple", "digest-0", "digest-1"] as const) {
    const input = clientBytes(scheme);
    for (let length = 0; length < C0_C1 + 1536; length++) {
      const server = makeServer();
      const output = server.push(input.subarray(0, length));
      const waitingFor = length < 1 ? "C0" : length < C0_C1 ? "C1" : "C2";
      assertEquals([server.done, server.waitingFor], [false, waitingFor]);
      assertEquals(output?.length, length < C0_C1 ? undefined : 1 + 2 * 1536);
      assertEquals(server.takeRest().length, 0);
    }
  }
});

Deno.test("RtmpServerHandshake answers once, and loses nothing, however its input is cut (M001, M003, M004)", () => {
  for (const scheme of ["simple", "digest-0", "digest-1"] as const) {
    const result = assertSplitInvariant(clientBytes(scheme), (pieces) => {
      const server = makeServer();
      const outputs: Uint8Array[] = [];
      const rest: number[] = [];
      for (const piece of pieces) {
        const output = server.push(piece);
        if (output !== undefined) outputs.push(output);
        rest.push(...server.takeRest());
      }
      return { outputs, rest, done: server.done, scheme: server.scheme };
    });
    assertEquals(result.outputs.length, 1);
    assertEquals(result.rest, [...CHUNKS]);
    assertEquals([result.done, result.scheme], [true, scheme]);
  }
});

Deno.test("RtmpServerHandshake hands out once what follows C2, also what comes after it was done (M004)", () => {
  const server = makeServer();
  server.push(clientBytes("digest-0"));
  assertEquals(server.takeRest(), CHUNKS);
  assertEquals(server.takeRest().length, 0);
  assertEquals(server.push(CHUNKS), undefined);
  assertEquals(server.takeRest(), CHUNKS);
});

Deno.test("RtmpServerHandshake refuses every C0 but 3 at its first byte, and names it (M003)", () => {
  for (let version = 0; version < 256; version++) {
    if (version === 3) continue;
    const server = makeServer();
    const error = assertThrows(() => server.push(new Uint8Array([version])), RtmpError);
    assertEquals(error.code, "handshake-version");
    assertStringIncludes(error.message, `C0 is ${version}`);
    assertThrows(() => server.push(clientBytes("simple")), RtmpError, `C0 is ${version}`);
    assertEquals(server.takeRest().length, 0);
  }
});

Deno.test("RtmpServerHandshake tells RTMPE, TLS, HTTP and a stated client address from one another (M003)", () => {
  const cases = [
    [[6], "RTMPE"],
    [[8], "RTMPE"],
    [[0x16, 3, 1], "TLS"],
    [new TextEncoder().encode("GET / HTTP/1.1"), "HTTP"],
    [new TextEncoder().encode("PROXY TCP4 10.0.0.1"), "PROXY"],
    // SRS's prefix: 0xF3, a length, an address; then the handshake.
    [[0xf3, 0, 4, 10, 0, 0, 1, ...clientBytes("simple")], "not honoured"],
  ] as const;
  for (const [bytes, text] of cases) {
    const error = assertThrows(() => makeServer().push(new Uint8Array(bytes)), RtmpError);
    assertStringIncludes(error.message, text);
  }
});
