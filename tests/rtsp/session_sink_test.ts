import { assertEquals, assertRejects } from "@std/assert";
import {
  encodeRequest,
  encodeResponse,
  type RtspClientEvent,
  RtspClientSession,
  RtspDecoderStream,
  RtspServerConnection,
  type RtspServerEvent,
  RtspSessionSink,
  type RtspSinkOwner,
} from "../../src/rtsp/mod.ts";
import { registry, URL } from "./server_peer.ts";

const utf8 = new TextDecoder();

function pipeline(owner: Partial<RtspSinkOwner<RtspServerEvent>>) {
  const connection = new RtspServerConnection({ sessions: registry(), address: "a", nowMs: 0 });
  const log: string[] = [];
  const sink = new RtspSessionSink<RtspServerEvent>(connection, {
    now: () => 5,
    owner: {
      handle: ({ type }) => void log.push(type),
      write: (output) => void output.forEach((bytes) => log.push(utf8.decode(bytes).slice(9, 12))),
      close: ({ code }) => void log.push(`close ${code}`),
      ...owner,
    },
  });
  const input = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 0 });
  const writer = input.writable.getWriter();
  const done = input.readable.pipeThrough(new RtspDecoderStream()).pipeTo(sink);
  let cseq = 0;
  const send = (method: string) =>
    writer.write(encodeRequest({ method, url: URL, headers: { CSeq: `${++cseq}` } }));
  return { connection, log, sink, writer, done, send };
}

Deno.test("a sink takes nothing more while a question is open, and goes on with its answer", async () => {
  const answer = Promise.withResolvers<RtspServerEvent[]>();
  const asked = Promise.withResolvers<void>();
  const { connection, log, writer, done, send } = pipeline({
    handle: (event) => {
      log.push(event.type);
      if (event.type !== "describe") return;
      asked.resolve();
      return answer.promise.then(() => connection.reject(event, 404));
    },
  });
  await send("DESCRIBE");
  await asked.promise;
  // As many as fit between two stages are taken; the rest waits in front of the pipe.
  const later = Array.from({ length: 20 }, () => send("OPTIONS"));
  let isRead = false;
  later.at(-1)!.then(() => isRead = true);
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  assertEquals([isRead, log], [false, ["describe"]]);
  answer.resolve([]);
  await Promise.all(later);
  await writer.close();
  await done;
  assertEquals(log.slice(0, 3), ["describe", "refused", "404"]);
  assertEquals(log.slice(3), Array.from({ length: 20 }, () => "200"));
});

Deno.test("a sink waits until the peer takes what is written", async () => {
  const room = Promise.withResolvers<void>();
  const { log, writer, done, send } = pipeline({ room: () => room.promise });
  const all = Array.from({ length: 20 }, () => send("OPTIONS"));
  await all[0];
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  assertEquals(log, ["200"]);
  room.resolve();
  await Promise.all(all);
  await writer.close();
  await done;
  assertEquals(log.length, 20);
});

Deno.test("a sink writes the last words before it closes, closes once, and takes nothing after", async () => {
  const { log, sink, writer, done, send } = pipeline({});
  await writer.write(new TextEncoder().encode("OPTIONS * RTSP/1.0\r\nCSeq: x\r\n\r\n"));
  await send("OPTIONS");
  await writer.close();
  await done;
  sink.settle();
  sink.tick();
  assertEquals(log, ["refused", "close", "400", "close cseq"]);
});

Deno.test("a sink fails with what its owner throws or rejects with", async () => {
  for (const isLate of [false, true]) {
    const { done, send } = pipeline({
      handle: () => {
        if (isLate) return Promise.reject(new Error("a mistake"));
        throw new Error("a mistake");
      },
    });
    send("DESCRIBE").catch(() => {});
    await assertRejects(() => done, Error, "a mistake");
  }
});

Deno.test("a sink drives the client's session as it does the server's", async () => {
  const client = new RtspClientSession({ url: "rtsp://h/cam" });
  const seen: string[] = [];
  const sink = new RtspSessionSink<RtspClientEvent>(client, {
    now: () => 1,
    owner: {
      handle: ({ type }) => void seen.push(type),
      write: (output) => void seen.push(utf8.decode(output[0]).split(" ")[0]!),
      close: ({ code }) => void seen.push(code),
    },
  });
  const cseq = client.options();
  sink.settle();
  const answer = encodeResponse({ status: 200, headers: { CSeq: `${cseq}` } });
  await ReadableStream.from([answer]).pipeThrough(new RtspDecoderStream()).pipeTo(sink);
  assertEquals(seen, ["OPTIONS", "done"]);
});
