import { packUnits, unpackUnits } from "../../cluster/mod.ts";
import type { DigestCredentials } from "../../gate/mod.ts";
import type { MediaUnit } from "../../media/mod.ts";

/** A value as it crosses threads: what cannot cross is replaced by what stands for it. */
export type CarriedValue =
  | { readonly kind: "plain"; readonly value: unknown }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, CarriedValue])[] }
  | { readonly kind: "query"; readonly text: string }
  | { readonly kind: "unit"; readonly buffer: ArrayBuffer }
  | {
    readonly kind: "digest";
    readonly username: string;
    readonly realm: string;
    /** Where the thread that has the answer to the challenge says whether it is right. */
    readonly flag: SharedArrayBuffer;
  };

/** What the flag of a digest says. */
const Verdict = { Unknown: 0, Wrong: 1, Right: 2, Stale: 3 } as const;

/** How long the verdict of a digest may take, milliseconds: it is a hash, in a thread that may be busy. */
const VERDICT_MS = 5000;

/** Makes a value ready to cross. `onDigest` hears of credentials that can be verified in this thread alone. */
export function carried(
  value: unknown,
  onDigest: (credentials: DigestCredentials, flag: SharedArrayBuffer) => void,
): CarriedValue {
  if (value instanceof URLSearchParams) return { kind: "query", text: value.toString() };
  if (!isPlainObject(value)) return { kind: "plain", value };
  if (isDigest(value)) {
    const flag = new SharedArrayBuffer(4);
    onDigest(value, flag);
    return { kind: "digest", username: value.username, realm: value.realm, flag };
  }
  if (isUnit(value)) return { kind: "unit", buffer: packUnits([value]) };
  return {
    kind: "object",
    entries: Object.entries(value).map(([key, entry]) => [key, carried(entry, onDigest)]),
  };
}

/** Makes what has crossed into what it was; `verify` has the other thread judge a digest. */
export function uncarried(
  value: CarriedValue,
  verify: (known: Parameters<DigestCredentials["verify"]>[0]) => void,
): unknown {
  switch (value.kind) {
    case "plain":
      return value.value;
    case "query":
      return new URLSearchParams(value.text);
    case "unit":
      return unpackUnits(value.buffer)[0];
    case "object":
      return Object.fromEntries(
        value.entries.map(([key, entry]) => [key, uncarried(entry, verify)]),
      );
    case "digest": {
      const flag = new Int32Array(value.flag);
      const { username, realm } = value;
      const credentials: DigestCredentials = {
        kind: "digest",
        username,
        realm,
        verify(known) {
          Atomics.store(flag, 0, Verdict.Unknown);
          verify(known);
          Atomics.wait(flag, 0, Verdict.Unknown, VERDICT_MS);
          return Atomics.load(flag, 0) === Verdict.Right;
        },
        isStale: () => Atomics.load(flag, 0) === Verdict.Stale,
      };
      return credentials;
    }
  }
}

/** Judges a digest in the thread that has it, and says so by its flag. */
export function judgeDigest(
  credentials: DigestCredentials,
  { known, flag }: {
    readonly known: Parameters<DigestCredentials["verify"]>[0];
    readonly flag: SharedArrayBuffer;
  },
): void {
  const view = new Int32Array(flag);
  const isRight = credentials.verify(known);
  const verdict = isRight
    ? Verdict.Right
    : credentials.isStale?.() === true
    ? Verdict.Stale
    : Verdict.Wrong;
  Atomics.store(view, 0, verdict);
  Atomics.notify(view, 0);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isDigest(value: object): value is DigestCredentials {
  return "kind" in value && value.kind === "digest" && "verify" in value;
}

function isUnit(value: object): value is MediaUnit {
  return "dtsUs" in value && "payload" in value;
}
