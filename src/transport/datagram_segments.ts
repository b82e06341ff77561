import type { DatagramPeer } from "./datagram_peer.ts";

/**
 * Many datagrams by one system call, which Deno itself does not offer: on Linux, with the permission `--allow-ffi`, the
 * system's library is called. A datagram of 1464 bytes then costs 2 µs and not 7 (`bench/transport/system_calls.ts`).
 * Nothing depends on it: what cannot be sent so is sent by Deno.
 *
 * The structures are those of 64-bit Linux (recvmsg(2), cmsg(3), ip(7), ipv6(7), udp(7)).
 */

const SYMBOLS = {
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  inet_pton: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SOCK_DGRAM = 2;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** Where things are in the memory of a message: `struct msghdr`, its one `struct cmsghdr`, the address, the `struct iovec`s. */
const CONTROL_AT = 56;
const CONTROL_BYTES = 24;
const NAME_AT = CONTROL_AT + CONTROL_BYTES;
const NAME_BYTES = 32;
const VECTORS_AT = NAME_AT + NAME_BYTES;
const VECTOR_BYTES = 16;

/** Datagrams of one call at most: what all kernels take that know UDP_SEGMENT at all. */
const MOST_DATAGRAMS = 64;

/** Bytes of one call at most: all segments are one IP packet at first. */
const MOST_BYTES = 65_000;

/** Descriptors that are looked at to find that of a socket. */
const MOST_DESCRIPTORS = 4096;

/** Datagrams as one system call takes them: all of one size, but for a last one that may be shorter. */
interface Message {
  readonly memory: Uint8Array;
  readonly count: number;
}

/** Sends datagrams of a socket of Deno's by calls of its own. */
export class DatagramSegments {
  readonly #libc: Libc;
  readonly #descriptor: number;
  readonly #isIpv6: boolean;
  readonly #names = new WeakMap<DatagramPeer, Uint8Array | undefined>();
  readonly #messages = new WeakMap<readonly Uint8Array[], readonly Message[]>();
  #isClosed = false;

  private constructor(libc: Libc, descriptor: number, { isIpv6 }: { readonly isIpv6: boolean }) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#isIpv6 = isIpv6;
  }

  /** For the socket that is bound to an address; `undefined` where this program may not, or the system is another one. */
  static of(bound: DatagramPeer): DatagramSegments | undefined {
    const libc = openLibc();
    const isIpv6 = bound.hostname.includes(":");
    const name = libc && nameOf(libc, bound, { isIpv6 });
    const descriptor = name && descriptorOf(libc!, name);
    return descriptor === undefined
      ? undefined
      : new DatagramSegments(libc!, descriptor, { isIpv6 });
  }

  /**
   * Sends datagrams to a peer, and returns how many the system has taken: those behind them are to be sent in another
   * way, since there is no room, or the way there does not allow this one. A run and a peer that were given before are
   * the cheaper; neither changes after.
   */
  send(run: readonly Uint8Array[], peer: DatagramPeer): number {
    const name = this.#nameOf(peer);
    if (name === undefined || this.#isClosed) return 0;
    let sent = 0;
    for (const { memory, count } of this.#messagesOf(run)) {
      memory.set(name, NAME_AT);
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      if (this.#libc.sendmsg(this.#descriptor, memory, flags) < 0) break;
      sent += count;
    }
    return sent;
  }

  /** Sends nothing more: the descriptor may become another socket's. To be called before the socket is closed. */
  close(): void {
    this.#isClosed = true;
  }

  #nameOf(peer: DatagramPeer): Uint8Array | undefined {
    if (!this.#names.has(peer)) {
      this.#names.set(peer, nameOf(this.#libc, peer, { isIpv6: this.#isIpv6 }));
    }
    return this.#names.get(peer);
  }

  #messagesOf(run: readonly Uint8Array[]): readonly Message[] {
    let messages = this.#messages.get(run);
    if (messages === undefined) {
      const nameBytes = this.#isIpv6 ? 28 : 16;
      messages = [...groupsOf(run)].map((group) => messageOf(group, nameBytes));
      this.#messages.set(run, messages);
    }
    return messages;
  }
}

/** `null` where it cannot be called. */
let opened: Libc | null | undefined;

