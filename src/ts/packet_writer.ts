/** Bytes of a transport packet (ISO/IEC 13818-1, 2.4.3). */
export const TS_PACKET_BYTES = 188;

const SYNC = 0x47;
const HEADER_BYTES = 4;
const PAYLOAD_BYTES = TS_PACKET_BYTES - HEADER_BYTES;
const CLOCK_BYTES = 6;
const WRAP = 2 ** 33;
const MAX_PES_LENGTH = 0xffff;
const VIDEO_STREAM_ID = 0xe0;

/** A PES packet that is to be written (2.4.3.6). */
export interface PesPacket {
  readonly streamId: number;
  /** Times in ticks of 90 kHz; they are written modulo 2^33. */
  readonly pts: number;
  readonly dts: number;
  readonly payload: Uint8Array;
  /** Whether decoding can start here. */
  readonly randomAccess: boolean;
  /** The program clock in ticks of 27 MHz, where the packet is to tell it. */
  readonly clock?: number;
}

/** Writes transport packets, with the continuity counter of each identifier. */
export class PacketWriter {
  readonly #counters = new Map<number, number>();

  /** One packet with a section of tables, which must fit. */
  section(pid: number, section: Uint8Array): Uint8Array {
    if (section.length > PAYLOAD_BYTES - 1) {
      throw new RangeError(`Cannot write a table of ${section.length} bytes into a packet`);
    }
    const packet = new Uint8Array(TS_PACKET_BYTES).fill(0xff);
    this.#writeHeader(packet, 0, { pid, starts: true, hasField: false });
    packet[HEADER_BYTES] = 0; // pointer_field
    packet.set(section, HEADER_BYTES + 1);
    return packet;
  }

  /** One packet that tells the clock alone, and has no payload: its counter stays. */
  clock(pid: number, clock: number): Uint8Array {
    const packet = new Uint8Array(TS_PACKET_BYTES).fill(0xff);
    const counter = ((this.#counters.get(pid) ?? 0) + 15) & 15;
    packet.set([SYNC, (pid >> 8) & 0x1f, pid & 0xff, 0x20 | counter, PAYLOAD_BYTES - 1, 0x10]);
    writeClock(packet, HEADER_BYTES + 2, clock);
    return packet;
  }

  /** The packets of a PES packet. */
  pes(pid: number, pes: PesPacket): Uint8Array {
    const header = pesHeader(pes);
    const { payload, clock, randomAccess } = pes;
    const total = header.length + payload.length;
    // The first packet tells the clock, and that decoding can start.
    const fieldBytes = clock !== undefined ? 2 + CLOCK_BYTES : randomAccess ? 2 : 0;
    const count = Math.ceil((total + fieldBytes) / PAYLOAD_BYTES);
    const packets = new Uint8Array(count * TS_PACKET_BYTES);
    let from = 0;
    for (let index = 0; index < count; index++) {
      const at = index * TS_PACKET_BYTES;
      const field = index === 0 ? fieldBytes : 0;
      const size = Math.min(PAYLOAD_BYTES - field, total - from);
      const spare = PAYLOAD_BYTES - size;
      this.#writeHeader(packets, at, { pid, starts: index === 0, hasField: spare > 0 });
      if (spare > 0) writeField(packets, { at: at + HEADER_BYTES, spare, first: index === 0, pes });
      copyPart(packets, { at: at + HEADER_BYTES + spare, from, size, header, payload });
      from += size;
    }
    return packets;
  }

  #writeHeader(
    packets: Uint8Array,
    at: number,
    { pid, starts, hasField }: {
      readonly pid: number;
      readonly starts: boolean;
      readonly hasField: boolean;
    },
  ): void {
    const counter = this.#counters.get(pid) ?? 0;
    this.#counters.set(pid, (counter + 1) & 15);
    packets[at] = SYNC;
    packets[at + 1] = (starts ? 0x40 : 0) | (pid >> 8);
    packets[at + 2] = pid;
    packets[at + 3] = (hasField ? 0x30 : 0x10) | counter;
  }
}

/** Fills `spare` bytes with an adaptation field (2.4.3.4). */
function writeField(
  packets: Uint8Array,
  { at, spare, first, pes }: {
    readonly at: number;
    readonly spare: number;
    readonly first: boolean;
    readonly pes: PesPacket;
  },
): void {
  packets[at] = spare - 1;
  if (spare === 1) return;
  packets.fill(0xff, at + 2, at + spare);
  const clock = first ? pes.clock : undefined;
  packets[at + 1] = (first && pes.randomAccess ? 0x40 : 0) | (clock === undefined ? 0 : 0x10);
  if (clock !== undefined) writeClock(packets, at + 2, clock);
}

/** 33 bits of 90 kHz, and 9 of what is left of 27 MHz. */
function writeClock(packets: Uint8Array, at: number, clock: number): void {
  const base = modulo(Math.floor(clock / 300), WRAP);
  const extension = modulo(clock, 300);
  new DataView(packets.buffer, packets.byteOffset).setUint32(at, Math.floor(base / 2));
  packets[at + 4] = ((base % 2) << 7) | 0x7e | (extension >> 8);
  packets[at + 5] = extension;
}

function copyPart(
  packets: Uint8Array,
  { at, from, size, header, payload }: {
    readonly at: number;
    readonly from: number;
    readonly size: number;
    readonly header: Uint8Array;
    readonly payload: Uint8Array;
  },
): void {
  const fromHeader = Math.max(0, Math.min(header.length - from, size));
  if (fromHeader > 0) packets.set(header.subarray(from, from + fromHeader), at);
  const start = from + fromHeader - header.length;
  packets.set(payload.subarray(start, start + size - fromHeader), at + fromHeader);
}

const START_CODE_AND_LENGTH_BYTES = 6;

function pesHeader({ streamId, pts, dts, payload }: PesPacket): Uint8Array {
  const hasDts = pts !== dts;
  const timeBytes = hasDts ? 10 : 5;
  const header = new Uint8Array(START_CODE_AND_LENGTH_BYTES + 3 + timeBytes);
  const length = 3 + timeBytes + payload.length;
  const isVideo = streamId >= VIDEO_STREAM_ID;
  if (length > MAX_PES_LENGTH && !isVideo) {
    throw new RangeError(`Cannot write a PES packet of audio with ${length} bytes`);
  }
  // Video alone may leave its length open.
  const told = length > MAX_PES_LENGTH ? 0 : length;
  header.set([0, 0, 1, streamId, told >> 8, told & 0xff, 0x84, hasDts ? 0xc0 : 0x80, timeBytes]);
  writeTime(header, 9, hasDts ? 3 : 2, pts);
  if (hasDts) writeTime(header, 14, 1, dts);
  return header;
}

/** 33 bits of time in five bytes, with marker bits between. */
function writeTime(header: Uint8Array, at: number, prefix: number, ticks: number): void {
  const time = modulo(ticks, WRAP);
  const high = Math.floor(time / 2 ** 30);
  const low = time % 2 ** 30;
  header[at] = (prefix << 4) | (high << 1) | 1;
  header[at + 1] = low >> 22;
  header[at + 2] = ((low >> 14) & 0xfe) | 1;
  header[at + 3] = low >> 7;
  header[at + 4] = ((low << 1) & 0xfe) | 1;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
