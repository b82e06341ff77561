import type { ByteReader } from "../bytes/mod.ts";
import * as marker from "./amf3_marker.ts";
import { DecodeBudget } from "./decode_budget.ts";
import { AmfError } from "./errors.ts";
import type { AmfLimits } from "./limits.ts";
import { setAmfProperty } from "./property.ts";
import { amfReader } from "./short_read.ts";
import { readText } from "./text.ts";
import {
  AmfDictionary,
  AmfEcmaArray,
  AmfExternalizable,
  type AmfObject,
  AmfTypedObject,
  type AmfValue,
  AmfVector,
  AmfXml,
  isAmfWrapperClass,
} from "./value.ts";

/**
 * Decodes the AMF3 values that fill `bytes`; string, object and trait references reach back to the
 * first of them.
 *
 * The arguments of an RTMP AMF3 command are not these: they are AMF0, with AMF3 behind a switch
 * (`decodeAmf0`). Byte arrays among the values are views of `bytes`. Throws {@linkcode AmfError}.
 * Source: AMF 3 specification (January 2013).
 *
 * @example
 * ```ts
 * import { decodeAmf3, encodeAmf3 } from "@weir/server/amf";
 *
 * console.log(decodeAmf3(encodeAmf3([{ width: 1280 }, -1]))); // [ { width: 1280 }, -1 ]
 * ```
 */
export function decodeAmf3(bytes: Uint8Array, limits: AmfLimits = {}): AmfValue[] {
  const reader = amfReader(bytes);
  const values = new Amf3ValueReader(reader, new DecodeBudget(limits));
  const decoded: AmfValue[] = [];
  while (reader.remaining > 0) decoded.push(values.read());
  return decoded;
}

/**
 * Decodes one AMF3 value and leaves `reader` after it; references reach back to its start only.
 *
 * Throws {@linkcode AmfError}, also where the value is cut off, and then leaves `reader` where it was.
 */
export function decodeAmf3Value(reader: ByteReader, limits: AmfLimits = {}): AmfValue {
  const own = amfReader(reader.bytes);
  own.offset = reader.offset;
  const value = new Amf3ValueReader(own, new DecodeBudget(limits)).read();
  reader.offset = own.offset;
  return value;
}

/** The layout of a class's objects, which later objects refer to. */
interface Traits {
  readonly className: string;
  readonly sealed: readonly string[];
  readonly dynamic: boolean;
  readonly externalizable: boolean;
}

/** Reads the values of one message, one after the other; not for use outside of this folder. */
export class Amf3ValueReader {
  readonly #reader: ByteReader;
  readonly #budget: DecodeBudget;
  /** The three tables of references (§1.3.2, §3.12), each in the order of the wire. */
  readonly #strings: string[] = [];
  readonly #objects: AmfValue[] = [];
  readonly #traits: Traits[] = [];

  /** Reads from where `reader` is, at the cost of `budget`. */
  constructor(reader: ByteReader, budget: DecodeBudget) {
    this.#reader = reader;
    this.#budget = budget;
  }

  /** Reads the next value. */
  read(): AmfValue {
    this.#budget.value();
    const type = this.#reader.u8();
    switch (type) {
      case marker.UNDEFINED:
        return undefined;
      case marker.NULL:
        return null;
      case marker.FALSE:
        return false;
      case marker.TRUE:
        return true;
      case marker.INTEGER:
        return (this.#readU29() << 3) >> 3; // 29 bits, signed
      case marker.DOUBLE:
        return this.#reader.f64();
      case marker.STRING:
        return this.#readString();
      default:
        return this.#readReferable(type);
    }
  }

  /** Reads a value of a type whose values can be references: U29 with the low bit clear. */
  #readReferable(type: number): AmfValue {
    if (type > marker.DICTIONARY) {
      throw new AmfError("unknown-marker", `No AMF3 type has the marker ${type}`);
    }
    const head = this.#readU29();
    if ((head & 1) === 0) return refer("object", this.#objects, head >> 1);
    const length = head >> 1;
    switch (type) {
      case marker.XML_DOCUMENT:
        return this.#keep(new AmfXml(readText(this.#reader, length), "document"));
      case marker.XML:
        return this.#keep(new AmfXml(readText(this.#reader, length), "e4x"));
      case marker.DATE:
        return this.#keep(new Date(this.#reader.f64()));
      case marker.BYTE_ARRAY:
        return this.#keep(this.#reader.view(length));
      case marker.ARRAY:
        return this.#readArray(length);
      case marker.OBJECT:
        return this.#readObject(head);
      case marker.DICTIONARY:
        return this.#readDictionary(length);
      default:
        return this.#readVector(type, length);
    }
  }

  #readArray(count: number): AmfValue {
    const first = this.#readString();
    this.#expectValues(count, 1);
    const dense: AmfValue[] = [];
    this.#budget.enter();
    if (first === "") {
      this.#readValues(count, this.#keep(dense));
      this.#budget.leave();
      return dense;
    }
    const array = this.#keep(new AmfEcmaArray({}, dense));
    this.#readNamed(array.properties, first, 0);
    this.#readValues(count, dense);
    this.#budget.leave();
    return array;
  }

