/**
 * Everything that AMF0 and AMF3 carry, as JavaScript values.
 *
 * | AMF | here |
 * |---|---|
 * | number, integer, double; boolean; string; null; undefined | the same; a string of any length is one type |
 * | object without a class | a plain object ({@linkcode AmfObject}) |
 * | strict array, dense array | an array |
 * | date | a `Date`, whole milliseconds; an impossible time is an invalid `Date` |
 * | ByteArray | a `Uint8Array` |
 * | ECMA array, mixed array | {@linkcode AmfEcmaArray} |
 * | object of a class, or with sealed members | {@linkcode AmfTypedObject} |
 * | XML, XML document | {@linkcode AmfXml} |
 * | externalizable object | {@linkcode AmfExternalizable} |
 * | vector; dictionary | {@linkcode AmfVector}; {@linkcode AmfDictionary} |
 * | unsupported | {@linkcode AmfUnsupported} |
 *
 * A value that AMF refers to twice, or from inside of itself, is one object here too. So a peer can
 * send a cycle, or a few hundred bytes that take for ever to walk: code that goes through a whole
 * value, rather than reading the properties it knows, must remember where it has been.
 */
export type AmfValue =
  | number
  | boolean
  | string
  | null
  | undefined
  | Date
  | Uint8Array
  | readonly AmfValue[]
  | AmfObject
  | AmfEcmaArray
  | AmfTypedObject
  | AmfXml
  | AmfExternalizable
  | AmfVector
  | AmfDictionary
  | AmfUnsupported
  | AmfAvmPlus;

/**
 * An object without a class: names and values, in the order of the wire (JavaScript itself moves
 * names that are array indices, such as `"0"`, to the front).
 *
 * Decoders make ordinary objects. A property that a peer names `__proto__` becomes a property like
 * any other and does not touch the prototype; but as with every ordinary object, look for a name
 * that the peer may not have sent with `Object.hasOwn` or `amfProperty` when it could be one of
 * `Object.prototype`'s.
 */
export interface AmfObject {
  /** The value of the property `name`. */
  [name: string]: AmfValue;
}

/**
 * An array with names: the ECMA array of AMF0 (onMetaData is one), the mixed array of AMF3.
 *
 * The count that AMF0 declares is neither believed nor kept; encoders write the true one.
 *
 * @example
 * ```ts
 * import { AmfEcmaArray, encodeAmf0 } from "@weir/server/amf";
 *
 * encodeAmf0(["onMetaData", new AmfEcmaArray({ width: 1280, height: 720 })]);
 * ```
 */
export class AmfEcmaArray {
  /** Tells the classes of AMF values apart. */
  readonly kind = "ecma-array";
  /** The named elements. */
  readonly properties: AmfObject;
  /** The elements at 0, 1, 2 …, which AMF3 keeps apart; AMF0 has them among the named ones. */
  readonly dense: readonly AmfValue[];

  /** Makes an array of the named elements `properties`, and of `dense` ones where there are such. */
  constructor(properties: AmfObject, dense: readonly AmfValue[] = []) {
    this.properties = properties;
    this.dense = dense;
  }
}

/** How AMF3 lays out an object's members; AMF0 does not have this. */
export interface AmfTraits {
  /** Names that every object of the class has; their values come first, in this order. */
  readonly sealed?: readonly string[];
  /** Whether an object may have further names; true by default. */
  readonly dynamic?: boolean;
}

/** An object of a named class, or in AMF3 also one without a class that has sealed members. */
export class AmfTypedObject {
  /** Tells the classes of AMF values apart. */
  readonly kind = "typed-object";
  /** The class's alias; empty for none. */
  readonly className: string;
  /** The members, sealed ones first. */
  readonly properties: AmfObject;
  /** Names whose values AMF3 writes without repeating the names. */
  readonly sealed: readonly string[];
  /** Whether AMF3 allows names that are not sealed. */
  readonly dynamic: boolean;

  /** Makes an object of the class `className`. */
  constructor(className: string, properties: AmfObject, traits: AmfTraits = {}) {
    this.className = className;
    this.properties = properties;
    this.sealed = traits.sealed ?? [];
    this.dynamic = traits.dynamic ?? true;
  }
}

