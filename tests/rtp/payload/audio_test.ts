import { assertEquals, assertThrows } from "@std/assert";
import {
  AacDepacketizer,
  type AacDepacketizerOptions,
  AacPacketizer,
  Ac3Depacketizer,
  Ac3Packetizer,
  type AccessUnit,
  Eac3Depacketizer,
  Eac3Packetizer,
  LatmDepacketizer,
  MpegAudioDepacketizer,
  MpegAudioPacketizer,
  OpusPacketizer,
  parseStreamMuxConfig,
  PcmDepacketizer,
  PcmPacketizer,
  RtpError,
  type RtpPacket,
} from "../../../src/rtp/mod.ts";
import { depacketize, fromHex, packetOf, toHex } from "../support.ts";

const END = { marker: true };

function aac(packets: readonly RtpPacket[], layout: AacDepacketizerOptions = {}) {
  return depacketize((options) => new AacDepacketizer({ ...options, ...layout }), packets);
}

Deno.test("AacDepacketizer reads several frames of AAC-hbr, each with its time (R166)", () => {
  const { units, timestamps } = aac([
    packetOf(1, "0030 0010 0018 0008 aabb ccddee ff", { timestamp: 0xffffffff, marker: true }),
  ]);
  assertEquals(units, [["aabb"], ["ccddee"], ["ff"]]);
  assertEquals(timestamps, [0xffffffff, 1023, 2047]);
});

Deno.test("AacDepacketizer reads AAC-lbr: sizes of 6 bits, indexes of 2 (R166)", () => {
  const { units } = aac([packetOf(1, "0010 08 0c aabb ccddee", END)], {
    sizeLength: 6,
    indexLength: 2,
    indexDeltaLength: 2,
  });
  assertEquals(units, [["aabb"], ["ccddee"]]);
});

Deno.test("AacDepacketizer gives interleaved frames their times by index delta", () => {
  const { timestamps } = aac([packetOf(1, "0020 0008 000a aa bb", END)], { frameTicks: 2048 });
  assertEquals(timestamps, [0, 3 * 2048]);
});

Deno.test("AacDepacketizer passes over the other header fields and auxiliary data", () => {
  const { units } = aac(
    // Size 2, index 0, CTS flag and 4 bits, DTS flag 0, random access, 2 bits of stream state;
    // auxiliary section of 12 bits.
    [packetOf(1, "0019 0010 f880 0c abc0 aabb", END)],
    {
      ctsDeltaLength: 4,
      dtsDeltaLength: 4,
      randomAccessIndication: true,
      streamStateIndication: 2,
      auxiliaryDataSizeLength: 8,
    },
  );
  assertEquals(units, [["aabb"]]);
});

Deno.test("AacDepacketizer reads frames of constant size without headers", () => {
  const layout = { sizeLength: 0, indexLength: 0, indexDeltaLength: 0, constantSize: 2 };
  const { units, timestamps } = aac([packetOf(1, "aabbccdd", END)], layout);
  assertEquals(units, [["aabb"], ["ccdd"]]);
  assertEquals(timestamps, [0, 1024]);
});

Deno.test("AacDepacketizer joins fragments, and drops what misses one (R166, R169)", () => {
  const pieces = ["0010 0028 aabb", "0010 0028 ccdd", "0010 0028 ee"];
  const packets = pieces.map((payload, i) =>
    packetOf(i + 1, payload, { timestamp: 1024, marker: i === 2 })
  );
  const next = packetOf(4, "0010 0008 ff", { timestamp: 2048, marker: true });
  assertEquals(aac([...packets, next]).units, [["aabbccddee"], ["ff"]]);
  const before = packetOf(0, "0010 0008 00", END);
  for (let missing = 0; missing < 3; missing++) {
    const { units, errors } = aac([before, ...packets.filter((_, i) => i !== missing), next]);
    assertEquals(units, [["00"], ["ff"]], `fragment ${missing} is missing`);
    assertEquals(errors.length, 1);
  }
});

Deno.test("AacDepacketizer takes ADTS inside RTP (R166)", () => {
  // 7 bytes of header, the frame length (10) over the 4th to 6th byte.
  assertEquals(aac([packetOf(1, "0010 0050 fff15080 015ffc aabbcc", END)]).units, [["aabbcc"]]);
  // Another length: these are the frame's own bytes.
  assertEquals(aac([packetOf(1, "0010 0050 fff15080 017ffc aabbcc", END)]).units, [
    ["fff15080017ffcaabbcc"],
  ]);
});

