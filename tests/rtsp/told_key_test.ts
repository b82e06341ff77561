import { assertEquals, assertThrows } from "@std/assert";
import { buildMikey, formatSdesCrypto, RtpError, srtpProfile } from "../../src/rtp/mod.ts";
import { formatKeyMgmt, RtspError, toldSrtpKey } from "../../src/rtsp/mod.ts";

const profile = srtpProfile("AES_CM_128_HMAC_SHA1_80");
const key = (first: number) => ({
  profile,
  key: new Uint8Array(16).fill(first),
  salt: new Uint8Array(14).fill(first),
});
const mikey = (first: number, ssrc = 7) =>
  buildMikey(key(first), {
    rollovers: new Map([[ssrc, first]]),
    time: { seconds: 0, fraction: 0 },
    random: (length) => new Uint8Array(length),
  });
const attribute = (name: string, value: string) => ({ attributes: [{ name, value }] });

Deno.test("the key of a header goes before that of a media, and that before the one for all media", () => {
  const header = formatKeyMgmt(mikey(1), "rtsps://h/a");
  const media = attribute("key-mgmt", `mikey ${mikey(2).toBase64()}`);
  const all = attribute("crypto", formatSdesCrypto(key(3)));
  const told = (...args: Parameters<typeof toldSrtpKey>) => {
    const { master, rollovers, by } = toldSrtpKey(...args)!;
    return [master.key[0], rollovers?.get(7), by];
  };
  assertEquals(told(header, [media, all]), [1, 1, "mikey"]);
  assertEquals(told(undefined, [media, all]), [2, 2, "mikey"]);
  assertEquals(told(undefined, [{}, all]), [3, undefined, "sdes"]);
  assertEquals(toldSrtpKey(undefined, [{ attributes: [] }, {}]), undefined);
});

Deno.test("of several keys by SDES the first that can be used is taken, and none is better than a wrong one", () => {
  const crypto = (value: string) => ({ name: "crypto", value });
  const unknown = crypto("1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz");
  const media = { attributes: [unknown, crypto(formatSdesCrypto(key(4), 2))] };
  assertEquals(toldSrtpKey(undefined, [media])?.master.key[0], 4);
  assertEquals(toldSrtpKey(undefined, [{ attributes: [unknown] }]), undefined);
  assertThrows(() => toldSrtpKey("prot=mikey", [media]), RtspError);
  for (const text of ["mikey AQA=", "mikey !"]) {
    assertThrows(() => toldSrtpKey(undefined, [attribute("key-mgmt", text)]), RtpError);
  }
});
