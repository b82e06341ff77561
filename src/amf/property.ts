import { AmfEcmaArray, type AmfObject, AmfTypedObject, type AmfValue } from "./value.ts";

/**
 * Whether `value` has named properties: an object, an ECMA array, an object of a class.
 *
 * Which of these a client sends where another sends the next differs: read them all with
 * {@linkcode amfProperty}.
 */
export function isAmfObject(value: AmfValue): value is AmfObject | AmfEcmaArray | AmfTypedObject {
  return amfProperties(value) !== undefined;
}

/** The named properties of an object, ECMA array or object of a class; `undefined` of all else. */
export function amfProperties(value: AmfValue): AmfObject | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value instanceof AmfEcmaArray || value instanceof AmfTypedObject) return value.properties;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? value as AmfObject : undefined;
}

/**
 * The property `name` of `value`, whichever kind of object that is; `undefined` where it has none,
 * and where `value` is no object at all.
 *
 * @example
 * ```ts
 * import { AmfEcmaArray, amfProperty } from "@weir/server/amf";
 *
 * console.log(amfProperty({ app: "live" }, "app")); // live
 * console.log(amfProperty(new AmfEcmaArray({ app: "live" }), "app")); // live
 * console.log(amfProperty(null, "app")); // undefined
 * ```
 */
export function amfProperty(value: AmfValue, name: string): AmfValue {
  const properties = amfProperties(value);
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The property `name` of `value` where it is a string, else `undefined`. */
export function amfStringProperty(value: AmfValue, name: string): string | undefined {
  const property = amfProperty(value, name);
  return typeof property === "string" ? property : undefined;
}

/** The property `name` of `value` where it is a number other than NaN, else `undefined`. */
export function amfNumberProperty(value: AmfValue, name: string): number | undefined {
  const property = amfProperty(value, name);
  return typeof property === "number" && !Number.isNaN(property) ? property : undefined;
}

/** Sets a property that a peer named: `__proto__` too becomes a property, and nothing more. */
export function setAmfProperty(object: AmfObject, name: string, value: AmfValue): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  } else {
    object[name] = value;
  }
}
