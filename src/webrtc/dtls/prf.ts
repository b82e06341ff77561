import { createHmac } from "node:crypto";

/** The pseudo-random function of TLS 1.2 with SHA-256 (RFC 5246, 5). */
export function prf(
  secret: Uint8Array,
  { label, seed, length }: {
    readonly label: string;
    readonly seed: Uint8Array;
    readonly length: number;
  },
): Uint8Array {
  const labelled = new Uint8Array(label.length + seed.length);
  new TextEncoder().encodeInto(label, labelled);
  labelled.set(seed, label.length);
  const output = new Uint8Array(length);
  let a: Uint8Array = labelled;
  for (let at = 0; at < length; at += 32) {
    a = createHmac("sha256", secret).update(a).digest();
    const block = createHmac("sha256", secret).update(a).update(labelled).digest();
    output.set(block.subarray(0, length - at), at);
  }
  return output;
}
