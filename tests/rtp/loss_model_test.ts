/** A seeded network in simulated time: loss, bursts of loss, reordering, duplicates, stragglers. */
import { assert, assertEquals } from "@std/assert";
import {
  type AccessUnit,
  createDepacketizer,
  createPacketizer,
  parseRtpPacket,
  type RtpFormat,
  RtpReceiver,
  RtpSender,
} from "../../src/rtp/mod.ts";
import { seededRandom } from "../support/split.ts";

type Random = () => number;

interface Sent {
  readonly bytes: Uint8Array;
  readonly unit: number;
  readonly number: number;
}

interface Model {
  readonly format: RtpFormat;
  /** Parts of the unit with this number. */
  readonly parts: (number: number, random: Random) => Uint8Array[];
  readonly ticks: number;
}

function noise(size: number, random: Random): Uint8Array {
  // No zeros, so that no start code comes about.
  return Uint8Array.from({ length: size }, () => 1 + Math.floor(random() * 255));
}

function withHeader(header: number[], size: number, random: Random): Uint8Array {
  const bytes = noise(size, random);
  bytes.set(header);
  return bytes;
}

/** Sizes from one byte of content to many packets. */
function sizeOf(random: Random): number {
  return 8 + Math.floor(random() ** 4 * 6000);
}

const MODELS: Readonly<Record<string, Model>> = {
  H264: {
    format: { encodingName: "H264", clockRate: 90000 },
    ticks: 3600,
    parts: (number, random) => {
      const key = number % 25 === 0;
      const slices = [0x80, 0x01].map((first) =>
        withHeader([key ? 0x65 : 0x41, first], sizeOf(random), random)
      );
      const sets = [withHeader([0x67, 0x42], 12, random), withHeader([0x68, 0xce], 5, random)];
      return key ? [...sets, ...slices] : slices;
    },
  },
  H265: {
    format: { encodingName: "H265", clockRate: 90000 },
    ticks: 3600,
    parts: (number, random) => {
      const key = number % 25 === 0;
      const slice = withHeader([key ? 0x26 : 0x02, 0x01, 0x80], sizeOf(random), random);
      const vps = withHeader([0x40, 0x01], 24, random);
      return key ? [vps, withHeader([0x42, 0x01], 40, random), slice] : [slice];
    },
  },
  AV1: {
    format: { encodingName: "AV1", clockRate: 90000 },
    ticks: 3600,
    parts: (number, random) => {
      const frame = withHeader([0x30], sizeOf(random), random);
      return number % 25 === 0 ? [withHeader([0x08], 11, random), frame] : [frame];
    },
  },
  VP8: {
    format: { encodingName: "VP8", clockRate: 90000 },
    ticks: 3600,
    parts: (_, random) => [noise(sizeOf(random), random)],
  },
  VP9: {
    format: { encodingName: "VP9", clockRate: 90000 },
    ticks: 3600,
    parts: (_, random) => [noise(sizeOf(random), random)],
  },
  AAC: {
    format: { encodingName: "MPEG4-GENERIC", clockRate: 48000 },
    ticks: 1024,
    parts: (_, random) => [withHeader([0x21], sizeOf(random), random)],
  },
  LATM: {
    format: {
      encodingName: "MP4A-LATM",
      clockRate: 48000,
      parameters: { cpresent: "0", config: "400023103fc0" },
    },
    ticks: 1024,
    parts: (_, random) => [noise(sizeOf(random), random)],
  },
  MP3: {
    format: { encodingName: "MPA", clockRate: 90000 },
    ticks: 2160,
    parts: (_, random) => [withHeader([0xff, 0xfb, 0xe4, 0x00], 960, random)],
  },
  OPUS: {
    format: { encodingName: "OPUS", clockRate: 48000 },
    ticks: 960,
    parts: (_, random) => [noise(8 + Math.floor(random() * 300), random)],
  },
};

interface Network {
  readonly lossRate: number;
  readonly burst: number;
  readonly reorderMs: number;
  readonly duplicateRate: number;
  readonly stragglerRate: number;
}

const NETWORKS: Readonly<Record<string, Network>> = {
  clean: { lossRate: 0, burst: 1, reorderMs: 0, duplicateRate: 0, stragglerRate: 0 },
  "swapping": { lossRate: 0, burst: 1, reorderMs: 30, duplicateRate: 0.05, stragglerRate: 0 },
  "lossy": { lossRate: 0.02, burst: 1, reorderMs: 10, duplicateRate: 0.02, stragglerRate: 0.005 },
  "bursty": { lossRate: 0.01, burst: 8, reorderMs: 30, duplicateRate: 0, stragglerRate: 0.01 },
  "terrible": { lossRate: 0.2, burst: 3, reorderMs: 60, duplicateRate: 0.1, stragglerRate: 0.05 },
};

const UNITS = 150;
const UNIT_MS = 40;