Deno.test("AacDepacketizer loses only the packet that is lost", () => {
  const packets = [1, 3, 4].map((i) => packetOf(i, "0010 0008 0" + i, { timestamp: i * 1024 }));
  const { units, errors } = aac(packets);
  assertEquals(units, [["01"], ["03"], ["04"]]);
  assertEquals(errors, []);
});

Deno.test("AacDepacketizer reports malformed payloads, and goes on", () => {
  for (
    const payload of [
      "00",
      "0010",
      "0010 00",
      "0011 0008 00 aa",
      "ffff 0008",
      "0020 0028 0008 aa",
    ]
  ) {
    const { units, errors } = aac([
      packetOf(1, payload, { timestamp: 1, marker: true }),
      packetOf(2, "0010 0008 ff", { timestamp: 2, marker: true }),
    ]);
    assertEquals(units, [["ff"]], payload);
    assertEquals(errors, ["malformed-payload"], payload);
  }
});

Deno.test("AacDepacketizer keeps the whole frames before one that is cut off", () => {
  const { units, errors } = aac([packetOf(1, "0020 0008 0028 aa bb", END)]);
  assertEquals(units, [["aa"]]);
  assertEquals(errors, ["malformed-payload"]);
});

Deno.test("AacPacketizer writes the headers of RFC 3640, and refuses what they cannot tell", () => {
  const parts = [fromHex("aabb"), fromHex("cc")];
  const hbr = new AacPacketizer().packetize({ timestamp: 0, parts });
  assertEquals(hbr.map(({ payload }) => toHex(payload)), ["002000100008aabbcc"]);
  const lbr = new AacPacketizer({ sizeLength: 6 }).packetize({ timestamp: 0, parts });
  assertEquals(lbr.map(({ payload }) => toHex(payload)), ["00100804aabbcc"]);
  const large = { timestamp: 0, parts: [new Uint8Array(8192)] };
  assertThrows(() => new AacPacketizer().packetize(large), RtpError);
});

const LATM_CONFIG = fromHex("400023103fc0");

function latm(packets: readonly RtpPacket[], config: Uint8Array | undefined = LATM_CONFIG) {
  return depacketize(
    (options) => new LatmDepacketizer({ ...options, ...(config && { config }) }),
    packets,
  );
}

Deno.test("parseStreamMuxConfig reads what FFmpeg and GStreamer send (R166)", () => {
  assertEquals(parseStreamMuxConfig(LATM_CONFIG), {
    sampleRate: 48000,
    frameSamples: 1024,
    subFrames: 1,
    otherDataBits: 0,
  });
  assertEquals(parseStreamMuxConfig(fromHex("40002310adca00")).sampleRate, 48000);
  for (const text of ["80", "40", "4000", "400000", "", "00002310"]) {
    assertThrows(() => parseStreamMuxConfig(fromHex(text)), RtpError);
  }
});

Deno.test("LatmDepacketizer joins packets up to the marker (R166)", () => {
  const { units, errors } = latm([
    packetOf(1, "04 aabb"),
    packetOf(2, "ccdd", END),
    packetOf(3, "01 ee", { timestamp: 1024, marker: true }),
  ]);
  assertEquals(units, [["aabbccdd"], ["ee"]]);
  assertEquals(errors, []);
});

Deno.test("LatmDepacketizer reads several frames in an element, each with its time", () => {
  const { units, timestamps } = latm([packetOf(1, "02 aabb 01 cc", END)], fromHex("410023103fc0"));
  assertEquals(units, [["aabb"], ["cc"]]);
  assertEquals(timestamps, [0, 1024]);
});

Deno.test("LatmDepacketizer reads a configuration in band, and frames between whole bytes (R166)", () => {
  // useSameStreamMux 0, the StreamMuxConfig, a length of 2, the frame; then useSameStreamMux 1.
  const bits = "0" + bitsOf("400023103fc0").slice(0, 44) + bitsOf("02aabb");
  const first = hexOf(bits);
  const second = hexOf("1" + bitsOf("01cc"));
  const depacketizer = new LatmDepacketizer();
  const parts = [packetOf(1, first, END), packetOf(2, second, { ...END, timestamp: 1024 })]
    .flatMap((packet) => depacketizer.push(packet)).map((unit) => unit.parts.map(toHex));
  assertEquals(parts, [["aabb"], ["cc"]]);
});

