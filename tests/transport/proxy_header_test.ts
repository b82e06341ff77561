import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { AddressRanges, forwardedAddress } from "../../src/gate/mod.ts";
import {
  parseProxyHeader,
  proxiedTransport,
  ProxyHeaderError,
  streamPairTransport,
} from "../../src/transport/mod.ts";
import { TurnedClock } from "../support/turned_clock.ts";

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A header of version 2. */
function binary(
  {
    command = 0x21,
    family = 0x11,
    payload = [203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x34, 0x1f, 0x90],
  } = {},
): Uint8Array {
  return Uint8Array.of(
    ...SIGNATURE,
    command,
    family,
    payload.length >> 8,
    payload.length & 0xff,
    ...payload,
  );
}

const IPV6 = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1];

const HEADERS: [string, Uint8Array, { address: string; port: number } | undefined][] = [
  ["TCP4", bytesOf("PROXY TCP4 203.0.113.9 10.0.0.1 4660 8080\r\n"), {
    address: "203.0.113.9",
    port: 4660,
  }],
  ["TCP6", bytesOf("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"), { address: "2001:db8::1", port: 1 }],
  ["UNKNOWN", bytesOf("PROXY UNKNOWN\r\n"), undefined],
  ["UNKNOWN with more", bytesOf("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), undefined],
  ["v2 TCP4", binary(), { address: "203.0.113.9", port: 0x1234 }],
  ["v2 TCP6", binary({ family: 0x21, payload: [...IPV6, ...IPV6, 0, 7, 0, 8] }), {
    address: "2001:db8::1",
    port: 7,
  }],
  [
    "v2 with TLVs",
    binary({ payload: [203, 0, 113, 9, 10, 0, 0, 1, 0, 5, 0, 6, 1, 0, 2, 65, 66] }),
    { address: "203.0.113.9", port: 5 },
  ],
  ["v2 LOCAL", binary({ command: 0x20, family: 0, payload: [] }), undefined],
  ["v2 LOCAL with an address", binary({ command: 0x20 }), undefined],
  ["v2 of a Unix socket", binary({ family: 0x31, payload: Array(216).fill(65) }), undefined],
];

for (const [what, header, client] of HEADERS) {
  Deno.test(`a PROXY header of ${what} is read, whatever follows, and not before all of it is there`, () => {
    assertEquals(parseProxyHeader(header), { client, length: header.length });
    assertEquals(parseProxyHeader(concat([header, bytesOf("\x03more")])), {
      client,
      length: header.length,
    });
    for (let cut = 0; cut < header.length; cut++) {
      assertEquals(parseProxyHeader(header.subarray(0, cut)), undefined, `${cut}`);
    }
  });
}

Deno.test("hostile PROXY headers are refused, as soon as they can be", () => {
  const wrong: [string, Uint8Array][] = [
    ["RTMP", Uint8Array.of(3, 0, 0, 0)],
    ["RTSP", bytesOf("OPTIONS * RTSP/1.0\r\n")],
    ["PLAY", bytesOf("PLAY rtsp://h/ RTSP/1.0\r\n")],
    ["an endless line", bytesOf(`PROXY TCP4 ${"1".repeat(200)}`)],
    ["no addresses", bytesOf("PROXY TCP4\r\n")],
    ["one port", bytesOf("PROXY TCP4 1.2.3.4 1.2.3.4 5\r\n")],
    ["six fields", bytesOf("PROXY TCP4 1.2.3.4 1.2.3.4 5 6 7\r\n")],
    ["an IPv6 address for an IPv4 one", bytesOf("PROXY TCP4 ::1 ::1 5 6\r\n")],
    ["an IPv4 address for an IPv6 one", bytesOf("PROXY TCP6 1.2.3.4 1.2.3.4 5 6\r\n")],
    ["octal", bytesOf("PROXY TCP4 010.0.0.1 1.2.3.4 5 6\r\n")],
    ["a name", bytesOf("PROXY TCP4 localhost 1.2.3.4 5 6\r\n")],
    ["a port that is none", bytesOf("PROXY TCP4 1.2.3.4 1.2.3.4 65536 6\r\n")],
    ["a line feed alone", bytesOf(`PROXY TCP4 1.2.3.4 1.2.3.4 5 6\n${" ".repeat(100)}`)],
    ["another signature", Uint8Array.of(13, 10, 13, 11)],
    ["version 1 in version 2", binary({ command: 0x11 })],
    ["an unknown command", binary({ command: 0x22 })],
    ["too few bytes of address", binary({ payload: [1, 2, 3] })],
    ["a huge payload", Uint8Array.of(...SIGNATURE, 0x21, 0x11, 0xff, 0xff)],
  ];
  for (const [what, bytes] of wrong) {
    assertThrows(() => parseProxyHeader(bytes), ProxyHeaderError, undefined, what);
  }
});

/** A connection of a balancer that sends these pieces, and then ends or says nothing more. */
function connection(pieces: readonly Uint8Array[], { ends = true } = {}) {
  return streamPairTransport({
    readable: new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(piece);
        if (ends) controller.close();
      },
    }),
    writable: new WritableStream(),
    remoteAddress: "10.0.0.1",
  });
}

