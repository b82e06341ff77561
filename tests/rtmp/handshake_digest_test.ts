import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "./hex.ts";
import {
  digestIndex,
  findDigest,
  HANDSHAKE_PACKET_LENGTH,
  hasSignature,
  PLAYER_KEY,
  SERVER_KEY,
  writeDigest,
  writeSignature,
} from "../../src/rtmp/handshake_digest.ts";

const KEYS = { player: PLAYER_KEY, server: SERVER_KEY } as const;

/** Computed with another implementation of HMAC-SHA256 (Python's), over `patternPacket()`. */
const VECTORS = [
  {
    key: "player",
    scheme: "digest-0",
    index: 410,
    digest: "e76dadf609647bc5baa533045a274321e4460950ca3affdc36e1ce0acf7cd8e2",
    signature: "b0192ef80a032fa50da1a728318fe7375bfc132999d8dd12117d4688eea7cdbc",
  },
  {
    key: "player",
    scheme: "digest-1",
    index: 1126,
    digest: "b2d6b7cfd971364a97c2f95335e3d57e2ed5f13fdcdc38251d627f774fe5e9b7",
    signature: "08c1ca7edd1dcdebd2a872ac1ed3d4fba3c218f886be093d33e72cf87961d2e4",
  },
  {
    key: "server",
    scheme: "digest-0",
    index: 410,
    digest: "f2444ca3f7f8b9e411398fd4119bc46d8b8408215ee319939ec91027fff38cef",
    signature: "e8be68631574e3baca5eb2dbce1922e6a11ac724545f3c58d2f1095b70779416",
  },
  {
    key: "server",
    scheme: "digest-1",
    index: 1126,
    digest: "539b51fc5a209c6f11653e435f729c0f809ab22a9d66b9d6d05e9eb43e72374f",
    signature: "2216e1b1d9c205acab9ac57e73d0fd8fce277484d9a66712e4352297526537fc",
  },
] as const;

function patternPacket(): Uint8Array {
  return Uint8Array.from({ length: HANDSHAKE_PACKET_LENGTH }, (_, index) => index * 131 + 7);
}

for (const vector of VECTORS) {
  const key = KEYS[vector.key];
  const { scheme } = vector;

  Deno.test(`the ${vector.key}'s ${scheme} has the offset, digest and signature of a second implementation (M002)`, () => {
    const packet = patternPacket();
    assertEquals(digestIndex(packet, scheme), vector.index);
    const digest = writeDigest(packet, key, { scheme });
    assertEquals(encodeHex(digest), vector.digest);
    assertEquals(packet.indexOf(digest[0]!, vector.index), vector.index);

    const answer = patternPacket();
    writeSignature(answer, key, { peerDigest: decodeHex(vector.digest) });
    assertEquals(encodeHex(answer.subarray(-32)), vector.signature);
    assertEquals(answer.subarray(0, -32), patternPacket().subarray(0, -32));
    assert(hasSignature(answer, key, { ownDigest: decodeHex(vector.digest) }));
  });

  Deno.test(`findDigest finds the ${vector.key}'s ${scheme}, and nothing after any bit of it changed (M002)`, () => {
    const packet = patternPacket();
    writeDigest(packet, key, { scheme });
    assertEquals(findDigest(packet, key)?.scheme, scheme);
    const other = key === PLAYER_KEY ? SERVER_KEY : PLAYER_KEY;
    assertEquals(findDigest(packet, other), undefined);
    for (let at = 0; at < packet.length; at += 5) {
      const changed = packet.slice();
      changed[at]! ^= 1 << (at % 8);
      assertEquals(findDigest(changed, key), undefined, `byte ${at}`);
    }
  });

  Deno.test(`hasSignature refuses a signature of the ${vector.key} (${scheme}) with any bit changed (M002)`, () => {
    const answer = patternPacket();
    const ownDigest = decodeHex(vector.digest);
    writeSignature(answer, key, { peerDigest: ownDigest });
    for (let at = 0; at < answer.length; at += 5) {
      const changed = answer.slice();
      changed[at]! ^= 0x80;
      assert(!hasSignature(changed, key, { ownDigest }), `byte ${at}`);
    }
  });
}

Deno.test("digestIndex stays inside its half for every sum of the offset bytes (M002)", () => {
  for (const [scheme, field, last] of [["digest-0", 8, 739], ["digest-1", 772, 1503]] as const) {
    const seen = new Set<number>();
    for (let sum = 0; sum <= 4 * 255; sum++) {
      const packet = new Uint8Array(HANDSHAKE_PACKET_LENGTH);
      for (let left = sum, at = field; left > 0; at++) {
        packet[at] = Math.min(255, left);
        left -= packet[at]!;
      }
      seen.add(digestIndex(packet, scheme));
    }
    assertEquals([Math.min(...seen), Math.max(...seen), seen.size], [field + 4, last, 728]);
  }
});