  #readObject(head: number): AmfValue {
    const traits = this.#readTraits(head);
    this.#budget.enter();
    const object = traits.externalizable
      ? this.#readExternalizable(traits.className)
      : this.#readMembers(traits);
    this.#budget.leave();
    return object;
  }

  #readTraits(head: number): Traits {
    if ((head & 2) === 0) return refer("traits", this.#traits, head >> 2);
    const externalizable = (head & 4) !== 0;
    const className = this.#readString();
    const sealed: string[] = [];
    const count = externalizable ? 0 : head >> 4;
    this.#budget.keys(count);
    for (let at = 0; at < count; at++) sealed.push(this.#readString());
    const traits = { className, sealed, dynamic: (head & 8) !== 0, externalizable };
    this.#traits.push(traits);
    return traits;
  }

  #readMembers(traits: Traits): AmfValue {
    const properties: AmfObject = {};
    const plain = traits.className === "" && traits.dynamic && traits.sealed.length === 0;
    const object = plain ? properties : new AmfTypedObject(traits.className, properties, traits);
    this.#keep(object);
    for (const name of traits.sealed) setAmfProperty(properties, name, this.read());
    if (traits.dynamic) this.#readNamed(properties, this.#readString(), traits.sealed.length);
    return object;
  }

  #readExternalizable(className: string): AmfExternalizable {
    const object = this.#keep(new AmfExternalizable(className, undefined));
    if (isAmfWrapperClass(className)) {
      object.body = this.read();
    } else if (this.#budget.depth === 1) {
      object.body = this.#reader.rest();
    } else {
      throw new AmfError(
        "unknown-externalizable",
        `Nobody but the class '${className}' knows where its object ends inside of another`,
      );
    }
    return object;
  }

  #readDictionary(count: number): AmfDictionary {
    const weakKeys = this.#reader.u8() !== 0;
    this.#budget.keys(count);
    this.#expectValues(count, 2);
    const entries = new Map<AmfValue, AmfValue>();
    const dictionary = this.#keep(new AmfDictionary(entries, weakKeys));
    this.#budget.enter();
    for (let at = 0; at < count; at++) {
      const key = this.read();
      entries.set(key, this.read());
    }
    this.#budget.leave();
    return dictionary;
  }

  #readVector(type: number, count: number): AmfVector {
    const reader = this.#reader;
    const fixed = reader.u8() !== 0;
    const values: AmfValue[] = [];
    if (type === marker.VECTOR_OBJECT) {
      const className = this.#readString();
      this.#expectValues(count, 1);
      const vector = this.#keep(new AmfVector("object", values, { fixed, className }));
      this.#budget.enter();
      this.#readValues(count, values);
      this.#budget.leave();
      return vector;
    }
    this.#expectValues(count, type === marker.VECTOR_DOUBLE ? 8 : 4);
    const elements = type === marker.VECTOR_DOUBLE
      ? "double"
      : type === marker.VECTOR_UINT
      ? "uint"
      : "int";
    for (let at = 0; at < count; at++) {
      values.push(
        elements === "double" ? reader.f64() : elements === "uint" ? reader.u32() : reader.i32(),
      );
    }
    return this.#keep(new AmfVector(elements, values, { fixed }));
  }

  /** Reads named values up to the empty name; `name` is the first, `count` names came before. */
  #readNamed(into: AmfObject, name: string, count: number): void {
    while (name !== "") {
      this.#budget.keys(++count);
      setAmfProperty(into, name, this.read());
      name = this.#readString();
    }
  }

  #readValues(count: number, into: AmfValue[]): void {
    for (let at = 0; at < count; at++) into.push(this.read());
  }

  #readString(): string {
    const head = this.#readU29();
    if ((head & 1) === 0) return refer("string", this.#strings, head >> 1);
    const text = readText(this.#reader, head >> 1);
    if (text !== "") this.#strings.push(text); // the empty string is never referred to (§1.3.2)
    return text;
  }

  /** Reads an integer of 29 bits in one to four bytes; the fourth has eight bits of it (§1.3.1). */
  #readU29(): number {
    let value = 0;
    for (let at = 0; at < 3; at++) {
      const byte = this.#reader.u8();
      value = (value << 7) | (byte & 0x7f);
      if (byte < 0x80) return value;
    }
    return (value << 8) | this.#reader.u8();
  }

  /** Refuses a declared count that the bytes left cannot hold, before anything is reserved. */
  #expectValues(count: number, size: number): void {
    if (count * size > this.#reader.remaining) {
      throw new AmfError("truncated", `An AMF3 value of ${count} elements is cut off`);
    }
  }

  /** Gives `object` the next place in the table, before what is inside of it can refer to it. */
  #keep<T extends AmfValue>(object: T): T {
    this.#objects.push(object);
    return object;
  }
}

function refer<T>(table: string, entries: readonly T[], index: number): T {
  if (index >= entries.length) {
    throw new AmfError(
      "bad-reference",
      `AMF3 ${table} reference ${index} when there are ${entries.length}`,
    );
  }
  return entries[index]!;
}
