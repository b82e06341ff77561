import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  isDisconnect,
  listenTls,
  type StreamListener,
  TlsHandshakeError,
  type Transport,
} from "../../src/transport/mod.ts";
import { setImmediate } from "node:timers";
import { makeCertificate } from "../support/certificate.ts";
import { ignoreWithout } from "../support/process.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const ignore = ignoreWithout("openssl");

async function connect(listener: StreamListener, cert: string): Promise<Deno.TlsConn> {
  const conn = await Deno.connectTls({ ...LOCAL, port: listener.port, caCerts: [cert] });
  try {
    await conn.handshake();
    return conn;
  } catch (error) {
    conn.close();
    throw error;
  }
}

/** A connection through, both sides; the handshake is over. */
async function pair(listener: StreamListener, cert: string): Promise<[Transport, Deno.TlsConn]> {
  return await Promise.all([listener.accept(), connect(listener, cert)]);
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(readable as ReadableStream<never>).arrayBuffer());
}

/**
 * How many sockets this machine holds open at the listener's side of `port`, by the kernel's own table, the
 * listening one left out. A socket whose descriptor is closed has no inode there any more, whatever its state.
 */
async function openSockets(port: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: ["/proc/net/tcp"] }).output();
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return new TextDecoder().decode(stdout).trim().split("\n").slice(1)
    .map((row) => row.trim().split(/\s+/))
    .filter((fields) => fields[1]!.endsWith(local) && fields[3] !== "0A" && fields[9] !== "0")
    .length;
}

/** Asserts that the listener's side has `count` open sockets, once what is closed is gone. */
async function assertOpenSockets(port: number, count: number): Promise<void> {
  let last = await openSockets(port);
  for (let tries = 0; last !== count && tries < 100; tries++) last = await openSockets(port);
  assertEquals(last, count);
}

/** The first bytes of a ClientHello, whose rest never comes. */
const HALF_HELLO = Uint8Array.of(0x16, 3, 1, 0, 0xc8, 1, 0, 0, 0xc4, 3, 3, ...new Uint8Array(32));

for (
  const [kind, bytes] of [
    ["nothing", new Uint8Array(0)],
    ["a byte", Uint8Array.of(0x16)],
    ["half a hello", HALF_HELLO],
  ] as const
) {
  Deno.test({
    name: `a TLS peer that sends ${kind} loses its connection, and the descriptor is free`,
    ignore: ignore || Deno.build.os !== "linux",
    async fn() {
      const listener = await listenTls({
        ...LOCAL,
        identity: await makeCertificate(),
        handshakeMs: 100,
      });
      const peers: Deno.Conn[] = [];
      for (let at = 0; at < 10; at++) {
        const peer = await Deno.connect({ ...LOCAL, port: listener.port });
        await peer.write(bytes);
        peers.push(peer);
        const transport = await listener.accept();
        await assertRejects(() => readAll(transport.readable), TlsHandshakeError, "in time");
      }
      for (const peer of peers) {
        // What the peer has sent need not have been read: then it is a reset.
        assertEquals(await peer.read(new Uint8Array(1)).catch(() => null), null);
      }
      await assertOpenSockets(listener.port, 0);
      for (const peer of peers) peer.close();
      listener.close();
    },
  });
}

Deno.test({
  name: "closing a TLS transport in the middle of its handshake frees the descriptor",
  ignore: ignore || Deno.build.os !== "linux",
  async fn() {
    const listener = await listenTls({ ...LOCAL, identity: await makeCertificate() });
    using peer = await Deno.connect({ ...LOCAL, port: listener.port });
    await peer.write(HALF_HELLO);
    const transport = await listener.accept();
    const reading = readAll(transport.readable);
    await assertOpenSockets(listener.port, 1);
    transport.close();
    assertEquals((await reading).length, 0);
    assertEquals(await peer.read(new Uint8Array(1)).catch(() => null), null);
    await assertOpenSockets(listener.port, 0);
    listener.close();
  },
});

Deno.test({
  name: "a TLS listener shows a certificate that it was given meanwhile, and keeps its connections",
  ignore,
  async fn() {
    const [first, second] = [await makeCertificate(), await makeCertificate()];
    const listener = await listenTls({ ...LOCAL, identity: first });
    const [old, oldPeer] = await pair(listener, first.cert);
    await listener.reload!(second);
    const [transport, peer] = await pair(listener, second.cert);
    await assertRejects(() => connect(listener, first.cert), Deno.errors.InvalidData);
    await old.write(Uint8Array.of(7));
    const got = new Uint8Array(8);
    assertEquals(await oldPeer.read(got), 1);
    assertEquals(got[0], 7);
    for (const one of [old, transport]) one.close();
    for (const one of [oldPeer, peer]) one.close();
    (await listener.accept()).close();
    listener.close();
  },
});

