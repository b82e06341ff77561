import { generateKeyPairSync } from "node:crypto";
import { type DtlsIdentity, selfSignedIdentity } from "../../src/webrtc/mod.ts";

/** Random bytes. */
export function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** A certificate and key of this moment. */
export function newIdentity(): DtlsIdentity {
  return selfSignedIdentity({
    ...generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
    serial: random(8),
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
  });
}
