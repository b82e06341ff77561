import { assertEquals } from "@std/assert";
import {
  buildRtpPacket,
  SRTP_PROFILES,
  srtpProfile,
  SrtpReceiver,
  SrtpSender,
} from "../../../src/rtp/mod.ts";
import { CounterStream } from "../../../src/rtp/srtp/counter_stream.ts";
import { HmacSha1 } from "../../../src/rtp/srtp/hmac_sha1.ts";
import { deriveSessionKeys } from "../../../src/rtp/srtp/srtp_keys.ts";
import { Gcm } from "../../../src/rtp/srtp/srtp_gcm.ts";
import { createHmac } from "node:crypto";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(/\s/g, ""));

const MASTER = {
  profile: srtpProfile("AES_CM_128_HMAC_SHA1_80"),
  key: hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
  salt: hex("0EC675AD498AFEEBB6960B3AABE6"),
};

Deno.test("CounterStream makes the key stream of RFC 3711, B.2", () => {
  const stream = new CounterStream(
    hex("2B7E151628AED2A6ABF7158809CF4F3C"),
    hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"),
  ).of([{ ssrc: 0, indexHigh: 0, indexLow: 0, length: 0xff02 * 16 }]);
  const block = (at: number) => stream.subarray(at * 16, at * 16 + 16).toHex().toUpperCase();
  assertEquals(block(0), "E03EAD0935C95E80E166B16DD92B4EB4");
  assertEquals(block(1), "D23513162B02D0F72A43A2FE4A5F97AB");
  assertEquals(block(2), "41E95B3BB0A2E8DD477901E4FCA894C0");
  assertEquals(block(0xfeff), "EC8CDF7398607CB0F2D21675EA9EA1E4");
  assertEquals(block(0xff00), "362B7C3C6773516318A077D7FC5073AE");
  assertEquals(block(0xff01), "6A2CC3787889374FBEB4C81B17BA6C44");
});

Deno.test("deriveSessionKeys derives the keys of RFC 3711, B.3", () => {
  const keys = deriveSessionKeys(MASTER, "rtp");
  assertEquals(keys.encryption.toHex().toUpperCase(), "C61E7A93744F39EE10734AFE3FF7A087");
  assertEquals(keys.salt.toHex().toUpperCase(), "30CBBC08863D8C85D49DB34A9AE1");
  assertEquals(
    keys.authentication.toHex().toUpperCase(),
    "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4",
  );
});

