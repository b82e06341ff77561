/**
 * How fast one publisher of RTMP is read that sends as fast as it is taken: bytes a second, and processor time a
 * gigabyte. Reading at a pace must cost it next to nothing.
 *
 *     deno run -A bench/transport/flat_out.ts [MESSAGE_BYTES] [SECONDS]
 *
 * @module
 */
import process from "node:process";
import { ChunkDecoderStream, MessageParserStream } from "../../src/rtmp/mod.ts";
import { connTransport } from "../../src/transport/mod.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

const { rest } = programArguments(import.meta, { rest: "[MESSAGE_BYTES] [SECONDS]" });
const [messageBytes = 4500, seconds = 3] = rest.map(Number);

/** Sends video messages in chunks of 65 536 bytes for ever, by itself: two processes, as in life. */
const SENDER = `
const [port, length] = Deno.args.map(Number);
const conn = await Deno.connect({ hostname: "127.0.0.1", port });
const chunk = 65536;
const header = [6, 0, 0, 0, length >> 16, length >> 8 & 255, length & 255, 9, 1, 0, 0, 0];
const message = [...header];
for (let at = 0; at < length; at++) {
  if (at > 0 && at % chunk === 0) message.push(0xc6);
  message.push(at === 0 ? 0x27 : at === 1 ? 1 : 0);
}
const many = new Uint8Array(Math.max(1, Math.floor(2 ** 20 / length)) * message.length);
for (let at = 0; at < many.length; at += message.length) many.set(message, at);
const send = async (bytes) => {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
};
await send(Uint8Array.of(2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 1, 0, 0));
try {
  for (;;) await send(many);
} catch {
  // The reader has seen enough.
}`;

/** Processor time of all threads of this process, milliseconds. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const { port } = listener.addr as Deno.NetAddr;
const sender = new Deno.Command(Deno.execPath(), {
  args: ["eval", SENDER, String(port), String(messageBytes)],
}).spawn();
const transport = connTransport(await listener.accept());
const stop = new AbortController();
const startMs = performance.now();
const startProcessorMs = processorMs();
let messages = 0;
const sink = new WritableStream<readonly unknown[]>({
  write(read) {
    messages += read.length;
    if (performance.now() - startMs > seconds * 1000) stop.abort();
  },
});
await transport.readable
  .pipeThrough(new ChunkDecoderStream())
  .pipeThrough(new MessageParserStream())
  .pipeTo(sink, { signal: stop.signal })
  .catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
const megabytes = messages * messageBytes / 1e6;
const rate = megabytes / (performance.now() - startMs) * 1000;
const cost = (processorMs() - startProcessorMs) / megabytes * 1000;
console.log(`${messageBytes} byte messages: ${rate.toFixed(0)} MB/s, ${cost.toFixed(0)} ms a GB`);
transport.close();
listener.close();
await sender.status;
