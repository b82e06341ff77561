import { pacedPieces, type Transport, writeAll } from "../../transport/mod.ts";

/** What a connection is, as the worker knows it that serves it for another. */
export interface SplicedAbout {
  readonly isTls: boolean;
  readonly remoteAddress: string;
  readonly remoteName: string;
  readonly localAddress: string | undefined;
}

/** What goes over the port between the worker that has a connection and the one that serves it. */
type SpliceMessage =
  /** Bytes of the peer, which are read one piece at a time. */
  | { readonly type: "read"; readonly bytes: Uint8Array<ArrayBuffer> | undefined }
  | { readonly type: "more" }
  /** Bytes for the peer, of which the next come when these are written. */
  | { readonly type: "write"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "written"; readonly isLost: boolean }
  | { readonly type: "close-write" }
  | { readonly type: "close" };

/** The connections that a worker passes on to others, or has of others: those end with a worker that dies. */
export class SplicedConnections {
  readonly #ends = new Map<number, Set<() => void>>();

  /** Keeps a connection that is shared with the worker at a place until `over`; `end` ends it. */
  keep(
    at: number,
    { over, end }: { readonly over: Promise<void>; readonly end: () => void },
  ): void {
    const ends = this.#ends.get(at) ?? new Set();
    this.#ends.set(at, ends.add(end));
    void over.finally(() => ends.delete(end));
  }

  /** The worker at a place has died. */
  lost(at: number): void {
    for (const end of [...this.#ends.get(at) ?? []]) end();
  }
}

/** Passes the bytes of a connection on to another worker, and those of that one to the peer, until either closes. */
export function splice(
  transport: Transport,
  port: MessagePort,
): { readonly over: Promise<void>; readonly end: () => void } {
  const over = Promise.withResolvers<void>();
  const reader = transport.readable.getReader();
  const send = (message: SpliceMessage): void => port.postMessage(message);
  const end = (): void => {
    transport.close();
    port.onmessage = null;
    port.close();
    over.resolve();
  };
  const read = async (): Promise<void> => {
    let bytes: Uint8Array | undefined;
    try {
      bytes = (await reader.read()).value;
    } catch {
      // Lost: the end, too.
    }
    send({ type: "read", bytes: bytes && new Uint8Array(bytes) });
  };
  const write = async (bytes: Uint8Array): Promise<void> => {
    try {
      await writeAll(transport, bytes);
      send({ type: "written", isLost: false });
    } catch {
      send({ type: "written", isLost: true });
    }
  };
  port.onmessage = ({ data }: MessageEvent<SpliceMessage>) => {
    if (data.type === "more") void read();
    else if (data.type === "write") void write(data.bytes);
    else if (data.type === "close-write") transport.closeWrite().catch(() => {});
    else if (data.type === "close") end();
  };
  return { over: over.promise, end };
}

/** A connection that another worker has, and passes on. */
export function splicedTransport(
  { remoteAddress, remoteName, localAddress }: SplicedAbout,
  port: MessagePort,
): Transport & { readonly over: Promise<void> } {
  const send = (message: SpliceMessage): void => port.postMessage(message);
  let onRead: ((bytes: Uint8Array | undefined) => void) | undefined;
  let written: PromiseWithResolvers<void> | undefined;
  let isClosed = false;
  const over = Promise.withResolvers<void>();
  const close = (): void => {
    if (isClosed) return;
    isClosed = true;
    over.resolve();
    send({ type: "close" });
    onRead?.(undefined);
    written?.reject(new Deno.errors.ConnectionReset("The connection was closed"));
    port.onmessage = null;
    port.close();
  };
  port.onmessage = ({ data }: MessageEvent<SpliceMessage>) => {
    if (data.type === "read") onRead?.(data.bytes);
    else if (data.type !== "written") return;
    else if (data.isLost) written?.reject(new Deno.errors.ConnectionReset("The peer has gone"));
    else written?.resolve();
  };
  const pieces = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (isClosed) return controller.close();
      const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
      onRead = resolve;
      send({ type: "more" });
      const bytes = await promise;
      onRead = undefined;
      if (bytes === undefined) controller.close();
      else controller.enqueue(bytes);
    },
    cancel: close,
  }, { highWaterMark: 0 });
  return {
    // To pass bytes on is cheap, so that they are read in large pieces there; to handle them here need not be.
    readable: pacedPieces(pieces),
    async write(bytes) {
      if (isClosed) throw new Deno.errors.ConnectionReset("The connection was closed");
      written = Promise.withResolvers();
      send({ type: "write", bytes: new Uint8Array(bytes) });
      await written.promise;
      return bytes.length;
    },
    closeWrite() {
      if (!isClosed) send({ type: "close-write" });
      return Promise.resolve();
    },
    close,
    over: over.promise,
    remoteAddress,
    remoteName,
    ...(localAddress === undefined ? {} : { localAddress }),
  };
}