/** The system's library, where this program may call it. Nothing is asked of whoever sits at the terminal. */
function openLibc(): Libc | undefined {
  if (opened === undefined) {
    const { os, arch } = Deno.build;
    const isKnown = os === "linux" && (arch === "x86_64" || arch === "aarch64");
    const isGranted = isKnown && Deno.permissions.querySync({ name: "ffi" }).state === "granted";
    try {
      opened = isGranted ? Deno.dlopen("libc.so.6", SYMBOLS).symbols : null;
    } catch {
      opened = null;
    }
  }
  return opened ?? undefined;
}

/** An address as `struct sockaddr_in` or `struct sockaddr_in6`; `undefined` of one that is none, or has a zone. */
function nameOf(
  libc: Libc,
  { hostname, port }: DatagramPeer,
  { isIpv6 }: { readonly isIpv6: boolean },
): Uint8Array | undefined {
  const name = new Uint8Array(isIpv6 ? 28 : 16);
  // An IPv4 peer of a socket for both families is an IPv6 one to the system (RFC 4291, 2.5.5.2).
  const text = isIpv6 && !hostname.includes(":") ? `::ffff:${hostname}` : hostname;
  const family = isIpv6 ? AF_INET6 : AF_INET;
  const address = new Uint8Array(16);
  if (libc.inet_pton(family, new TextEncoder().encode(`${text}\0`), address) !== 1) {
    return undefined;
  }
  name.set([family, 0, port >> 8, port & 0xff]);
  if (isIpv6) name.set(address, 8);
  else name.set(address.subarray(0, 4), 4);
  return name;
}

/** The descriptor of the UDP socket that is bound to an address. */
function descriptorOf(libc: Libc, name: Uint8Array): number | undefined {
  const found = new Uint8Array(128);
  const type = new Int32Array(1);
  const length = new Uint32Array(1);
  for (let descriptor = 0; descriptor < MOST_DESCRIPTORS; descriptor++) {
    length[0] = found.length;
    if (libc.getsockname(descriptor, found, bytesOf(length)) !== 0) continue;
    if (!name.every((byte, at) => byte === found[at])) continue;
    length[0] = type.byteLength;
    libc.getsockopt(descriptor, SOL_SOCKET, SO_TYPE, bytesOf(type), bytesOf(length));
    if (type[0] === SOCK_DGRAM) return descriptor;
  }
  return undefined;
}

function bytesOf(
  { buffer }: Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}

/** Cuts a run into what one call can send. */
function* groupsOf(run: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let start = 0;
  for (let end = 1; end <= run.length; end++) {
    const size = run[start]!.length;
    const goesOn = end < run.length && run[end]!.length <= size && run[end - 1]!.length === size &&
      end - start < MOST_DATAGRAMS && (end - start + 1) * size <= MOST_BYTES;
    if (goesOn) continue;
    yield run.slice(start, end);
    start = end;
  }
}

/** Makes the message of datagrams, but for whom it is for. */
function messageOf(group: readonly Uint8Array[], nameBytes: number): Message {
  const memory = new Uint8Array(VECTORS_AT + group.length * VECTOR_BYTES);
  const view = new DataView(memory.buffer);
  const base = addressOf(memory.buffer);
  view.setBigUint64(0, base + BigInt(NAME_AT), true);
  view.setUint32(8, nameBytes, true);
  view.setBigUint64(16, base + BigInt(VECTORS_AT), true);
  view.setBigUint64(24, BigInt(group.length), true);
  if (group.length > 1) {
    view.setBigUint64(32, base + BigInt(CONTROL_AT), true);
    view.setBigUint64(40, BigInt(CONTROL_BYTES), true);
    view.setBigUint64(CONTROL_AT, 18n, true);
    view.setInt32(CONTROL_AT + 8, SOL_UDP, true);
    view.setInt32(CONTROL_AT + 12, UDP_SEGMENT, true);
    view.setUint16(CONTROL_AT + 16, group[0]!.length, true);
  }
  for (const [index, { buffer, byteOffset, length }] of group.entries()) {
    const at = VECTORS_AT + index * VECTOR_BYTES;
    view.setBigUint64(at, addressOf(buffer) + BigInt(byteOffset), true);
    view.setBigUint64(at + 8, BigInt(length), true);
  }
  return { memory, count: group.length };
}

/** Where the buffers of packets are; they stay there as long as they are held. */
const addresses = new WeakMap<ArrayBufferLike, bigint>();

function addressOf(buffer: ArrayBufferLike): bigint {
  let address = addresses.get(buffer);
  if (address === undefined) {
    address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer)));
    addresses.set(buffer, address);
  }
  return address;
}
