import { ByteWriter } from "../bytes/mod.ts";
import * as marker from "./amf0_marker.ts";
import { Amf3ValueWriter } from "./amf3_encoder.ts";
import { EncodeNesting } from "./encode_nesting.ts";
import { amfProperties } from "./property.ts";
import { writeText } from "./text.ts";
import {
  AmfAvmPlus,
  AmfEcmaArray,
  type AmfObject,
  AmfTypedObject,
  AmfUnsupported,
  type AmfValue,
  AmfXml,
} from "./value.ts";

/**
 * Encodes `values` one after the other as AMF0: the body of an RTMP command or data message.
 *
 * An object or array that stands in them again is written as a reference, so cycles are fine. What
 * only AMF3 has (byte arrays, vectors, dictionaries …) is written in AMF3 behind the switch 0x11.
 *
 * Throws `TypeError` for what is not an AMF value, and `RangeError` for nesting deeper than 32 or a
 * property name that is empty or longer than 65535 bytes, which what was decoded from AMF3 can have.
 *
 * @example
 * ```ts
 * import { encodeAmf0 } from "@weir/server/amf";
 *
 * console.log(encodeAmf0(["a", true])); // Uint8Array(6) [ 2, 0, 1, 97, 1, 1 ]
 * ```
 */
export function encodeAmf0(values: readonly AmfValue[]): Uint8Array {
  const writer = new ByteWriter();
  writeAmf0(writer, values);
  return writer.finish();
}

/** Writes `values` to `writer` as {@linkcode encodeAmf0} does. */
export function writeAmf0(writer: ByteWriter, values: readonly AmfValue[]): void {
  const encoder = new Amf0ValueWriter(writer);
  for (const value of values) encoder.write(value);
}

const LONGEST_SHORT_STRING = 0xffff;
/** References have 16 bits: an object that is not among the first so many is written again in full. */
const MOST_REFERENCES = 0x10000;

/** Writes the values of one message, one after the other. */
class Amf0ValueWriter {
  readonly #writer: ByteWriter;
  readonly #nesting = new EncodeNesting();
  /** Objects and arrays that were written, and their places in the order of the starts. */
  #complex: Map<object, number> | undefined;
  #amf3: Amf3ValueWriter | undefined;

  constructor(writer: ByteWriter) {
    this.#writer = writer;
  }

  write(value: AmfValue): void {
    const writer = this.#writer;
    switch (typeof value) {
      case "number":
        writer.u8(marker.NUMBER).f64(value);
        break;
      case "boolean":
        writer.u8(marker.BOOLEAN).u8(value ? 1 : 0);
        break;
      case "string":
        writeText(writer, value, writeStringStart);
        break;
      case "undefined":
        writer.u8(marker.UNDEFINED);
        break;
      case "object":
        if (value === null) writer.u8(marker.NULL);
        else this.#writeObject(value);
        break;
      default:
        throw new TypeError(`Cannot encode a ${typeof value} as AMF0: it has no type for it`);
    }
  }

  #writeObject(value: AmfValue & object): void {
    if (value instanceof Date) {
      this.#writer.u8(marker.DATE).f64(value.getTime()).u16(0);
    } else if (value instanceof AmfUnsupported) {
      this.#writer.u8(marker.UNSUPPORTED);
    } else if (value instanceof AmfXml && value.flavor === "document") {
      this.#writer.u8(marker.XML_DOCUMENT);
      writeText(this.#writer, value.text, writeLongLength);
    } else if (Array.isArray(value) || amfProperties(value) !== undefined) {
      this.#writeComplex(value);
    } else {
      this.#writeAvmPlus(value instanceof AmfAvmPlus ? value.value : value);
    }
  }

  #writeComplex(value: AmfValue & object): void {
    if (this.#writeReference(value)) return;
    this.#nesting.enter();
    if (Array.isArray(value)) {
      this.#writer.u8(marker.STRICT_ARRAY).u32(value.length);
      for (const element of value) this.write(element);
    } else if (value instanceof AmfEcmaArray) {
      this.#writeEcmaArray(value);
    } else if (value instanceof AmfTypedObject) {
      this.#writer.u8(marker.TYPED_OBJECT);
      writeText(this.#writer, value.className, writeNameLength);
      this.#writeProperties(value.properties);
    } else {
      this.#writer.u8(marker.OBJECT);
      this.#writeProperties(value as AmfObject);
    }
    this.#nesting.leave();
  }

  #writeEcmaArray(array: AmfEcmaArray): void {
    const count = array.dense.length + Object.keys(array.properties).length;
    this.#writer.u8(marker.ECMA_ARRAY).u32(count);
    array.dense.forEach((element, index) => this.#writeProperty(String(index), element));
    this.#writeProperties(array.properties);
  }

  #writeProperties(properties: AmfObject): void {
    for (const name of Object.keys(properties)) this.#writeProperty(name, properties[name]);
    this.#writer.u16(0).u8(marker.OBJECT_END);
  }

  #writeProperty(name: string, value: AmfValue): void {
    if (name === "") {
      throw new RangeError(
        "Cannot encode a property as AMF0 as an empty name ends the object: current value is ''",
      );
    }
    writeText(this.#writer, name, writeNameLength);
    this.write(value);
  }

  /** Writes a reference where `value` was written before, and remembers it where not. */
  #writeReference(value: object): boolean {
    this.#complex ??= new Map();
    const index = this.#complex.get(value);
    if (index === undefined) {
      if (this.#complex.size < MOST_REFERENCES) this.#complex.set(value, this.#complex.size);
      return false;
    }
    this.#writer.u8(marker.REFERENCE).u16(index);
    return true;
  }

  #writeAvmPlus(value: AmfValue): void {
    this.#amf3 ??= new Amf3ValueWriter(this.#writer, this.#nesting);
    this.#writer.u8(marker.AVM_PLUS);
    this.#amf3.write(value);
  }
}

function writeStringStart(writer: ByteWriter, length: number): void {
  if (length <= LONGEST_SHORT_STRING) writer.u8(marker.STRING).u16(length);
  else writer.u8(marker.LONG_STRING).u32(length);
}

function writeLongLength(writer: ByteWriter, length: number): void {
  writer.u32(length);
}

function writeNameLength(writer: ByteWriter, length: number): void {
  if (length > LONGEST_SHORT_STRING) {
    throw new RangeError(
      `Cannot encode a name as AMF0 as it takes at most 65535 bytes: current value is ${length}`,
    );
  }
  writer.u16(length);
}
