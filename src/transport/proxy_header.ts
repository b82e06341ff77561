/** The addresses of a connection that a balancer passes on. */
export interface ProxyHeader {
  /** The client; `undefined` where the balancer speaks for itself, to see whether this server lives, or does not know. */
  readonly client: { readonly address: string; readonly port: number } | undefined;
  /** Bytes of the header; what follows is the client's. */
  readonly length: number;
}

/** The header is none, or longer than one may be. */
export class ProxyHeaderError extends Error {
  /** Name of the class. */
  override readonly name = "ProxyHeaderError";
}

/** The longest line of version 1, with its end (PROXY protocol, 2.1). */
const MAX_LINE_BYTES = 107;

/** The signature at the beginning of a header of version 2 (2.2). */
const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);

/** Bytes of a header of version 2 before its addresses. */
const FIXED_BYTES = 16;

/** Addresses take 216 bytes at most, and what else a balancer tells some hundred. */
const MAX_PAYLOAD_BYTES = 4096;

/**
 * Reads the header that a balancer puts before a connection's bytes: the PROXY protocol, version 1 or 2 (HAProxy,
 * `proxy-protocol.txt`). `undefined` until all of it is there.
 *
 * @throws {ProxyHeaderError} if it is none; the message does not repeat it
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  if (bytes.length === 0) return undefined;
  return bytes[0] === SIGNATURE[0] ? parseBinary(bytes) : parseLine(bytes);
}

function parseLine(bytes: Uint8Array): ProxyHeader | undefined {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, MAX_LINE_BYTES));
  const end = start.indexOf("\r\n");
  if (!"PROXY ".startsWith(start.slice(0, 6))) throw notOne();
  if (end < 0) {
    if (bytes.length < MAX_LINE_BYTES) return undefined;
    throw new ProxyHeaderError(`The PROXY line has over ${MAX_LINE_BYTES} bytes`);
  }
  const [, family, source = "", , port = "", ...rest] = start.slice(0, end).split(" ");
  const length = end + 2;
  if (family === "UNKNOWN") return { client: undefined, length };
  const isOfFamily = family === "TCP4" ? isIpv4(source) : family === "TCP6" && isIpv6(source);
  const [, wholePort] = /^(\d{1,5})$/.exec(port) ?? [];
  if (!isOfFamily || wholePort === undefined || rest.length !== 1 || Number(port) > 65_535) {
    throw notOne();
  }
  return { client: { address: source, port: Number(port) }, length };
}

function parseBinary(bytes: Uint8Array): ProxyHeader | undefined {
  const known = bytes.subarray(0, SIGNATURE.length);
  if (known.some((byte, index) => byte !== SIGNATURE[index])) throw notOne();
  if (bytes.length < FIXED_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, command] = [bytes[12]! >> 4, bytes[12]! & 0xf];
  const payload = view.getUint16(14);
  if (version !== 2 || command > 1) throw notOne();
  if (payload > MAX_PAYLOAD_BYTES) {
    throw new ProxyHeaderError(`The PROXY header has over ${MAX_PAYLOAD_BYTES} bytes`);
  }
  const length = FIXED_BYTES + payload;
  if (bytes.length < length) return undefined;
  // The first half is the family, the second the kind of transport.
  const family = command === 0 ? 0 : bytes[13]! >> 4;
  const addressBytes = family === 1 ? 4 : family === 2 ? 16 : 0;
  if (addressBytes === 0) return { client: undefined, length };
  if (payload < addressBytes * 2 + 4) throw notOne();
  const address = bytes.subarray(FIXED_BYTES, FIXED_BYTES + addressBytes);
  const port = view.getUint16(FIXED_BYTES + addressBytes * 2);
  return {
    client: { address: family === 1 ? address.join(".") : ipv6Text(address), port },
    length,
  };
}

function ipv6Text(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2).toString(16));
  // The platform brings it into its usual form.
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

function isIpv4(text: string): boolean {
  return URL.parse(`http://${text}/`)?.hostname === text && /^\d+(\.\d+){3}$/.test(text);
}

function isIpv6(text: string): boolean {
  return /^[0-9a-f:.]{2,45}$/i.test(text) && text.includes(":") &&
    URL.canParse(`http://[${text}]/`);
}

function notOne(): ProxyHeaderError {
  return new ProxyHeaderError("The connection does not begin with a PROXY header");
}