/** XML as text. `document` is ActionScript 2's XMLDocument, `e4x` the XML type that AMF3 adds. */
export class AmfXml {
  /** Tells the classes of AMF values apart. */
  readonly kind = "xml";
  /** The XML. */
  readonly text: string;
  /** Which of the two XML types it is. */
  readonly flavor: "document" | "e4x";

  /** Makes an XML value of `text`, which is not checked. */
  constructor(text: string, flavor: "document" | "e4x" = "document") {
    this.text = text;
    this.flavor = flavor;
  }
}

/**
 * An AMF3 object whose class writes itself (AMF3 §3.12).
 *
 * Only the class knows where its bytes end. The Flex collections, which are one AMF3 value each, are
 * decoded; of others the body is the bytes up to the end of the message.
 */
export class AmfExternalizable {
  /** Tells the classes of AMF values apart. */
  readonly kind = "externalizable";
  /** The class's alias. */
  readonly className: string;
  /** The wrapped value of a class that {@linkcode isAmfWrapperClass} knows; the bytes of others. */
  body: AmfValue;

  /** Makes an externalizable object of the class `className`. */
  constructor(className: string, body: AmfValue) {
    this.className = className;
    this.body = body;
  }
}

/** Whether objects of the class `className` write themselves as exactly one AMF3 value. */
export function isAmfWrapperClass(className: string): boolean {
  return WRAPPER_CLASSES.has(className);
}

// The collections of Flex; their writeExternal is one writeObject.
const WRAPPER_CLASSES: ReadonlySet<string> = new Set([
  "flex.messaging.io.ArrayCollection",
  "flex.messaging.io.ArrayList",
  "flex.messaging.io.ObjectProxy",
]);

/** Options of an {@linkcode AmfVector}. */
export interface AmfVectorOptions {
  /** Whether the length is fixed; false by default. */
  readonly fixed?: boolean;
  /** Class of the elements of an object vector; `*`, any, by default. */
  readonly className?: string;
}

/** An AMF3 vector: elements of one type (AMF3 §3.15). */
export class AmfVector {
  /** Tells the classes of AMF values apart. */
  readonly kind = "vector";
  /** The type of the elements: 32-bit integers, doubles, or anything. */
  readonly elements: "int" | "uint" | "double" | "object";
  /** The elements; numbers except in an object vector. */
  readonly values: readonly AmfValue[];
  /** Whether the length is fixed. */
  readonly fixed: boolean;
  /** Class of the elements of an object vector. */
  readonly className: string;

  /** Makes a vector of `elements`. */
  constructor(
    elements: "int" | "uint" | "double" | "object",
    values: readonly AmfValue[],
    options: AmfVectorOptions = {},
  ) {
    this.elements = elements;
    this.values = values;
    this.fixed = options.fixed ?? false;
    this.className = options.className ?? "*";
  }
}

/** An AMF3 dictionary: values by keys of any type, objects by identity (AMF3 §3.16). */
export class AmfDictionary {
  /** Tells the classes of AMF values apart. */
  readonly kind = "dictionary";
  /** Keys and values. */
  readonly entries: ReadonlyMap<AmfValue, AmfValue>;
  /** Whether the sender held its keys weakly. */
  readonly weakKeys: boolean;

  /** Makes a dictionary of `entries`. */
  constructor(entries: ReadonlyMap<AmfValue, AmfValue>, weakKeys = false) {
    this.entries = entries;
    this.weakKeys = weakKeys;
  }
}

/** AMF0's word for a value that the sender could not serialize. */
export class AmfUnsupported {
  /** Tells the classes of AMF values apart. */
  readonly kind = "unsupported";
}

/**
 * Asks the AMF0 encoder for AMF3: the marker 0x11, then `value` in AMF3 (AMF0 §3.1).
 *
 * Decoders hand out the value itself, unless they are told to keep the switch.
 */
export class AmfAvmPlus {
  /** Tells the classes of AMF values apart. */
  readonly kind = "avm-plus";
  /** The value that is written in AMF3. */
  readonly value: AmfValue;

  /** Makes the encoder write `value` in AMF3. */
  constructor(value: AmfValue) {
    this.value = value;
  }
}
