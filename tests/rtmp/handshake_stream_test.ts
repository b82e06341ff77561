import { assert, assertEquals, assertRejects } from "@std/assert";
import { RtmpClientHandshake } from "../../src/rtmp/handshake_client.ts";
import { RtmpServerHandshake } from "../../src/rtmp/handshake_server.ts";
import { RtmpHandshakeStream } from "../../src/rtmp/handshake_stream.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import { concat } from "./chunk_support.ts";

const random = (length: number): Uint8Array => new Uint8Array(length).fill(7);
const CHUNKS = Uint8Array.of(9, 8, 7);
const C0_C1 = concat([[3], new Uint8Array(1536)]);
const C2 = new Uint8Array(1536);

/** What a server's side of the hop does with reads like these. */
async function serve(reads: Uint8Array[]) {
  const sent: number[] = [];
  const story: string[] = [];
  const stream = new RtmpHandshakeStream(new RtmpServerHandshake({ random }), {
    send: (bytes) => void sent.push(bytes.length),
    onDone: () => void story.push("done"),
  });
  const passed: Uint8Array[] = [];
  for await (const bytes of ReadableStream.from(reads).pipeThrough(stream)) {
    passed.push(bytes);
    story.push(`${bytes.length}`);
  }
  return { sent, story, passed: concat(passed), stream };
}

Deno.test("RtmpHandshakeStream answers the handshake and passes on what is behind it, however it is cut (M001, M004)", async () => {
  const whole = concat([C0_C1, C2, CHUNKS, CHUNKS]);
  for (
    const cuts of [[], [1], [1537], [1537, 3073], [1537, 3074], [3072, 3073, 3076], [700, 3075]]
  ) {
    const reads = [...cuts, whole.length].map((end, i, ends) => whole.slice(ends[i - 1] ?? 0, end));
    const { sent, passed, story, stream } = await serve(reads);
    assertEquals(sent, [3073]);
    assertEquals(passed, concat([CHUNKS, CHUNKS]));
    assertEquals(story[0], "done");
    assertEquals(story.includes("0"), false);
    assertEquals([stream.bytesReceived, stream.bytesSent], [3073, 3073]);
    assertEquals(stream.waitingFor, undefined);
  }
});

Deno.test("RtmpHandshakeStream names what the peer did not finish when it closes (M003)", async () => {
  const whole = concat([C0_C1, C2]);
  for (const [length, packet] of [[0, "C0"], [1, "C1"], [1536, "C1"], [1537, "C2"], [3072, "C2"]]) {
    const reads = length === 0 ? [] : [whole.slice(0, length as number)];
    const error = await assertRejects(() => serve(reads), RtmpError);
    assertEquals([error.code, error.message], [
      "closed",
      `The peer closed while ${packet} was awaited`,
    ]);
  }
  const { passed } = await serve([whole]);
  assertEquals(passed.length, 0);
});

Deno.test("RtmpHandshakeStream opens a client's connection at once, and names the server's missing packet", async () => {
  const sent: Uint8Array[] = [];
  const handshake = new RtmpClientHandshake({ random });
  const stream = new RtmpHandshakeStream(handshake, { send: (bytes) => void sent.push(bytes) });
  assertEquals(sent.map(({ length }) => length), [1537]);
  const server = new RtmpServerHandshake({ random });
  const answer = server.push(sent[0]!)!;
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  void writer.write(concat([answer, CHUNKS]));
  assertEquals((await reader.read()).value, CHUNKS);
  server.push(sent[1]!);
  assert(server.done && handshake.verified);

  const cut = new RtmpHandshakeStream(new RtmpClientHandshake({ random }), { send() {} });
  const error = await assertRejects(
    () => Array.fromAsync(ReadableStream.from([answer.slice(0, 1600)]).pipeThrough(cut)),
    RtmpError,
    "The server closed while S2 was awaited",
  );
  assertEquals(error.code, "closed");
});

Deno.test("RtmpHandshakeStream ends with the error of a peer that speaks something else (M003)", async () => {
  const error = await assertRejects(() => serve([new TextEncoder().encode("GET /")]), RtmpError);
  assertEquals(error.code, "handshake-version");
});

Deno.test("RtmpHandshakeStream lets an abort of the first hop end the hops behind it, and the source", async () => {
  const abort = new AbortController();
  const stream = new RtmpHandshakeStream(new RtmpServerHandshake({ random }), { send() {} });
  let cancelled: unknown;
  const source = new ReadableStream<Uint8Array>({ cancel: (reason) => void (cancelled = reason) });
  const piped = source.pipeThrough(stream, { signal: abort.signal })
    .pipeThrough(new TransformStream()).pipeTo(new WritableStream());
  abort.abort("enough");
  assertEquals(await piped.catch((reason) => reason), "enough");
  assertEquals(cancelled, "enough");
});
