import { ByteWriter } from "../../bytes/mod.ts";
import type { Clock, StreamReader, WireCursor, WireRun } from "../../hub/mod.ts";
import type { RtspPair, RtspServerSession } from "../../rtsp/mod.ts";
import type { Feed, Outbox } from "../../transport/mod.ts";
import type { RtpSockets } from "./rtp_sockets.ts";
import { FRAME_HEADER_BYTES } from "../../wire/mod.ts";

/** A count of RTP and RTCP packets. */
export interface RtspTraffic {
  /** Packets so far. */
  readonly packets: number;
  /** Their bytes; over TCP with the four before each packet. */
  readonly bytes: number;
}

/** How a session's player gets its packets. */
export interface RtspPlayer extends RtspTraffic {
  /** Starts, or goes on after `pause`. */
  start(): void;
  /** Sends nothing more until `start`. */
  pause(): void;
  /** Sends what is left, where it can be behind at all; then nothing more, and calls `onDone`. */
  finish(onDone: () => void): void;
}

/** The frames of a run or preamble. */
function* framesOf(
  bytes: Uint8Array,
): Generator<{ readonly track: number; readonly rtcp: boolean; readonly packet: Uint8Array }> {
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length;) {
    const channel = bytes[at + 1]!;
    const end = at + FRAME_HEADER_BYTES + (bytes[at + 2]! << 8 | bytes[at + 3]!);
    yield {
      track: channel >> 1,
      rtcp: (channel & 1) === 1,
      packet: bytes.subarray(at + FRAME_HEADER_BYTES, end),
    };
    at = end;
  }
}

/** All bytes of a run: its entries follow each other. */
function runBytes({ bytes, entries }: WireRun): Uint8Array {
  return bytes.subarray(entries[0]!.start, entries.at(-1)!.end);
}

/** The player of a session over its TCP connection. */
export class RtspTcpPlayer implements RtspPlayer {
  readonly #outbox: Outbox;
  readonly #feed: Feed;
  /** Counts what has left. */
  readonly #counter: { readonly messages: number; readonly bytes: number };
  readonly #cursor: WireCursor;
  #running = false;

  /** `trackCount` is that of the description: a player of all, in order, gets the shared bytes. */
  constructor(
    session: RtspServerSession,
    options: {
      readonly reader: StreamReader;
      readonly outbox: Outbox;
      readonly trackCount: number;
    },
  ) {
    const { reader: { cursor }, outbox, trackCount } = options;
    this.#cursor = cursor;
    this.#outbox = outbox;
    const channels = new Map<number, number>();
    for (const { track, transport } of session.tracks) {
      if (transport.kind === "tcp") channels.set(track, transport.channels[0]);
    }
    const isShared = channels.size === trackCount &&
      channels.entries().every(([track, channel]) => channel === track * 2);
    this.#feed = this.#counter = isShared ? cursor : new RemappedFeed(cursor, channels);
  }

  get packets(): number {
    return this.#counter.messages;
  }

  get bytes(): number {
    return this.#counter.bytes;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#outbox.add(this.#feed);
  }

  pause(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#outbox.remove(this.#feed);
    // It will go on at a key frame, which its next PLAY is told.
    this.#cursor.restart();
  }

  finish(onDone: () => void): void {
    if (!this.#running) onDone();
    else this.#outbox.finish(this.#feed, onDone);
  }
}

/** The feed of a player with other channels than 0-1, 2-3 …, or not all tracks. */
class RemappedFeed implements Feed {
  /** Packets that were taken, and their bytes that have left. */
  messages = 0;
  bytes = 0;
  readonly #cursor: WireCursor;
  readonly #channels: ReadonlyMap<number, number>;
  #pending: Uint8Array = new Uint8Array(0);

  constructor(cursor: WireCursor, channels: ReadonlyMap<number, number>) {
    this.#cursor = cursor;
    this.#channels = channels;
  }

  get atBoundary(): boolean {
    return this.#pending.length === 0;
  }

