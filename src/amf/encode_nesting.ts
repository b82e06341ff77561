import { AMF_DEFAULT_LIMITS } from "./limits.ts";

/** Refuses to encode values that are nested more deeply than decoders, this one and others, accept. */
export class EncodeNesting {
  #depth = 0;

  enter(): void {
    if (++this.#depth > AMF_DEFAULT_LIMITS.maxDepth) {
      throw new RangeError(
        `Cannot encode as AMF as values nest at most ${AMF_DEFAULT_LIMITS.maxDepth} deep: ` +
          `current value is ${this.#depth}`,
      );
    }
  }

  leave(): void {
    this.#depth--;
  }
}
