import { assert, assertEquals } from "@std/assert";
import {
  createDepacketizer,
  createPacketizer,
  parseRtcp,
  parseRtpPacket,
  parseStreamMuxConfig,
  RtpError,
  type RtpFormat,
  RtpReceiver,
} from "../../src/rtp/mod.ts";
import { seededRandom } from "../support/split.ts";
import { fromHex, packetOf } from "./support.ts";

const SEED = 20261121;

/** Runs `decode`, which may throw nothing but an RtpError. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    assert(error instanceof RtpError, `${error}\n${(error as Error).stack}`);
    return undefined;
  }
}

/** Some bytes flipped, some cut off, some repeated. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const mutated = bytes.slice(0, random() < 0.3 ? Math.floor(random() * bytes.length) : undefined);
  for (let flips = Math.floor(random() * 4); flips > 0 && mutated.length > 0; flips--) {
    mutated[Math.floor(random() * Math.min(mutated.length, 40))] = Math.floor(random() * 256);
  }
  return mutated;
}

function noise(random: () => number, most: number): Uint8Array {
  const size = Math.floor(random() * most);
  return Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
}

const FOLDER = new URL("./fixtures/", import.meta.url);
const FIXTURES: { format: RtpFormat; packets: string[]; rtcp: string[] }[] = [
  ...Deno.readDirSync(FOLDER),
].map(({ name }) => name).sort().map((name) =>
  JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER)))
);
const AV1 = {
  format: { encodingName: "AV1", clockRate: 90000 },
  packets: [],
  rtcp: [],
};

Deno.test(`parseRtpPacket and parseRtcp throw nothing but RtpError (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  for (const { packets, rtcp } of FIXTURES) {
    for (const text of [...packets, ...rtcp]) {
      const bytes = mutate(fromHex(text), random);
      const before = bytes.slice();
      attempt(() => parseRtpPacket(bytes));
      attempt(() => parseRtcp(bytes));
      assertEquals(bytes, before);
    }
  }
  for (let i = 0; i < 5_000; i++) {
    const bytes = noise(random, 40);
    if (bytes.length > 1) bytes.set([0x80 | (bytes[0]! & 0x3f), 200 + (bytes[1]! & 7)]);
    if (bytes.length > 3 && i % 2) bytes.set([0, bytes[3]! & 7], 2);
    attempt(() => parseRtpPacket(bytes));
    attempt(() => parseRtcp(bytes));
  }
});

for (const { format, packets } of [...FIXTURES, AV1]) {
  Deno.test(`a depacketizer of ${format.encodingName} throws nothing, and its units go out again (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const codes = new Set<string>();
    const depacketizer = createDepacketizer(format, { onError: ({ code }) => codes.add(code) })!;
    const packetizer = createPacketizer(format)!;
    let sequence = 0;
    let timestamp = 0;
    const sources = packets.map((text) => parseRtpPacket(fromHex(text)).payload);
    for (let i = 0; i < 3000; i++) {
      const source = sources.length > 0 && random() < 0.7
        ? sources[i % sources.length]!
        : noise(random, 60);
      sequence += random() < 0.05 ? 2 : 1;
      if (random() < 0.3) timestamp += 1000;
      const packet = packetOf(sequence & 0xffff, random() < 0.5 ? mutate(source, random) : source, {
        timestamp: timestamp >>> 0,
        marker: random() < 0.3,
      });
      const before = packet.bytes.slice();
      for (const unit of depacketizer.push(packet)) {
        assert(unit.parts.length > 0);
        for (const part of unit.parts) assert(part.length > 0);
        attempt(() => packetizer.packetize(unit));
      }
      assertEquals(packet.bytes, before, "the packet was changed (R167)");
    }
    if (!/^(OPUS|PCM)/.test(format.encodingName)) assert(codes.size > 0);
  });
}

Deno.test(`RtpReceiver returns in order whatever comes (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  const receiver = new RtpReceiver({ clockRate: 90000 });
  for (let i = 0; i < 5_000; i++) {
    const sequence = random() < 0.9
      ? (i + Math.floor(random() * 9)) & 0xffff
      : random() * 65536 | 0;
    receiver.push(packetOf(sequence, "00", { ssrc: random() < 0.001 ? 2 : 1 }), i);
    if (i % 1000 === 0) receiver.report(i);
  }
  const { delivered, lost } = receiver.stats;
  assert(delivered > 0 && lost >= 0);
});

Deno.test(`parseStreamMuxConfig throws nothing but RtpError (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  for (let i = 0; i < 5_000; i++) attempt(() => parseStreamMuxConfig(noise(random, 12)));
});
