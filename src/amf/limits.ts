/** The bounds of the structure in one message. Texts are bounded by the message itself. */
export interface AmfLimits {
  /** Objects, arrays and dictionaries inside one another; the decoder recurses this deep. */
  readonly maxDepth?: number;
  /** Named properties of one object, ECMA array or dictionary, repeated names included. */
  readonly maxKeys?: number;
  /** Values in all: three bytes can make an object of a hundred, so bytes alone bound nothing. */
  readonly maxValues?: number;
}

/**
 * The limits that hold where a decoder is given none.
 *
 * Commands and metadata of real clients nest at most four deep, with at most some sixty names; the
 * values leave room for the key frame index of a recording (two arrays, an element a key frame).
 */
export const AMF_DEFAULT_LIMITS: Readonly<Required<AmfLimits>> = {
  maxDepth: 32,
  maxKeys: 1024,
  maxValues: 262_144,
};