Deno.test({
  name: "a TLS listener refuses a key of another certificate, and keeps what it has",
  ignore,
  async fn() {
    const [first, second] = [await makeCertificate(), await makeCertificate()];
    const mixed = { cert: first.cert, key: second.key };
    await assertRejects(() => listenTls({ ...LOCAL, identity: mixed }), TypeError, "together");
    const garbage = { cert: "x", key: "y" };
    await assertRejects(() => listenTls({ ...LOCAL, identity: garbage }), TypeError, "be read");
    const listener = await listenTls({ ...LOCAL, identity: first });
    await assertRejects(() => listener.reload!(mixed), TypeError);
    const [transport, peer] = await pair(listener, first.cert);
    transport.close();
    peer.close();
    listener.close();
  },
});

Deno.test({
  name: "a TLS transport carries bytes whole in both directions, from shared memory too",
  ignore,
  async fn() {
    const identity = await makeCertificate();
    const listener = await listenTls({ ...LOCAL, identity });
    const [transport, peer] = await pair(listener, identity.cert);
    const length = 900_017;
    const down = new Uint8Array(new SharedArrayBuffer(length));
    for (let at = 0; at < length; at++) down[at] = at % 251;
    const up = new Uint8Array(down).map((byte) => byte ^ 0x55);
    const sent = (async () => {
      for (let at = 0; at < length;) {
        const count = await transport.write(down.subarray(at));
        assert(count > 0);
        at += count;
      }
      await transport.closeWrite();
    })();
    const sentUp = (async () => {
      for (let at = 0; at < length;) at += await peer.write(up.subarray(at));
      // Who has ended its side can still be told.
      await peer.closeWrite();
    })();
    const gotUp = await readAll(transport.readable);
    await sentUp;
    const gotDown: Uint8Array[] = [];
    for (let left = length; left > 0;) {
      const bytes = new Uint8Array(65_536);
      const count = await peer.read(bytes);
      assert(count !== null);
      gotDown.push(bytes.subarray(0, count));
      left -= count;
    }
    await sent;
    assertEquals(await peer.read(new Uint8Array(1)), null);
    assert(gotUp.every((byte, at) => byte === up[at]) && gotUp.length === length);
    let at = 0;
    assert(gotDown.every((piece) => piece.every((byte) => byte === down[at++])));
    transport.close();
    peer.close();
    listener.close();
  },
});

Deno.test({
  name: "a write to a TLS peer that reads nothing ends when the transport is closed",
  ignore,
  async fn() {
    const identity = await makeCertificate();
    const listener = await listenTls({ ...LOCAL, identity });
    const [transport, peer] = await pair(listener, identity.cert);
    for (let isStuck = false; !isStuck;) {
      let isDone = false;
      const writing = transport.write(new Uint8Array(65_536)).finally(() => isDone = true);
      for (let round = 0; round < 500 && !isDone; round++) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      isStuck = !isDone;
      if (isStuck) transport.close();
      if (isStuck) assert(isDisconnect(await assertRejects(() => writing)));
    }
    await assertRejects(() => transport.closeWrite(), Deno.errors.BrokenPipe);
    peer.close();
    listener.close();
  },
});

Deno.test("a TLS listener says as Deno's own does that a port is in use, or not of this machine", {
  ignore,
}, async () => {
  const identity = await makeCertificate();
  using taken = Deno.listen(LOCAL);
  const { port } = taken.addr as Deno.NetAddr;
  await assertRejects(() => listenTls({ ...LOCAL, port, identity }), Deno.errors.AddrInUse);
  const elsewhere = { hostname: "192.0.2.1", port: 0, identity };
  await assertRejects(() => listenTls(elsewhere), Deno.errors.AddrNotAvailable);
});

Deno.test("a TLS listener that is closed lets go who waits for a connection", {
  ignore,
}, async () => {
  const listener = await listenTls({ ...LOCAL, identity: await makeCertificate() });
  const accepting = listener.accept();
  listener.close();
  await assertRejects(() => accepting, Deno.errors.BadResource);
  await assertRejects(() => listener.accept(), Deno.errors.BadResource);
});
