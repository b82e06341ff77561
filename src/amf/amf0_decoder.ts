import type { ByteReader } from "../bytes/mod.ts";
import * as marker from "./amf0_marker.ts";
import { Amf3ValueReader } from "./amf3_decoder.ts";
import { DecodeBudget } from "./decode_budget.ts";
import { AmfError } from "./errors.ts";
import type { AmfLimits } from "./limits.ts";
import { setAmfProperty } from "./property.ts";
import { amfReader } from "./short_read.ts";
import { readText } from "./text.ts";
import {
  AmfAvmPlus,
  AmfEcmaArray,
  type AmfObject,
  AmfTypedObject,
  AmfUnsupported,
  type AmfValue,
  AmfXml,
} from "./value.ts";

/** Options of the AMF0 decoders. */
export interface DecodeAmf0Options extends AmfLimits {
  /** Hands out AMF3 values as {@linkcode AmfAvmPlus}, so that they are encoded as AMF3 again. */
  readonly keepAvmPlus?: boolean;
}

/**
 * Decodes the AMF0 values that fill `bytes`: the body of an RTMP command or data message, or of an
 * FLV script tag. References reach back to the first of them.
 *
 * Byte arrays among the values are views of `bytes`. Throws {@linkcode AmfError}. Source: AMF 0
 * specification (2007).
 *
 * @example
 * ```ts
 * import { decodeAmf0, encodeAmf0 } from "@weir/server/amf";
 *
 * const body = encodeAmf0(["connect", 1, { app: "live" }]);
 * console.log(decodeAmf0(body)); // [ "connect", 1, { app: "live" } ]
 * ```
 */
export function decodeAmf0(bytes: Uint8Array, options: DecodeAmf0Options = {}): AmfValue[] {
  const reader = amfReader(bytes);
  const values = new Amf0ValueReader(reader, options);
  const decoded: AmfValue[] = [];
  while (reader.remaining > 0) decoded.push(values.read());
  return decoded;
}

/**
 * Decodes one AMF0 value and leaves `reader` after it; references reach back to its start only.
 *
 * Throws {@linkcode AmfError}, also where the value is cut off, and then leaves `reader` where it was.
 */
export function decodeAmf0Value(reader: ByteReader, options: DecodeAmf0Options = {}): AmfValue {
  const own = amfReader(reader.bytes);
  own.offset = reader.offset;
  const value = new Amf0ValueReader(own, options).read();
  reader.offset = own.offset;
  return value;
}

/** All markers of this kind give the same object: a peer can send one with every byte, and each would cost memory. */
const UNSUPPORTED = new AmfUnsupported();

/** Reads the values of one message, one after the other. */
class Amf0ValueReader {
  readonly #reader: ByteReader;
  readonly #budget: DecodeBudget;
  readonly #keepAvmPlus: boolean;
  /** Objects and arrays in the order of their starts, for references. */
  readonly #complex: AmfValue[] = [];
  #amf3: Amf3ValueReader | undefined;

  constructor(reader: ByteReader, options: DecodeAmf0Options) {
    this.#reader = reader;
    this.#budget = new DecodeBudget(options);
    this.#keepAvmPlus = options.keepAvmPlus ?? false;
  }

  read(): AmfValue {
    this.#budget.value();
    const reader = this.#reader;
    const type = reader.u8();
    switch (type) {
      case marker.NUMBER:
        return reader.f64();
      case marker.BOOLEAN:
        return reader.u8() !== 0;
      case marker.STRING:
        return readText(reader, reader.u16());
      case marker.OBJECT:
        return this.#readObject();
      case marker.NULL:
        return null;
      case marker.UNDEFINED:
        return undefined;
      case marker.REFERENCE:
        return this.#readReference();
      case marker.ECMA_ARRAY:
        return this.#readEcmaArray();
      case marker.STRICT_ARRAY:
        return this.#readStrictArray();
      case marker.DATE:
        return this.#readDate();
      case marker.LONG_STRING:
        return readText(reader, reader.u32());
      case marker.UNSUPPORTED:
        return UNSUPPORTED;
      case marker.XML_DOCUMENT:
        return new AmfXml(readText(reader, reader.u32()));
      case marker.TYPED_OBJECT:
        return this.#readTypedObject();
      case marker.AVM_PLUS:
        return this.#readAvmPlus();
      case marker.OBJECT_END:
        throw new AmfError("bad-object-end", "An AMF0 object end stands in place of a value");
      default:
        throw new AmfError("unknown-marker", `No AMF0 type has the marker ${type}`);
    }
  }

  #readObject(): AmfObject {
    const object: AmfObject = {};
    this.#complex.push(object);
    this.#readProperties(object);
    return object;
  }

  #readTypedObject(): AmfTypedObject {
    const object = new AmfTypedObject(readText(this.#reader, this.#reader.u16()), {});
    this.#complex.push(object);
    this.#readProperties(object.properties);
    return object;
  }

  #readEcmaArray(): AmfEcmaArray {
    // The declared count is not reliable: OBS wrote 14 for 20 (obs-studio#1246), and others write 0.
    this.#reader.skip(4);
    const array = new AmfEcmaArray({});
    this.#complex.push(array);
    this.#readProperties(array.properties);
    return array;
  }

  /**
   * Reads names and values up to the object end: an empty name and the marker 9.
   *
   * flv.js lets the end be missing, for broken FLV files; FFmpeg and SRS do not, and no publisher is
   * known to leave it out, so here the object is cut off.
   */
  #readProperties(into: AmfObject): void {
    const reader = this.#reader;
    this.#budget.enter();
    for (let count = 1;; count++) {
      const length = reader.u16();
      if (length === 0) break;
      this.#budget.keys(count);
      const name = readText(reader, length);
      setAmfProperty(into, name, this.read());
    }
    const end = reader.u8();
    if (end !== marker.OBJECT_END) {
      throw new AmfError("bad-object-end", `An AMF0 object ends with the marker ${end}, not 9`);
    }
    this.#budget.leave();
  }

  #readStrictArray(): AmfValue[] {
    const count = this.#reader.u32();
    // An element takes a byte or more, so a count past the end shows before anything is reserved.
    if (count > this.#reader.remaining) {
      throw new AmfError("truncated", `An AMF0 array of ${count} values is cut off`);
    }
    const array: AmfValue[] = [];
    this.#complex.push(array);
    this.#budget.enter();
    for (let at = 0; at < count; at++) array.push(this.read());
    this.#budget.leave();
    return array;
  }

  #readDate(): Date {
    const time = this.#reader.f64();
    this.#reader.skip(2); // the time zone, which is reserved and 0 (§2.13)
    return new Date(time);
  }

  #readReference(): AmfValue {
    const index = this.#reader.u16();
    if (index >= this.#complex.length) {
      throw new AmfError(
        "bad-reference",
        `AMF0 reference ${index} when there are ${this.#complex.length} objects`,
      );
    }
    return this.#complex[index];
  }

  #readAvmPlus(): AmfValue {
    this.#amf3 ??= new Amf3ValueReader(this.#reader, this.#budget);
    const value = this.#amf3.read();
    return this.#keepAvmPlus ? new AmfAvmPlus(value) : value;
  }
}