async function allOf(readable: ReadableStream<Uint8Array>): Promise<string> {
  const pieces = await Array.fromAsync(readable);
  return new TextDecoder().decode(concat(pieces));
}

Deno.test("a connection behind a PROXY header is the client's, with all that it sends", async () => {
  const clock = new TurnedClock();
  for (const [, header, client] of HEADERS) {
    const whole = concat([header, bytesOf("hello world")]);
    for (const size of [1, 7, whole.length]) {
      const pieces = [];
      for (let at = 0; at < whole.length; at += size) pieces.push(whole.slice(at, at + size));
      const transport = await proxiedTransport(connection(pieces), clock);
      assertEquals(transport?.remoteAddress, client?.address ?? "10.0.0.1");
      assertEquals(await allOf(transport!.readable), "hello world");
    }
  }
  assertEquals(clock.pending, 0);
});

Deno.test("a balancer that only looks, says nothing, or breaks off is no client", async () => {
  const clock = new TurnedClock();
  assertEquals(await proxiedTransport(connection([]), clock), undefined);
  await assertRejects(
    () => proxiedTransport(connection([bytesOf("PRO")]), clock),
    ProxyHeaderError,
    "ended within",
  );
  const silent = proxiedTransport(connection([], { ends: false }), clock);
  await clock.turnSlowly(5000);
  await assertRejects(() => silent, ProxyHeaderError, "did not come within 5000 ms");
  assertEquals(clock.pending, 0);
});

Deno.test("X-Forwarded-For counts from balancers alone, and what a client wrote into it does not", () => {
  const balancers = new AddressRanges(["10.0.0.0/8", "::1"]);
  const rows: [string, string | null, string][] = [
    ["203.0.113.9", "1.1.1.1", "203.0.113.9"],
    ["10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"],
    ["::1", "[2001:db8::1]:443", "2001:db8::1"],
    ["10.0.0.1", "203.0.113.9:1234", "203.0.113.9"],
    ["10.0.0.1", null, "10.0.0.1"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["10.0.0.1", "unknown", "10.0.0.1"],
    ["10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"],
    ["10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"],
    ["10.0.0.1", `203.0.113.9${",10.0.0.2".repeat(1000)}`, "10.0.0.1"],
  ];
  for (const [peer, header, address] of rows) {
    assertEquals(forwardedAddress(header, { peer, balancers }), address, `${header}`);
  }
});

Deno.test("what is read behind a header keeps to the pace of its reader", async () => {
  let pulled = 0;
  const source = streamPairTransport({
    readable: new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(pulled++ === 0 ? concat([binary(), bytesOf("x")]) : bytesOf("y"));
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream(),
    remoteAddress: "10.0.0.1",
  });
  const transport = await proxiedTransport(source, new TurnedClock());
  assertEquals(pulled, 1);
  const reader = transport!.readable.getReader();
  await reader.read();
  await reader.read();
  assert(pulled <= 2, `${pulled}`);
  await reader.cancel();
});
