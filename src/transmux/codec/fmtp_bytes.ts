import { isAnnexB, splitAnnexB } from "../../media/mod.ts";
import { ParameterSets } from "../parameter_sets.ts";
import type { NalRules } from "./nal_rules.ts";

/** The most parameter sets of one type that are read from a description. */
const MOST_SETS = 32;

/** The bytes that a parameter has in hexadecimal digits; `undefined` where it is absent, or holds something else. */
export function bytesOfHex(text: string | undefined): Uint8Array | undefined {
  return text && /^([\da-f]{2})+$/i.test(text) ? Uint8Array.fromHex(text) : undefined;
}

/** The configuration that parameter sets make, which parameters list in Base64 with commas between. */
export function configOfSets(
  rules: NalRules,
  texts: readonly (string | undefined)[],
): Uint8Array | undefined {
  const sets = new ParameterSets(rules);
  const most = rules.setTypes.length * MOST_SETS;
  for (const text of texts.flatMap((text) => text?.split(",", most) ?? [])) {
    const bytes = bytesOfBase64(text);
    for (const unit of isAnnexB(bytes) ? splitAnnexB(bytes) : [bytes]) sets.take(unit);
  }
  return sets.config;
}

/** Lists parameter sets in Base64 with commas between. */
export function base64List(units: readonly Uint8Array[]): string {
  return units.map((unit) => unit.toBase64()).join(",");
}

function bytesOfBase64(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch (error) {
    if (error instanceof SyntaxError) return new Uint8Array(0);
    throw error;
  }
}