  next(onlyMessage = false): Uint8Array | undefined {
    while (this.#pending.length === 0) {
      if (onlyMessage) return undefined;
      const run = this.#cursor.takeRun();
      if (run === undefined) return undefined;
      const writer = new ByteWriter();
      this.#copy(this.#cursor.takePreamble(), writer);
      this.#copy(runBytes(run), writer);
      this.#pending = writer.finish();
    }
    return this.#pending;
  }

  advance(count: number): void {
    this.bytes += count;
    this.#pending = this.#pending.subarray(count);
  }

  wait(onWake: () => void): void {
    this.#cursor.wait(onWake);
  }

  #copy(bytes: Uint8Array, writer: ByteWriter): void {
    for (const { track, rtcp, packet } of framesOf(bytes)) {
      const channel = this.#channels.get(track);
      if (channel === undefined) continue;
      writer.u8(0x24).u8(channel + (rtcp ? 1 : 0)).u16(packet.length).bytes(packet);
      this.messages++;
    }
  }
}

/** Datagrams that follow each other without a pause: about what a receiver's buffer holds. */
const BURST_PACKETS = 32;

/** Pause between full bursts, so that a group of pictures does not overrun the receiver. */
const BURST_PAUSE_MS = 2;

/** RTP and RTCP port of each track of a session over UDP. */
export function clientPorts(session: RtspServerSession): Map<number, RtspPair> {
  const ports = new Map<number, RtspPair>();
  for (const { track, transport } of session.tracks) {
    if (transport.kind === "udp") ports.set(track, transport.clientPorts);
  }
  return ports;
}

/** Sends packets as datagrams: to a client, or to a group. */
export class RtspUdpPlayer implements RtspPlayer {
  packets = 0;
  bytes = 0;
  readonly #cursor: WireCursor;
  readonly #sockets: Pick<RtpSockets, "send">;
  readonly #clock: Clock;
  readonly #address: string;
  readonly #ports: ReadonlyMap<number, RtspPair>;
  #running = false;
  #sending = false;
  /** Counts the pauses: what was taken before one is not sent after it. */
  #pauses = 0;
  readonly #onWake = (): void => void this.#pump();

  /** `ports` are the RTP and RTCP ports of each track at `address`; other tracks are not sent. */
  constructor(
    cursor: WireCursor,
    options: {
      readonly sockets: Pick<RtpSockets, "send">;
      readonly clock: Clock;
      readonly address: string;
      readonly ports: ReadonlyMap<number, RtspPair>;
    },
  ) {
    this.#cursor = cursor;
    this.#sockets = options.sockets;
    this.#clock = options.clock;
    this.#address = options.address;
    this.#ports = options.ports;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#pump();
  }

  pause(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#pauses++;
    this.#cursor.restart();
  }

  /** What has not left yet is dropped: datagrams wait for nobody. */
  finish(onDone: () => void): void {
    this.pause();
    onDone();
  }

  async #pump(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#running) {
      const run = this.#cursor.takeRun();
      if (run === undefined) {
        this.#cursor.wait(this.#onWake);
        break;
      }
      const pauses = this.#pauses;
      await this.#send(this.#cursor.takePreamble(), pauses);
      await this.#send(runBytes(run), pauses);
    }
    this.#sending = false;
  }

  async #send(bytes: Uint8Array, pauses: number): Promise<void> {
    let sent = 0;
    for (const { track, rtcp, packet } of framesOf(bytes)) {
      const port = this.#ports.get(track)?.[rtcp ? 1 : 0];
      if (port === undefined) continue;
      if (sent > 0 && sent % BURST_PACKETS === 0) {
        await new Promise<void>((resolve) => this.#clock.setTimer(resolve, BURST_PAUSE_MS));
      }
      if (this.#pauses !== pauses) return;
      sent++;
      this.packets++;
      this.bytes += packet.length;
      // One after the other: sends under way at once overtake each other when the socket is full.
      await this.#sockets.send(packet, { peer: { hostname: this.#address, port }, rtcp });
    }
  }
}