Deno.test("deriveSessionKeys derives the keys of RFC 6188, 7.4, for AES-256", () => {
  const keys = deriveSessionKeys({
    profile: srtpProfile("AES_256_CM_HMAC_SHA1_80"),
    key: hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"),
    salt: hex("3b04803de51ee7c96423ab5b78d2"),
  }, "rtp");
  assertEquals(
    keys.encryption.toHex(),
    "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
  );
  assertEquals(keys.salt.toHex(), "fa31791685ca444a9e07c6c64e93");
  assertEquals(keys.authentication.toHex(), "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
});

Deno.test("SrtpSender protects a packet as libsrtp does", () => {
  const packet = hex("800f1234decafbadcafebabe" + "ab".repeat(16));
  assertEquals(
    new SrtpSender(MASTER).protect([packet])[0]!.toHex(),
    "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
  );
});

/** RFC 7714, 16 and 17: keys of sessions, not master keys. */
const SALT = hex("517569642070726f2071756f");
const KEYS = {
  128: hex("000102030405060708090a0b0c0d0e0f"),
  256: hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
};

Deno.test("Gcm seals and opens the RTP packets of RFC 7714, 16", () => {
  const header = hex("8040f17b8041f8d35501a0b2");
  const plain = new TextEncoder().encode("Gallia est omnis divisa in partes tres");
  const place = { ssrc: 0x5501a0b2, indexHigh: 0, indexLow: 0xf17b };
  const sealed = {
    128: "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b" +
      "36de3adf8833899d7f27beb16a9152cf765ee4390cce",
    256: "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f" +
      "1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
  };
  for (const bits of [128, 256] as const) {
    const gcm = new Gcm(KEYS[bits], SALT);
    const target = new Uint8Array(plain.length + 16);
    gcm.seal(plain, { place, associated: header, target, at: 0 });
    assertEquals(target.toHex(), sealed[bits]);
    assertEquals(gcm.open(target, { place, associated: header }), plain);
    target[3]! ^= 1;
    assertEquals(gcm.open(target, { place, associated: header }), undefined);
  }
});

Deno.test("Gcm seals the RTCP packet of RFC 7714, 17.1", () => {
  const packet = hex(
    "81c8000d4d6172734e5450314e545032525450200000042a0000e930" +
      "4c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
  );
  const target = new Uint8Array(packet.length - 8 + 16);
  new Gcm(KEYS[128], SALT).seal(packet.subarray(8), {
    place: { ssrc: 0x4d617273, indexHigh: 0, indexLow: 0x05d4 },
    associated: hex("81c8000d4d617273800005d4"),
    target,
    at: 0,
  });
  assertEquals(
    target.toHex(),
    "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda" +
      "4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade",
  );
});

Deno.test("HmacSha1 agrees with the runtime's at every length around its blocks", () => {
  const key = crypto.getRandomValues(new Uint8Array(20));
  const hmac = new HmacSha1(key);
  for (let length = 0; length < 300; length++) {
    const bytes = crypto.getRandomValues(new Uint8Array(length + 3));
    const target = new Uint8Array(22);
    for (const trailer of [undefined, 0x89abcdef]) {
      hmac.write(bytes, { start: 3, end: length + 3, trailer, target, at: 2, size: 20 });
      const wanted = createHmac("sha1", key).update(bytes.subarray(3));
      if (trailer !== undefined) wanted.update(hex("89abcdef"));
      assertEquals(target.subarray(2).toHex(), wanted.digest("hex"), `${length} bytes`);
    }
  }
});

Deno.test("SrtpReceiver takes what SrtpSender protects, of every profile and shape of header", async (t) => {
  for (const profile of SRTP_PROFILES) {
    await t.step(profile.name, () => {
      const master = {
        profile,
        key: crypto.getRandomValues(new Uint8Array(profile.keyBytes)),
        salt: crypto.getRandomValues(new Uint8Array(profile.saltBytes)),
      };
      for (const identifier of [undefined, hex("00000007")]) {
        const keyed = { ...master, ...(identifier && { identifier }) };
        const packets = [0, 1, 15, 16, 17, 1200].map((length, index) =>
          buildRtpPacket({
            payloadType: 96,
            sequenceNumber: 65_533 + index,
            timestamp: index,
            ssrc: 9,
            payload: crypto.getRandomValues(new Uint8Array(length)),
            csrcs: index % 2 === 0 ? [] : [1, 2],
            ...(index % 3 === 0 ? {} : { extension: { profile: 0xbede, data: new Uint8Array(8) } }),
          })
        );
        const sender = new SrtpSender(keyed);
        const receiver = new SrtpReceiver(keyed);
        const before = packets.map((packet) => packet.slice());
        const sent = sender.protect(packets);
        assertEquals(packets, before);
        assertEquals(sent.map((packet) => receiver.unprotect(packet)), packets);
        assertEquals(sender.rolloverOf(9), 1);
        assertEquals(receiver.stats, { rejected: 0, replayed: 0 });
        const report = hex("80c900010000000980ca00020000000900000000");
        const reports = [sender.protectRtcp(report), sender.protectRtcp(report)];
        for (const one of reports) assertEquals(receiver.unprotectRtcp(one), report);
        assertEquals(receiver.unprotectRtcp(reports[0]!), undefined);
        assertEquals(receiver.stats.replayed, 1);
      }
    });
  }
});
