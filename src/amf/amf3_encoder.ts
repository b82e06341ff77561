import { ByteWriter } from "../bytes/mod.ts";
import * as marker from "./amf3_marker.ts";
import { EncodeNesting } from "./encode_nesting.ts";
import { amfProperties } from "./property.ts";
import { writeText } from "./text.ts";
import {
  AmfAvmPlus,
  AmfDictionary,
  AmfEcmaArray,
  AmfExternalizable,
  type AmfObject,
  AmfTypedObject,
  AmfUnsupported,
  type AmfValue,
  AmfVector,
  AmfXml,
  isAmfWrapperClass,
} from "./value.ts";

/**
 * Encodes `values` one after the other as AMF3.
 *
 * Whole numbers of 29 bits are integers, all others doubles. Strings, objects and traits that come
 * again are written as references. `AmfUnsupported`, which AMF3 lacks, becomes undefined. Throws
 * `TypeError` for what is not an AMF value, and `RangeError` for nesting deeper than 32, a text of
 * 256 MiB, or an empty property name.
 *
 * @example
 * ```ts
 * import { encodeAmf3 } from "@weir/server/amf";
 *
 * console.log(encodeAmf3(["a", "a", -1])); // Uint8Array(10) [ 6, 3, 97, 6, 0, 4, 255, 255, 255, 255 ]
 * ```
 */
export function encodeAmf3(values: readonly AmfValue[]): Uint8Array {
  const writer = new ByteWriter();
  writeAmf3(writer, values);
  return writer.finish();
}

/** Writes `values` to `writer` as {@linkcode encodeAmf3} does. */
export function writeAmf3(writer: ByteWriter, values: readonly AmfValue[]): void {
  const encoder = new Amf3ValueWriter(writer, new EncodeNesting());
  for (const value of values) encoder.write(value);
}

const VECTOR_MARKERS = {
  int: marker.VECTOR_INT,
  uint: marker.VECTOR_UINT,
  double: marker.VECTOR_DOUBLE,
  object: marker.VECTOR_OBJECT,
} as const;

// The bits behind the reference bit in an object's U29 (§3.12).
const TRAITS_INLINE = 0b10;
const EXTERNALIZABLE = 0b100;
const DYNAMIC = 0b1000;

/** Writes the values of one message, one after the other; not for use outside of this folder. */
export class Amf3ValueWriter {
  readonly #writer: ByteWriter;
  readonly #nesting: EncodeNesting;
  readonly #strings: Map<string, number> = new Map();
  readonly #objects: Map<object, number> = new Map();
  readonly #traits: Map<string, number> = new Map();

  /** Writes to `writer`, inside of what `nesting` counts. */
  constructor(writer: ByteWriter, nesting: EncodeNesting) {
    this.#writer = writer;
    this.#nesting = nesting;
  }

  /** Writes `value`. */
  write(value: AmfValue): void {
    const writer = this.#writer;
    switch (typeof value) {
      case "number":
        this.#writeNumber(value);
        break;
      case "boolean":
        writer.u8(value ? marker.TRUE : marker.FALSE);
        break;
      case "string":
        writer.u8(marker.STRING);
        this.#writeString(value);
        break;
      case "undefined":
        writer.u8(marker.UNDEFINED);
        break;
      case "object":
        if (value === null) writer.u8(marker.NULL);
        else this.#writeObject(value);
        break;
      default:
        throw new TypeError(`Cannot encode a ${typeof value} as AMF3: it has no type for it`);
    }
  }

  #writeNumber(value: number): void {
    const isInteger = (value << 3) >> 3 === value && !Object.is(value, -0);
    if (isInteger) writeU29(this.#writer.u8(marker.INTEGER), value & 0x1fffffff);
    else this.#writer.u8(marker.DOUBLE).f64(value);
  }

