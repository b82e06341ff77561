import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { RtmpClientHandshake } from "../../src/rtmp/handshake_client.ts";
import { RtmpServerHandshake } from "../../src/rtmp/handshake_server.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import { assertSplitInvariant, seededRandom } from "../support/split.ts";

const SCHEMES = ["simple", "digest-0", "digest-1"] as const;

function seededBytes(seed: number): (length: number) => Uint8Array {
  const random = seededRandom(seed);
  return (length) => Uint8Array.from({ length }, () => 256 * random());
}

function makeClient(scheme: (typeof SCHEMES)[number]): RtmpClientHandshake {
  return new RtmpClientHandshake({ random: seededBytes(2), nowMs: 1, scheme });
}

/** What a weir server answers; its own tests compare that with real clients. */
function serverBytes(scheme: (typeof SCHEMES)[number]): Uint8Array {
  return new RtmpServerHandshake({ random: seededBytes(1) }).push(makeClient(scheme).start())!;
}

Deno.test("RtmpClientHandshake offers a digest by default, with a version that servers expect it from (M002)", () => {
  const start = new RtmpClientHandshake({ random: seededBytes(2), nowMs: 0xffff_fffe }).start();
  assertEquals(start.length, 1 + 1536);
  assertEquals(start.subarray(0, 9), new Uint8Array([3, 255, 255, 255, 254, 9, 0, 124, 2]));
  const server = new RtmpServerHandshake({ random: seededBytes(1) });
  server.push(start);
  assertEquals(server.scheme, "digest-0");
});

Deno.test("RtmpClientHandshake sends a simple C1 when told so (M001)", () => {
  const start = makeClient("simple").start();
  assertEquals(start.subarray(0, 9), new Uint8Array([3, 0, 0, 0, 1, 0, 0, 0, 0]));
  assertEquals(start.subarray(9), seededBytes(2)(1528));
});

for (const scheme of SCHEMES) {
  Deno.test(`client and server agree on ${scheme}, and the client knows that S2 answers it (M001, M002)`, () => {
    const client = makeClient(scheme);
    const server = new RtmpServerHandshake({ random: seededBytes(1) });
    const output = server.push(client.start())!;
    const c2 = client.push(output)!;
    assertEquals([client.done, client.scheme, client.verified], [true, scheme, true]);
    assertEquals(server.push(c2), undefined);
    assertEquals([server.done, server.scheme], [true, scheme]);
    const echo = output.subarray(1, 1 + 1536);
    if (scheme === "simple") assertEquals(c2, echo);
    else assertNotEquals(c2, echo);
  });

  Deno.test(`RtmpClientHandshake with ${scheme} sends C2 once S1 is there, however its input is cut (M003, M004)`, () => {
    const chunks = [2, 0, 0, 0, 0];
    const input = new Uint8Array([...serverBytes(scheme), ...chunks]);
    const result = assertSplitInvariant(input, (pieces) => {
      const client = makeClient(scheme);
      const outputs: Uint8Array[] = [];
      const rest: number[] = [];
      for (const piece of pieces) {
        const output = client.push(piece);
        if (output !== undefined) outputs.push(output);
        rest.push(...client.takeRest());
      }
      return { outputs, rest, done: client.done, verified: client.verified };
    });
    assertEquals(result.outputs.map((output) => output.length), [1536]);
    assertEquals([result.rest, result.done, result.verified], [chunks, true, true]);
  });
}

Deno.test("RtmpClientHandshake waits at every cut of S0, S1 and S2, and says for what (M003)", () => {
  const input = serverBytes("digest-0");
  for (let length = 0; length < input.length; length++) {
    const client = makeClient("digest-0");
    const output = client.push(input.subarray(0, length));
    const waitingFor = length < 1 ? "S0" : length < 1 + 1536 ? "S1" : "S2";
    assertEquals([client.done, client.waitingFor, client.verified], [false, waitingFor, false]);
    assertEquals(output?.length, waitingFor === "S2" ? 1536 : undefined);
  }
});

Deno.test("RtmpClientHandshake takes a server that echoes, whatever it offered, and echoes S1 (M001)", () => {
  for (const scheme of SCHEMES) {
    const client = makeClient(scheme);
    const c1 = client.start().subarray(1);
    const s1 = seededBytes(5)(1536);
    const s2 = c1.slice();
    // A server that follows the specification puts its own time here (chapter 5.2.4).
    s2.set([1, 2, 3, 4], 4);
    assertEquals(client.push(new Uint8Array([3, ...s1, ...s2])), s1);
    assertEquals([client.done, client.scheme, client.verified], [true, "simple", true]);
  }
});

Deno.test("RtmpClientHandshake puts up with an S2 that answers nothing, and says so (M001, M002)", () => {
  for (const scheme of SCHEMES) {
    for (const fault of ["zeros", "one bit"]) {
      const input = serverBytes(scheme);
      if (fault === "zeros") input.fill(0, 1 + 1536);
      else input[input.length - 1]! ^= 1;
      const client = makeClient(scheme);
      assert(client.push(input) !== undefined);
      assertEquals([client.done, client.scheme, client.verified], [true, scheme, false], fault);
    }
  }
});

Deno.test("RtmpClientHandshake refuses an S0 other than 3 (M003)", () => {
  const error = assertThrows(
    () => makeClient("simple").push(new TextEncoder().encode("HTTP/1.1 400 Bad Request")),
    RtmpError,
    "S0 is 72",
  );
  assertEquals(error.code, "handshake-version");
});
