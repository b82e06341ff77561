import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { splice, splicedTransport } from "../../../src/server/workers/spliced_connection.ts";
import type { Transport } from "../../../src/transport/mod.ts";

const ABOUT = {
  isTls: false,
  remoteAddress: "192.0.2.7",
  remoteName: "192.0.2.7:5000",
  localAddress: undefined,
};

Deno.test("what another worker passes on is handled in pieces that leave others their turn", async () => {
  const sent = Uint8Array.from({ length: 100_000 }, (_, index) => index);
  const written: Uint8Array[] = [];
  const transport: Transport = {
    readable: ReadableStream.from([sent]),
    write: (bytes) => (written.push(bytes), Promise.resolve(bytes.length)),
    closeWrite: () => Promise.resolve(),
    close: () => {},
    remoteAddress: ABOUT.remoteAddress,
    remoteName: ABOUT.remoteName,
  };
  const { port1, port2 } = new MessageChannel();
  const here = splice(transport, port1);
  const there = splicedTransport(ABOUT, port2);
  const pieces: Uint8Array[] = [];
  for await (const piece of there.readable) {
    pieces.push(piece);
    // These bytes are dear: each piece is work for longer than it should be.
    const endMs = performance.now() + 3;
    while (performance.now() < endMs);
    if (pieces.length === 20) break;
  }
  assert(pieces.every(({ length }) => length <= 4096), String(pieces.map(({ length }) => length)));
  const got = concat(pieces);
  assertEquals(got, sent.subarray(0, got.length));
  there.close();
  await here.over;
});