Deno.test("LatmDepacketizer drops what misses a packet; the next decodes (R169)", () => {
  const pieces = ["05 aabb", "ccdd", "ee"];
  const element = pieces.map((payload, i) =>
    packetOf(i + 1, payload, { timestamp: 1024, marker: i === 2 })
  );
  const before = packetOf(0, "01 00", END);
  const next = packetOf(4, "01 ff", { timestamp: 2048, marker: true });
  for (let missing = 0; missing < 3; missing++) {
    const after = packetOf(5, "01 01", { timestamp: 3072, marker: true });
    const { units, errors } = latm([
      before,
      ...element.filter((_, i) => i !== missing),
      next,
      after,
    ]);
    // Where the last piece is missing, nothing says whether the next packet begins an element.
    assertEquals(units, missing === 2 ? [["00"], ["01"]] : [["00"], ["ff"], ["01"]]);
    assertEquals(errors.length, missing === 2 ? 2 : 1);
  }
});

Deno.test("MpegAudioDepacketizer reads frames of all versions and layers (R166)", () => {
  const cases: [string, number][] = [
    ["fffb9000", 417], // version 1, layer III, 128 kb/s, 44.1 kHz
    ["fffb9200", 418], // padded
    ["fffb9400", 384], // 48 kHz
    ["fff38000", 208], // version 2, layer III, 64 kb/s, 22.05 kHz
    ["ffe34000", 208], // version 2.5, layer III, 32 kb/s, 11.025 kHz
    ["fffd8400", 384], // version 1, layer II, 128 kb/s, 48 kHz
    ["ffff4400", 128], // version 1, layer I, 128 kb/s, 48 kHz
    ["ffff4600", 132], // padded by 4 bytes
  ];
  for (const [header, size] of cases) {
    const frame = new Uint8Array(size);
    frame.set(fromHex(header));
    const packet = packetOf(1, new Uint8Array([0, 0, 0, 0, ...frame, ...frame]));
    const units = new MpegAudioDepacketizer().push(packet);
    assertEquals(units.map((unit) => unit.parts[0]!.length), [size, size], header);
  }
});

Deno.test("MpegAudioDepacketizer joins fragments, and drops what misses one (R166, R169)", () => {
  const frame = new Uint8Array(417).map((_, i) => i);
  frame.set(fromHex("fffb9000"));
  const cut = new MpegAudioPacketizer({ maxPayloadSize: 204 })
    .packetize({ timestamp: 7, parts: [frame] })
    .map(({ payload }, i) => packetOf(i, payload, { timestamp: 7 }));
  assertEquals(cut.length, 3);
  const read = (packets: RtpPacket[]) =>
    depacketize((options) => new MpegAudioDepacketizer(options), packets);
  assertEquals(read(cut).units, [[toHex(frame)]]);
  const next = packetOf(3, new Uint8Array([0, 0, 0, 0, ...frame]), { timestamp: 2000 });
  for (let missing = 0; missing < 3; missing++) {
    const { units, errors } = read([...cut.filter((_, i) => i !== missing), next]);
    assertEquals(units, [[toHex(frame)]], `fragment ${missing} is missing`);
    assertEquals(errors.length, 1);
  }
});

Deno.test("MpegAudioDepacketizer reports malformed payloads, and goes on", () => {
  const frame = new Uint8Array(417);
  frame.set(fromHex("fffb9000"));
  const good = new Uint8Array([0, 0, 0, 0, ...frame]);
  for (const payload of ["00", "00000000", "00000000 fffb", "00000000 fffb0000", "00000000 0000"]) {
    const { units, errors } = depacketize((options) => new MpegAudioDepacketizer(options), [
      packetOf(1, payload),
      packetOf(2, good, { timestamp: 5 }),
    ]);
    assertEquals(units.length, 1, payload);
    assertEquals(errors, ["malformed-payload"], payload);
  }
});

