/** Units that say who they are, and a wire format that is easy to read. */
import { ByteReader } from "../../src/bytes/mod.ts";
import {
  type HeaderSet,
  Hub,
  type HubEvents,
  type HubOptions,
  type MediaUnit,
  type ReadOptions,
  type Stream,
  type StreamReader,
  type TrackKind,
  type UnitRole,
  type WireCursor,
  type WireFormat,
  type WireLogWriter,
} from "../../src/hub/mod.ts";
import { TurnedClock } from "../support/turned_clock.ts";

/** What a unit of `unit` has, beside what it says. */
export interface UnitFields {
  readonly dtsMs?: number;
  readonly bytes?: number;
  readonly track?: number;
}

/**
 * A unit that is called `name`. Its first letter tells what it is: `V` and `A` configurations, `M`
 * metadata, `K` a key frame, `p` a picture that needs it, `a` audio, `d` data, `E` the end of the
 * video's sequence.
 */
export function unit(name: string, fields: UnitFields = {}): MediaUnit {
  const { dtsMs = 0, bytes = 0, track = 0 } = fields;
  const kinds: Record<string, [TrackKind, UnitRole]> = {
    V: ["video", "config"],
    A: ["audio", "config"],
    M: ["data", "metadata"],
    K: ["video", "media"],
    p: ["video", "media"],
    a: ["audio", "media"],
    d: ["data", "media"],
    E: ["video", "end"],
  };
  const [kind, role] = kinds[name[0]!]!;
  const text = new TextEncoder().encode(`${name};`);
  const body = new Uint8Array(Math.max(text.length, bytes)).fill(fillOf(name));
  body.set(text);
  return {
    kind,
    role,
    track,
    dtsUs: dtsMs * 1000,
    ptsUs: dtsMs * 1000,
    keyFrame: name[0] === "K" || name[0] === "a",
    discardable: false,
    payload: { format: "flv", body },
  };
}

/** What the rest of a body consists of, so that a reader notices bytes of another unit. */
function fillOf(name: string): number {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) & 0xff, 7);
}

function bodyOf(of: MediaUnit): Uint8Array {
  if (of.payload.format !== "flv") throw new Error("not an FLV unit");
  return of.payload.body;
}

/** The name that `unit` was made with. */
export function nameOf(of: MediaUnit): string {
  return new TextDecoder().decode(bodyOf(of)).split(";")[0]!;
}

/** One message that a reader got. */
export interface ReadMessage {
  readonly name: string;
  readonly timeMs: number;
  readonly length: number;
}

/** Bytes in front of each message of `TestFormat`. */
export const MESSAGE_HEADER = 12;
const MAGIC = 0xfeedbeef;

/** Messages with a magic number, length and time in front, so that a reader notices any garbage. */
export class TestFormat implements WireFormat {
  /** Bytes of one message at most; larger units become several. */
  readonly maxBytes: number;

  constructor(maxBytes = Infinity) {
    this.maxBytes = maxBytes;
  }

  encode(of: MediaUnit, log: WireLogWriter): void {
    const body = bodyOf(of);
    for (let at = 0; at < body.length;) {
      const piece = body.subarray(at, Math.min(body.length, at + this.maxBytes));
      const { bytes, offset } = log.reserve(MESSAGE_HEADER + piece.length);
      write(bytes.subarray(offset), piece, of.dtsUs);
      at += piece.length;
    }
  }

  preamble(headers: HeaderSet, timeUs: number): Uint8Array {
    const bodies = headers.units.map(bodyOf);
    const bytes = new Uint8Array(
      bodies.reduce((sum, { length }) => sum + MESSAGE_HEADER + length, 0),
    );
    let at = 0;
    for (const body of bodies) {
      write(bytes.subarray(at), body, timeUs);
      at += MESSAGE_HEADER + body.length;
    }
    return bytes;
  }
}

function write(target: Uint8Array, body: Uint8Array, timeUs: number): void {
  const view = new DataView(target.buffer, target.byteOffset);
  view.setUint32(0, MAGIC);
  view.setUint32(4, body.length);
  view.setInt32(8, timeUs / 1000);
  target.set(body, MESSAGE_HEADER);
}

/** Takes the bytes of a reader apart, and throws on what is no message. */
export class MessageReader {
  #left: Uint8Array = new Uint8Array(0);

  /** Bytes of a message that is not whole. */
  get partial(): number {
    return this.#left.length;
  }

  push(bytes: Uint8Array): ReadMessage[] {
    const all = new Uint8Array(this.#left.length + bytes.length);
    all.set(this.#left);
    all.set(bytes, this.#left.length);
    const reader = new ByteReader(all);
    const messages: ReadMessage[] = [];
    let at = 0;
    while (reader.remaining >= MESSAGE_HEADER) {
      const magic = reader.u32();
      if (magic !== MAGIC) throw new Error(`Garbage at ${at}: ${magic.toString(16)}`);
      const length = reader.u32();
      const timeMs = reader.u32() | 0;
      if (reader.remaining < length) break;
      const body = reader.view(length);
      const nameLength = body.indexOf(0x3b);
      const name = new TextDecoder().decode(body.subarray(0, nameLength));
      const fill = fillOf(name);
      if (nameLength >= 0 && body.subarray(nameLength + 1).some((byte) => byte !== fill)) {
        throw new Error(`${name} has bytes of another unit`);
      }
      messages.push({ name, timeMs, length });
      at = all.length - reader.remaining;
    }
    this.#left = all.subarray(at);
    return messages;
  }
}

/** A hub on a fake clock; errors of callbacks are thrown when the test looks at them. */
export function fakeHub(
  options: Omit<HubOptions, "clock"> = {},
  events: HubEvents = {},
): { hub: Hub; clock: TurnedClock } {
  const clock = new TurnedClock();
  return { hub: new Hub({ clock, ...options }, events), clock };
}

/** A reader of `stream` in the test format. */
export function read(stream: Stream, options: Partial<ReadOptions> = {}): StreamReader {
  return stream.read({ format: "test", create: () => new TestFormat(), ...options });
}

/** Everything that the reader can have now. */
export function takeAll({ cursor }: { readonly cursor: WireCursor }): ReadMessage[] {
  const reader = new MessageReader();
  const messages: ReadMessage[] = [];
  for (let bytes; (bytes = cursor.next()) !== undefined;) {
    messages.push(...reader.push(bytes));
    cursor.advance(bytes.length);
  }
  if (reader.partial > 0) throw new Error(`${reader.partial} bytes of a message that is not whole`);
  return messages;
}

/** The names of everything that the reader can have now, with blanks between. */
export function takeNames(reader: { readonly cursor: WireCursor }): string {
  return takeAll(reader).map(({ name }) => name).join(" ");
}
