import { AmfError } from "./errors.ts";
import { AMF_DEFAULT_LIMITS, type AmfLimits } from "./limits.ts";

/** Counts what one message has taken of its limits, across AMF0 and the AMF3 inside of it. */
export class DecodeBudget {
  /** Containers that are open now. */
  depth = 0;
  #values = 0;
  readonly #maxDepth: number;
  readonly #maxKeys: number;
  readonly #maxValues: number;

  constructor(limits: AmfLimits = {}) {
    this.#maxDepth = limits.maxDepth ?? AMF_DEFAULT_LIMITS.maxDepth;
    this.#maxKeys = limits.maxKeys ?? AMF_DEFAULT_LIMITS.maxKeys;
    this.#maxValues = limits.maxValues ?? AMF_DEFAULT_LIMITS.maxValues;
  }

  /** Counts one value of any kind. */
  value(): void {
    if (++this.#values > this.#maxValues) {
      throw new AmfError("too-many-values", `More than ${this.#maxValues} AMF values`);
    }
  }

  /** Counts a level of nesting, at the start of an object, array or dictionary. */
  enter(): void {
    if (++this.depth > this.#maxDepth) {
      throw new AmfError("too-deep", `AMF values nested more than ${this.#maxDepth} deep`);
    }
  }

  /** Ends the level that `enter` has begun. */
  leave(): void {
    this.depth--;
  }

  /** Checks the number of names that one object has so far, or declares. */
  keys(count: number): void {
    if (count > this.#maxKeys) {
      throw new AmfError("too-many-keys", `More than ${this.#maxKeys} names in an object`);
    }
  }
}