Deno.test("Ac3Depacketizer reads frames of all rates, and joins fragments (R166, R169)", () => {
  const cases: [number, number][] = [
    [0x00, 128], // 48 kHz, 32 kb/s
    [0x1c, 1536], // 48 kHz, 384 kb/s
    [0x40, 138], // 44.1 kHz, 32 kb/s
    [0x41, 140], // and the longer of its two sizes
    [0x65, 2788], // 44.1 kHz, 640 kb/s … 69.66 × 20 words
    [0xa4, 3840], // 32 kHz, 640 kb/s
  ];
  for (const [code, size] of cases) {
    const frame = new Uint8Array(size).map((_, i) => i);
    frame.set([0x0b, 0x77, 0, 0, code]);
    for (const maxPayloadSize of [1450, 100]) {
      const packets = new Ac3Packetizer({ maxPayloadSize })
        .packetize({ timestamp: 9, parts: [frame, frame] })
        .map(({ payload, marker, timestamp }, i) => packetOf(i, payload, { marker, timestamp }));
      const { units, timestamps, errors } = depacketize(
        (options) => new Ac3Depacketizer(options),
        packets,
      );
      assertEquals(errors, []);
      assertEquals(units, [[toHex(frame)], [toHex(frame)]]);
      assertEquals(timestamps, [9, 9 + 1536]);
    }
  }
});

Deno.test("Ac3Depacketizer drops a frame that misses a fragment; the next decodes (R169)", () => {
  const frame = new Uint8Array(384);
  frame.set([0x0b, 0x77, 0, 0, 0x0c]);
  const cut = new Ac3Packetizer({ maxPayloadSize: 150 }).packetize({
    timestamp: 0,
    parts: [frame],
  });
  const packets = cut.map(({ payload, marker }, i) => packetOf(i, payload, { marker }));
  assertEquals(packets.length, 3);
  for (let missing = 0; missing < 3; missing++) {
    const { units, errors } = depacketize((options) => new Ac3Depacketizer(options), [
      ...packets.filter((_, i) => i !== missing),
      packetOf(3, new Uint8Array([0, 1, ...frame]), { timestamp: 1536 }),
    ]);
    assertEquals(units, [[toHex(frame)]]);
    assertEquals(errors, ["missing-packet"]);
  }
});

Deno.test("Ac3Depacketizer reports malformed payloads", () => {
  for (
    const payload of ["00", "0001", "0001 0b77", "0001 0b77000000", "0001 0b770000ff", "0101 ff"]
  ) {
    const { errors } = depacketize((options) => new Ac3Depacketizer(options), [
      packetOf(1, payload),
    ]);
    assertEquals(errors, ["malformed-payload"], payload);
  }
});

Deno.test("Eac3Depacketizer reads frames of all lengths, and joins fragments (RFC 4598)", () => {
  // Stream type and number, size, and codes of rate and blocks: samples of the frame.
  const cases: [string, number, number][] = [
    ["0b77 001f 30", 64, 1536], // 48 kHz, six blocks
    ["0b77 00ff 00", 512, 256], // one block
    ["0b77 07ff 60", 4096, 768], // 44.1 kHz, three blocks, as long as a frame can be
    ["0b77 003f d0", 128, 1536], // 22.05 kHz
  ];
  for (const [head, size, samples] of cases) {
    const frame = new Uint8Array(size).map((_, i) => i);
    frame.set(fromHex(head));
    for (const maxPayloadSize of [1450, 100]) {
      const packets = new Eac3Packetizer({ maxPayloadSize })
        .packetize({ timestamp: 9, parts: [frame, frame] })
        .map(({ payload, marker, timestamp }, i) => packetOf(i, payload, { marker, timestamp }));
      const { units, timestamps, errors } = depacketize(
        (options) => new Eac3Depacketizer(options),
        packets,
      );
      assertEquals(errors, []);
      assertEquals(units, [[toHex(frame)], [toHex(frame)]]);
      assertEquals(timestamps, [9, 9 + samples]);
    }
  }
});

