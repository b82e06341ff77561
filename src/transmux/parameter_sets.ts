import { equals } from "@std/bytes/equals";
import { MediaError } from "../media/mod.ts";
import type { NalRules } from "./codec/nal_rules.ts";

/** avcC and hvcC tell the size of a parameter set in 16 bits. */
const MAX_SET_SIZE = 0xffff;

/**
 * Most sets of one type that are kept: avcC has 5 bits for the number of its sequence parameter sets.
 * A peer that sends more ids than this loses its oldest.
 */
const MAX_SETS = 31;

/** The parameter sets in force of a track of NAL units, and the record that holds them. */
export class ParameterSets {
  readonly #rules: NalRules;
  /** By type, then by id. */
  readonly #sets: Map<number, Map<number, Uint8Array>>;
  #config: Uint8Array | undefined;
  #stale = false;

  /** Starts with the sets of `config`, an avcC or hvcC, or with none; a malformed one is passed over. */
  constructor(rules: NalRules, config?: Uint8Array) {
    this.#rules = rules;
    this.#sets = new Map(rules.setTypes.map((type) => [type, new Map()]));
    if (config !== undefined) this.replace(config);
  }

  /**
   * The avcC or hvcC of the sets, with lengths of 4 bytes; `undefined` while a type of set is missing.
   * The same array as long as nothing changes.
   */
  get config(): Uint8Array | undefined {
    if (this.#stale) {
      this.#stale = false;
      this.#config = this.#build();
    }
    return this.#config;
  }

  /** All sets, in the order in which a decoder needs them. */
  get units(): readonly Uint8Array[] {
    return [...this.#sets.values()].flatMap((sets) => [...sets.values()]);
  }

  /** Takes the sets of an avcC or hvcC instead of those before. False where it cannot be read. */
  replace(config: Uint8Array): boolean {
    try {
      const { units } = this.#rules.parseConfig(config);
      for (const sets of this.#sets.values()) sets.clear();
      for (const [index, unit] of units.entries()) this.#addRecorded(unit, index);
      this.#stale = false;
      const complete = [...this.#sets.values()].every(({ size }) => size > 0);
      // A complete record is kept as the publisher wrote it, since it may hold more than the sets.
      this.#config = complete ? withLengthsOfFour(this.#rules, config) : undefined;
      return true;
    } catch (error) {
      if (error instanceof MediaError) return false;
      throw error;
    }
  }

  /** Takes a parameter set that came in band. True where it changes something. */
  take(unit: Uint8Array): boolean {
    const type = this.#rules.typeOf(unit);
    const sets = this.#sets.get(type);
    if (sets === undefined || unit.length > MAX_SET_SIZE) return false;
    for (const known of sets.values()) if (equals(known, unit)) return false;
    const id = this.#idOf(unit);
    if (id === undefined) return false;
    const isSps = type === this.#rules.spsType;
    // Readers take profile and size from the first sequence parameter set of the record, so the newest comes first.
    const others = isSps ? [...sets].filter(([other]) => other !== id) : [];
    if (isSps) sets.clear();
    if (!sets.has(id) && sets.size === MAX_SETS) sets.delete([...sets.keys()][0]!);
    sets.set(id, unit.slice());
    for (const [key, value] of others.slice(0, MAX_SETS - 1)) sets.set(key, value);
    this.#stale = true;
    return true;
  }

  /** Keeps a set of a record even where it cannot be parsed here, since a decoder may be able to. */
  #addRecorded(unit: Uint8Array, index: number): void {
    const sets = this.#sets.get(this.#rules.typeOf(unit));
    if (sets === undefined || sets.size === MAX_SETS) return;
    sets.set(this.#idOf(unit) ?? -1 - index, unit);
  }

  #idOf(unit: Uint8Array): number | undefined {
    try {
      return this.#rules.setId(unit);
    } catch (error) {
      if (error instanceof MediaError) return undefined;
      throw error;
    }
  }

  #build(): Uint8Array | undefined {
    const lists = [...this.#sets.values()].map((sets) => [...sets.values()]);
    if (lists.some((list) => list.length === 0)) return undefined;
    try {
      return this.#rules.buildConfig(lists);
    } catch (error) {
      if (error instanceof MediaError) return undefined;
      throw error;
    }
  }
}

function withLengthsOfFour({ lengthSizeAt }: NalRules, config: Uint8Array): Uint8Array {
  if ((config[lengthSizeAt]! & 3) === 3) return config;
  const copy = config.slice();
  copy[lengthSizeAt] = copy[lengthSizeAt]! | 3;
  return copy;
}
