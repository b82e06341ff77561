import { AMF_DEFAULT_LIMITS } from "./limits.ts";

/** Keeps an encoder from nesting deeper than decoders, ours and others', go. */
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
