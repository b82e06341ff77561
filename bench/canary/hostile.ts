/**
 * Clients whose bytes are cheap to send and dear to handle, and connections that end at once: what a server has to bear
 * without anybody else waiting for it.
 *
 *     deno run -A bench/canary/hostile.ts KIND SECONDS RTMP_PORT RTSP_PORT
 *
 * @module
 */
import { connect } from "node:net";
import { concat } from "@std/bytes/concat";
import { ChunkEncoder, encodeCommandMessage } from "../../src/rtmp/mod.ts";
import type { AmfValue } from "../../src/amf/mod.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

/** Where a server is. */
interface Ports {
  readonly rtmp: number;
  readonly rtsp: number;
}

/** What each kind does until its time is over; resolves with what it has to say. */
const KINDS: Readonly<
  Record<string, (ports: Ports, until: number) => Promise<string>>
> = {
  /** Connects and resets, 500 times a second. */
  async resets({ rtmp }, until) {
    let count = 0;
    const startMs = performance.now();
    while (performance.now() < until) {
      const due = (performance.now() - startMs) / 2;
      for (; count < due; count++) {
        const socket = connect(rtmp, "127.0.0.1", () => socket.resetAndDestroy());
        socket.on("error", () => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return `${count} connections`;
  },

  /** Messages without a body, one byte each. */
  empty: ({ rtmp }, until) =>
    flood(rtmp, until, {
      head: [Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0)],
      repeated: new Uint8Array(1 << 18).fill(0xc6),
    }),

  /** A message of 2 MiB in chunks of one byte. */
  chunks: ({ rtmp }, until) => {
    const length = 2 << 20;
    const header = [6, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255, 9, 1, 0, 0, 0];
    const message = new Uint8Array(header.length + 2 * length - 1);
    message.set(header);
    for (let at = header.length + 1; at < message.length; at += 2) message[at] = 0xc6;
    return flood(rtmp, until, {
      isPublishing: true,
      head: [Uint8Array.of(2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 1)],
      repeated: message,
    });
  },

  /** Requests without a pause, whose answers nobody reads first. */
  options({ rtsp }, until) {
    const request = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    return write(rtsp, until, { repeated: new TextEncoder().encode(request.repeat(4000)) });
  },
};

/** Writes `head`, and then the same bytes again and again, until it is over or the server has closed. */
async function write(
  port: number,
  until: number,
  bytes: { readonly head?: readonly Uint8Array[]; readonly repeated: Uint8Array },
): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const reading = conn.readable.pipeTo(new WritableStream()).catch(() => {});
  let written = 0;
  let end = "let be";
  const timer = setTimeout(() => conn.close(), until - performance.now());
  const send = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) {
      const count = await conn.write(bytes.subarray(at));
      at += count;
      written += count;
    }
  };
  try {
    for (const part of bytes.head ?? []) await send(part);
    while (performance.now() < until) await send(bytes.repeated);
  } catch {
    if (performance.now() < until) end = "closed by the server";
  }
  clearTimeout(timer);
  try {
    conn.close();
  } catch {
    // The server has closed it.
  }
  await reading;
  return `${(written / 1e6).toFixed(1)} MB, ${end}`;
}

/** An RTMP client that has connected, and publishes where it says so, and then floods. */
function flood(
  port: number,
  until: number,
  bytes: {
    readonly head: readonly Uint8Array[];
    readonly repeated: Uint8Array;
    readonly isPublishing?: boolean;
  },
): Promise<string> {
  const encoder = new ChunkEncoder();
  const command = (name: string, id: number, args: AmfValue[], object: AmfValue = null) => {
    const { type, body: payload } = encodeCommandMessage({
      name,
      transactionId: id,
      object,
      args,
    });
    const streamId = name === "publish" ? 1 : 0;
    return encoder.encode({ type, payload, chunkStreamId: 3, streamId, timestampMs: 0 });
  };
  const commands = [
    command("connect", 1, [], { app: "live", tcUrl: `rtmp://127.0.0.1:${port}/live` }),
    ...(bytes.isPublishing === true
      ? [command("createStream", 2, []), command("publish", 3, ["hostile", "live"])]
      : []),
  ];
  // The server does not compare what comes back of its own bytes.
  const handshake = new Uint8Array(1 + 2 * 1536).fill(3, 0, 1);
  return write(port, until, {
    head: [concat([handshake, ...commands]), ...bytes.head],
    repeated: bytes.repeated,
  });
}

/** The kinds that there are. */
export const HOSTILE_KINDS: readonly string[] = Object.keys(KINDS);

if (import.meta.main) {
  const { rest } = programArguments(import.meta, { rest: "KIND SECONDS RTMP_PORT RTSP_PORT" });
  const [kind = "", seconds, rtmp, rtsp] = rest;
  const ports = { rtmp: Number(rtmp), rtsp: Number(rtsp) };
  console.log(await KINDS[kind]!(ports, performance.now() + Number(seconds) * 1000));
  Deno.exit(0);
}