  #writeObject(value: AmfValue & object): void {
    if (value instanceof AmfAvmPlus) {
      this.write(value.value);
    } else if (value instanceof AmfUnsupported) {
      this.#writer.u8(marker.UNDEFINED);
    } else if (value instanceof Date) {
      if (this.#start(marker.DATE, value)) writeU29(this.#writer, 1).f64(value.getTime());
    } else if (value instanceof Uint8Array) {
      if (this.#start(marker.BYTE_ARRAY, value)) {
        writeInlineLength(this.#writer, value.length).bytes(value);
      }
    } else if (value instanceof AmfXml) {
      const type = value.flavor === "e4x" ? marker.XML : marker.XML_DOCUMENT;
      if (this.#start(type, value)) writeText(this.#writer, value.text, writeInlineLength);
    } else {
      this.#nesting.enter();
      this.#writeContainer(value);
      this.#nesting.leave();
    }
  }

  #writeContainer(value: AmfValue & object): void {
    if (Array.isArray(value)) {
      if (this.#start(marker.ARRAY, value)) this.#writeArray(value, {});
    } else if (value instanceof AmfEcmaArray) {
      if (this.#start(marker.ARRAY, value)) this.#writeArray(value.dense, value.properties);
    } else if (value instanceof AmfVector) {
      if (this.#start(VECTOR_MARKERS[value.elements], value)) this.#writeVector(value);
    } else if (value instanceof AmfDictionary) {
      if (this.#start(marker.DICTIONARY, value)) this.#writeDictionary(value);
    } else if (value instanceof AmfTypedObject) {
      if (this.#start(marker.OBJECT, value)) this.#writeTypedObject(value);
    } else if (value instanceof AmfExternalizable) {
      if (this.#start(marker.OBJECT, value)) this.#writeExternalizable(value);
    } else if (amfProperties(value) !== undefined) {
      if (this.#start(marker.OBJECT, value)) {
        this.#writeTraits(DYNAMIC, "", []);
        this.#writeNamed(value as AmfObject);
      }
    } else {
      throw new TypeError(
        `Cannot encode an object as AMF as only plain ones and the Amf classes are values: ` +
          `current value is a ${value.constructor?.name}`,
      );
    }
  }

  #writeArray(dense: readonly AmfValue[], named: AmfObject): void {
    writeInlineLength(this.#writer, dense.length);
    this.#writeNamed(named);
    for (const element of dense) this.write(element);
  }

  #writeTypedObject(object: AmfTypedObject): void {
    const { className, properties, sealed, dynamic } = object;
    this.#writeTraits((sealed.length << 4) | (dynamic ? DYNAMIC : 0), className, sealed);
    for (const name of sealed) {
      this.write(Object.hasOwn(properties, name) ? properties[name] : undefined);
    }
    if (dynamic) {
      this.#writeNamed(properties, new Set(sealed));
    } else if (Object.keys(properties).some((name) => !sealed.includes(name))) {
      throw new TypeError(
        `Cannot encode an object as AMF3 as one that is not dynamic has sealed members only: ` +
          `current value is a ${className}`,
      );
    }
  }

  #writeExternalizable(object: AmfExternalizable): void {
    this.#writeTraits(EXTERNALIZABLE, object.className, []);
    if (isAmfWrapperClass(object.className)) {
      this.write(object.body);
    } else if (object.body instanceof Uint8Array) {
      this.#writer.bytes(object.body);
    } else {
      throw new TypeError(
        `Cannot encode a ${object.className} as AMF3 as the body of its class is bytes: ` +
          `current value is a ${typeof object.body}`,
      );
    }
  }

  #writeTraits(flags: number, className: string, sealed: readonly string[]): void {
    const key = `${flags}\0${className}\0${sealed.join("\0")}`;
    const index = this.#traits.get(key);
    if (index !== undefined) {
      writeU29(this.#writer, (index << 2) | 1);
      return;
    }
    this.#traits.set(key, this.#traits.size);
    writeU29(this.#writer, flags | TRAITS_INLINE | 1);
    this.#writeString(className);
    for (const name of sealed) this.#writeString(name);
  }

  #writeVector(vector: AmfVector): void {
    const writer = writeInlineLength(this.#writer, vector.values.length).u8(vector.fixed ? 1 : 0);
    if (vector.elements === "object") {
      this.#writeString(vector.className);
      for (const element of vector.values) this.write(element);
      return;
    }
    for (const element of vector.values) {
      if (typeof element !== "number") {
        throw new TypeError(
          `Cannot encode a vector of ${vector.elements} as its elements are numbers: ` +
            `current value is a ${typeof element}`,
        );
      }
      if (vector.elements === "double") writer.f64(element);
      else writer.u32(element);
    }
  }

  #writeDictionary(dictionary: AmfDictionary): void {
    writeInlineLength(this.#writer, dictionary.entries.size).u8(dictionary.weakKeys ? 1 : 0);
    for (const [key, value] of dictionary.entries) {
      this.write(key);
      this.write(value);
    }
  }

  /** Writes names and values, without those in `except`, and the empty name that ends them. */
  #writeNamed(properties: AmfObject, except?: ReadonlySet<string>): void {
    for (const name of Object.keys(properties)) {
      if (except?.has(name)) continue;
      if (name === "") {
        throw new RangeError(
          "Cannot encode a property as AMF3 as an empty name ends the object: current value is ''",
        );
      }
      this.#writeString(name);
      this.write(properties[name]);
    }
    this.#writeString("");
  }

  #writeString(text: string): void {
    const index = this.#strings.get(text);
    if (index !== undefined) {
      writeU29(this.#writer, index << 1);
      return;
    }
    if (text !== "") this.#strings.set(text, this.#strings.size);
    writeText(this.#writer, text, writeInlineLength);
  }

  /** Writes the marker; then a reference and false, or, where `value` is new, nothing and true. */
  #start(type: number, value: object): boolean {
    this.#writer.u8(type);
    const index = this.#objects.get(value);
    if (index === undefined) {
      this.#objects.set(value, this.#objects.size);
      return true;
    }
    writeU29(this.#writer, index << 1);
    return false;
  }
}

function writeInlineLength(writer: ByteWriter, length: number): ByteWriter {
  if (length >= 2 ** 28) {
    throw new RangeError(
      `Cannot encode a length as AMF3 as it has 28 bits: current value is ${length}`,
    );
  }
  return writeU29(writer, (length << 1) | 1);
}

/** Writes an integer of 29 bits in one to four bytes; the fourth has eight bits of it (§1.3.1). */
function writeU29(writer: ByteWriter, value: number): ByteWriter {
  if (value < 0x80) return writer.u8(value);
  if (value < 0x4000) return writer.u8((value >> 7) | 0x80).u8(value & 0x7f);
  if (value < 0x200000) {
    return writer.u8((value >> 14) | 0x80).u8(((value >> 7) & 0x7f) | 0x80).u8(value & 0x7f);
  }
  return writer.u8((value >> 22) | 0x80).u8(((value >> 15) & 0x7f) | 0x80)
    .u8(((value >> 8) & 0x7f) | 0x80).u8(value & 0xff);
}