Deno.test("Eac3Depacketizer gives frames of further channels the time of the one before (RFC 4598)", () => {
  const main = new Uint8Array(64);
  main.set(fromHex("0b77 001f 30"));
  const further = new Uint8Array(64);
  further.set(fromHex("0b77 401f 30"));
  const payload = new Uint8Array([0, 4, ...main, ...further, ...main, ...further]);
  const { timestamps, errors } = depacketize(
    (options) => new Eac3Depacketizer(options),
    [packetOf(1, payload, { marker: true, timestamp: 5 })],
  );
  assertEquals([errors, timestamps], [[], [5, 5, 1541, 1541]]);
  const both = new Uint8Array([...main, ...further]);
  const made = new Eac3Packetizer().packetize({ timestamp: 5, parts: [both, both] });
  assertEquals(made.map((one) => toHex(one.payload)), [toHex(payload)]);
});

Deno.test("Eac3Depacketizer drops a frame that misses a fragment, and reports what is malformed (RFC 4598)", () => {
  const frame = new Uint8Array(384);
  frame.set(fromHex("0b77 00bf 30"));
  const cut = new Eac3Packetizer({ maxPayloadSize: 150 }).packetize({
    timestamp: 0,
    parts: [frame],
  });
  const packets = cut.map(({ payload, marker }, i) => packetOf(i, payload, { marker }));
  for (let missing = 0; missing < 3; missing++) {
    const { units } = depacketize((options) => new Eac3Depacketizer(options), [
      ...packets.filter((_, i) => i !== missing),
      packetOf(3, new Uint8Array([0, 1, ...frame]), { timestamp: 1536 }),
    ]);
    assertEquals(units, [[toHex(frame)]]);
  }
  for (
    const payload of ["00", "0001", "0001 0b77", "0001 0b7707ff30", "0001 ffff000000", "0101 ff"]
  ) {
    const { errors } = depacketize(
      (options) => new Eac3Depacketizer(options),
      [packetOf(1, payload, { marker: true })],
    );
    assertEquals(errors.length, 1, payload);
  }
});

Deno.test("OpusPacketizer tells the time of packets by their first byte (RFC 6716, 3.1)", () => {
  const cases: [string, number][] = [
    ["fc", 960], // CELT, 20 ms
    ["e0", 120], // CELT, 2.5 ms
    ["e1", 240], // two frames
    ["0800", 960], // SILK, 20 ms
    ["18", 2880], // SILK, 60 ms
    ["60", 480], // hybrid, 10 ms
    ["fb03", 2880], // three frames of 20 ms
  ];
  for (const [packet, ticks] of cases) {
    const parts = [fromHex(packet), fromHex("fc")];
    const payloads = new OpusPacketizer().packetize({ timestamp: 0xffffffff, parts });
    assertEquals(payloads[1]!.timestamp, ticks - 1, packet);
  }
  const parts = [new Uint8Array(1453)];
  assertThrows(() => new OpusPacketizer().packetize({ timestamp: 0, parts }), RtpError);
});

Deno.test("PcmPacketizer cuts between samples, and PcmDepacketizer refuses half ones (R166)", () => {
  const layout = { sampleSize: 3, channels: 2 };
  const unit: AccessUnit = { timestamp: 100, parts: [new Uint8Array(600).map((_, i) => i)] };
  const payloads = new PcmPacketizer({ ...layout, maxPayloadSize: 256 }).packetize(unit);
  assertEquals(payloads.map(({ payload }) => payload.length), [252, 252, 96]);
  assertEquals(payloads.map(({ timestamp }) => timestamp), [100, 142, 184]);
  const { errors } = depacketize((options) => new PcmDepacketizer({ ...options, ...layout }), [
    packetOf(1, new Uint8Array(7)),
  ]);
  assertEquals(errors, ["malformed-payload"]);
  const half = { timestamp: 0, parts: [new Uint8Array(7)] };
  assertThrows(() => new PcmPacketizer(layout).packetize(half), RtpError);
  assertThrows(
    () => new PcmPacketizer({ sampleSize: 3, channels: 200, maxPayloadSize: 100 }),
    RangeError,
  );
});

function bitsOf(text: string): string {
  return Array.from(fromHex(text), (byte) => byte.toString(2).padStart(8, "0")).join("");
}

function hexOf(bits: string): string {
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0");
  return padded.match(/.{8}/g)!.map((byte) => parseInt(byte, 2).toString(16).padStart(2, "0"))
    .join("");
}
