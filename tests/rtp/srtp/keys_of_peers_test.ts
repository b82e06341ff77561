import { assertEquals, assertThrows } from "@std/assert";
import {
  buildMikey,
  formatSdesCrypto,
  ntpFromUnixUs,
  parseMikey,
  parseSdesCrypto,
  RtpError,
  srtpProfile,
} from "../../../src/rtp/mod.ts";

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

const MASTER = {
  profile: srtpProfile("AES_CM_128_HMAC_SHA1_80"),
  key: random(16),
  salt: random(14),
};

const OPTIONS = { time: ntpFromUnixUs(1_764_000_000_000_000), random };

Deno.test("parseMikey reads what buildMikey writes, of every suite of counter mode", () => {
  const rollovers = new Map([[1, 0], [0xfedcba98, 7]]);
  for (
    const name of [
      "AES_CM_128_HMAC_SHA1_80",
      "AES_CM_128_HMAC_SHA1_32",
      "AES_256_CM_HMAC_SHA1_80",
      "AES_256_CM_HMAC_SHA1_32",
    ] as const
  ) {
    const profile = srtpProfile(name);
    const master = { profile, key: random(profile.keyBytes), salt: random(14) };
    assertEquals(parseMikey(buildMikey(master, { ...OPTIONS, rollovers })), { master, rollovers });
  }
  const gcm = { profile: srtpProfile("AEAD_AES_128_GCM"), key: random(16), salt: random(12) };
  assertThrows(() => buildMikey(gcm, OPTIONS), RangeError, "counter mode");
});

Deno.test("parseMikey refuses what is cut, and never throws but an RtpError", () => {
  const message = buildMikey(MASTER, { ...OPTIONS, rollovers: new Map([[1, 2]]) });
  for (let length = 0; length < message.length; length++) {
    assertThrows(() => parseMikey(message.subarray(0, length)), RtpError);
  }
  for (let i = 0; i < 20_000; i++) {
    const changed = message.slice();
    for (const at of random(1 + i % 4)) changed[at % changed.length] = random(1)[0]!;
    try {
      parseMikey(changed);
    } catch (error) {
      if (!(error instanceof RtpError)) throw error;
    }
  }
});

Deno.test("parseMikey takes a key and a salt that have a length each (RFC 3830, 6.13)", () => {
  const message = buildMikey(MASTER, OPTIONS);
  const at = message.length - 1 - 30 - 4;
  const changed = new Uint8Array(message.length + 2);
  changed.set(message.subarray(0, at));
  changed.set([0, 0x30, 0, 16], at);
  changed.set(MASTER.key, at + 4);
  changed.set([0, 14], at + 20);
  changed.set(MASTER.salt, at + 22);
  // The length of what holds both.
  changed[at - 1]! += 2;
  assertEquals(parseMikey(changed).master, MASTER);
});

Deno.test("parseSdesCrypto reads the keys of RFC 4568, 6.1, with lifetime and identifier", () => {
  const inline = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
  const key = Uint8Array.fromBase64("d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj");
  const read = parseSdesCrypto(`1 AES_CM_128_HMAC_SHA1_32 ${inline}|2^20|1:32`);
  assertEquals(read.profile.name, "AES_CM_128_HMAC_SHA1_32");
  assertEquals([...read.key, ...read.salt], [...key]);
  assertEquals(read.identifier?.length, 32);
  assertEquals(read.identifier?.at(-1), 1);
  assertEquals(parseSdesCrypto(`1 AES_CM_128_HMAC_SHA1_80 ${inline}`).identifier, undefined);
  assertEquals(parseSdesCrypto(`1 AES_CM_128_HMAC_SHA1_80 ${inline}|2^31`).identifier, undefined);
  assertEquals(parseSdesCrypto(formatSdesCrypto(MASTER)), MASTER);
});

Deno.test("parseSdesCrypto refuses suites and parameters that are not done here, and broken keys", () => {
  const code = (value: string) => {
    try {
      parseSdesCrypto(value);
      return undefined;
    } catch (error) {
      return error instanceof RtpError ? error.code : String(error);
    }
  };
  const good = formatSdesCrypto(MASTER);
  assertEquals(code("1 F8_128_HMAC_SHA1_80 inline:AAAA"), "unsupported-key");
  assertEquals(code(`${good} UNENCRYPTED_SRTP`), "unsupported-key");
  assertEquals(code(`${good} KDR=1`), "unsupported-key");
  assertEquals(code(`${good} KDR=0 FEC_ORDER=FEC_SRTP`), undefined);
  for (
    const broken of ["", "1", good.slice(0, -2), good.replace("inline", "uri"), `${good}|1:999`]
  ) {
    assertEquals(code(broken) === undefined, false, broken);
  }
});