function send(model: Model, random: Random): { units: AccessUnit[]; sent: Sent[] } {
  const packetizer = createPacketizer(model.format, { maxPayloadSize: 400 })!;
  const sender = new RtpSender({
    ssrc: 1,
    payloadType: 96,
    clockRate: model.format.clockRate,
    sequenceNumber: 65000,
  });
  const units: AccessUnit[] = [];
  const sent: Sent[] = [];
  for (let number = 0; number < UNITS; number++) {
    const timestamp = (0xfffff000 + number * model.ticks) >>> 0;
    const unit = { timestamp, parts: model.parts(number, random) };
    units.push(unit);
    for (const payload of packetizer.packetize(unit)) {
      sent.push({ bytes: sender.build(payload), unit: number, number: sent.length });
    }
  }
  return { units, sent };
}

/** Packets with the times at which they arrive, in order of arrival. */
function carry(sent: readonly Sent[], network: Network, random: Random) {
  const arrivals: { atMs: number; packet: Sent }[] = [];
  let burstLeft = 0;
  for (const packet of sent) {
    if (packet.number > 0) {
      if (random() < network.lossRate) burstLeft = 1 + Math.floor(random() * network.burst);
      if (burstLeft > 0 && burstLeft--) continue;
    }
    const atMs = packet.unit * UNIT_MS + packet.number * 1e-6;
    const late = packet.number > 0 && random() < network.stragglerRate ? 300 : 0;
    const delayMs = packet.number === 0 ? 0 : random() * network.reorderMs;
    arrivals.push({ atMs: atMs + delayMs + late, packet });
    if (random() < network.duplicateRate) arrivals.push({ atMs: atMs + 100 * random(), packet });
  }
  return arrivals.sort((a, b) => a.atMs - b.atMs);
}

for (const [name, model] of Object.entries(MODELS)) {
  for (const [networkName, network] of Object.entries(NETWORKS)) {
    Deno.test(`${name} over a ${networkName} network: no wrong unit, loss told exactly (R160, R169)`, () => {
      for (const seed of [1, 2, 3]) run(model, network, seed);
    });
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function run(model: Model, network: Network, seed: number): void {
  const random = seededRandom(seed);
  const { units, sent } = send(model, random);
  const numbers = new Map(sent.map(({ bytes, number }) => [bytes, number]));
  let told = 0;
  const receiver = new RtpReceiver({
    clockRate: model.format.clockRate,
    onLoss: ({ lost }) => told += lost,
  });
  const errors: string[] = [];
  const depacketizer = createDepacketizer(model.format, {
    onError: (error) => errors.push(error.code),
  })!;
  const delivered: number[] = [];
  const got = new Map<number, AccessUnit>();
  const take = (packets: ReturnType<typeof receiver.push>) => {
    for (const packet of packets) {
      delivered.push(numbers.get(packet.bytes)!);
      for (const unit of depacketizer.push(packet)) {
        assert(!got.has(unit.timestamp), `seed ${seed}: a unit came twice`);
        got.set(unit.timestamp, unit);
      }
    }
  };
  for (const { atMs, packet } of carry(sent, network, random)) {
    take(receiver.push(parseRtpPacket(packet.bytes), atMs));
  }
  take(receiver.flush(Infinity));

  // Packets: in order, once each, and what is missing between is just what was told.
  for (let i = 1; i < delivered.length; i++) assert(delivered[i]! > delivered[i - 1]!);
  assertEquals(told, delivered.at(-1)! + 1 - delivered.length, `seed ${seed}`);
  assertEquals(receiver.stats.lost, told);
  assertEquals(receiver.stats.restarts, 0);

  // Units: each as it was sent, and dropped only where packets are missing.
  const isDelivered = new Set(delivered);
  const whole = units.map(() => true);
  for (const { unit, number } of sent) if (!isDelivered.has(number)) whole[unit] = false;
  const byTimestamp = new Map(units.map((unit, number) => [unit.timestamp, number]));
  for (const [timestamp, unit] of got) {
    const number = byTimestamp.get(timestamp);
    assert(number !== undefined, `seed ${seed}: a unit of no known time`);
    assert(whole[number], `seed ${seed}: unit ${number} misses packets`);
    const { parts } = units[number]!;
    assertEquals(unit.parts.length, parts.length, `seed ${seed}: unit ${number}`);
    for (const [i, part] of parts.entries()) {
      // Much faster than assertEquals for large arrays.
      assert(isSame(part, unit.parts[i]!), `seed ${seed}: part ${i} of unit ${number}`);
    }
  }
  for (const [number, unit] of units.entries()) {
    const sure = whole[number] && (number === 0 || whole[number - 1]);
    if (sure) assert(got.has(unit.timestamp), `seed ${seed}: unit ${number} was dropped`);
  }
  assertEquals(errors.every((code) => code === "missing-packet"), true, errors.join());
  assertEquals(depacketizer.dropped, errors.length);
}
