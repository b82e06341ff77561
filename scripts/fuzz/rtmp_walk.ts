/** A walk through the states of an RTMP session, in which each step may be wrong. */
import { concat } from "@std/bytes/concat";
import type { AmfValue } from "../../src/amf/mod.ts";
import { ChunkEncoder, encodeCommandMessage, RtmpClientHandshake } from "../../src/rtmp/mod.ts";
import { type Chance, mutated, WRONGNESS } from "./mutation.ts";

/** What a walk sends next: bytes, and how many inputs they are. */
export interface Step {
  readonly bytes: Uint8Array;
  readonly inputs: number;
  /** Whether an honest client would wait for the answer before it goes on. */
  readonly isAnswered?: boolean;
}

const VIDEO_CONFIG = Uint8Array.fromHex(
  "17000000000142c01effe100196742c01ed90280bfe5c044000003000400000300f23c58b92001000468cb83cb",
);
/** Bodies of messages, right ones. */
export const BODIES = {
  video: [
    VIDEO_CONFIG,
    concat([Uint8Array.of(0x17, 1, 0, 0, 0, 0, 0, 0, 40, 0x65), new Uint8Array(39).fill(7)]),
    concat([Uint8Array.of(0x27, 1, 0, 0, 0, 0, 0, 0, 20, 0x41), new Uint8Array(19).fill(7)]),
    // Enhanced RTMP: a sequence start of HEVC, multitrack, ModEx.
    concat([Uint8Array.of(0x90), new TextEncoder().encode("hvc1"), new Uint8Array(23).fill(1)]),
    concat([
      Uint8Array.of(0x96, 0x10),
      new TextEncoder().encode("avc1"),
      Uint8Array.of(0, 0, 0, 4, 1, 2, 3, 4),
    ]),
    concat([
      Uint8Array.of(0x97, 2, 0, 0, 5, 0x11),
      new TextEncoder().encode("av01"),
      new Uint8Array(9),
    ]),
  ],
  audio: [
    Uint8Array.of(0xaf, 0, 0x12, 0x10),
    concat([Uint8Array.of(0xaf, 1), new Uint8Array(60).fill(9)]),
    concat([Uint8Array.of(0x90), new TextEncoder().encode("Opus"), new Uint8Array(19).fill(2)]),
    concat([
      Uint8Array.of(0x95, 0x00),
      new TextEncoder().encode("mp4a"),
      Uint8Array.of(0, 0, 0, 2, 1, 2),
    ]),
  ],
};

/** One connection: what it sends first, and then step by step. */
export class RtmpWalk {
  readonly #chance: Chance;
  readonly #encoder = new ChunkEncoder();
  readonly #wrongness: number;
  readonly #role: "play" | "publish";
  /** Steps that an honest client has done. */
  #done = 0;
  #timestampMs = 0;

  /** Takes its chance from `chance`. */
  constructor(chance: Chance) {
    this.#chance = chance;
    this.#wrongness = chance.of(WRONGNESS);
    this.#role = chance.is(0.4) ? "play" : "publish";
  }

  /** The client's half of the handshake, without waiting for the server's. */
  start(): Step {
    const chance = this.#chance;
    const handshake = new RtmpClientHandshake({ random: (length) => chance.bytes(length) });
    const hello = concat([handshake.start(), chance.bytes(1536)]);
    if (chance.is(0.04)) return { bytes: mutated(hello, chance), inputs: 1 };
    return {
      bytes: concat([
        hello,
        this.#command("connect", [], {
          app: this.#role === "play" ? "healthy" : "fuzz",
          tcUrl: "rtmp://h/fuzz",
        }),
      ]),
      inputs: 1,
    };
  }

  /** Some messages, most of them wrong in some way. */
  next(): Step {
    const chance = this.#chance;
    const count = 1 + chance.below(8);
    const pieces = Array.from({ length: count }, () => {
      const piece = this.#message();
      return chance.is(this.#wrongness / 4) ? mutated(piece, chance) : piece;
    });
    return { bytes: concat(pieces), inputs: count };
  }

  /** What an honest client would send next; now and then anything. */
  #message(): Uint8Array {
    const chance = this.#chance;
    if (chance.is(this.#wrongness)) return this.#any();
    switch (this.#done++) {
      case 0:
        return this.#command("createStream", []);
      case 1:
        return this.#role === "publish"
          ? this.#command("publish", [`cam${chance.below(40)}`, "live"], null, 1)
          : this.#command("play", ["cam", -2], null, 1);
    }
    if (this.#role === "play") {
      return chance.is(0.5) ? this.#control() : this.#command(
        chance.of(["pause", "receiveAudio", "receiveVideo"]),
        [chance.is(0.5), 5],
        null,
        1,
      );
    }
    if (chance.is(0.1)) return this.#raw(18, this.#metadata(), 1);
    const isVideo = chance.is(0.6);
    return this.#raw(isVideo ? 9 : 8, chance.of(isVideo ? BODIES.video : BODIES.audio), 1);
  }

  #any(): Uint8Array {
    const chance = this.#chance;
    // Who shares the address of the healthy publishers might take them over, and is right to.
    switch (this.#role === "play" ? 1 + chance.below(6) : chance.below(7)) {
      case 0:
        return this.#command(
          chance.of(["createStream", "publish", "play", "connect"]),
          [`cam${chance.below(20)}`],
          null,
          chance.below(2),
        );
      case 1:
        return this.#command(
          chance.of(["deleteStream", "closeStream", "FCPublish", "releaseStream", "seek", "play2"]),
          [1],
          null,
          chance.below(2),
        );
      case 2:
        return this.#raw(
          chance.of([1, 2, 3, 5, 6]),
          chance.bytes(chance.of([0, 4, 4, 5, 8])),
          0,
        );
      case 3:
        return this.#raw(
          4,
          concat([Uint8Array.of(0, chance.below(34)), chance.bytes(chance.of([0, 4, 8]))]),
          0,
        );
      case 4:
        return this.#raw(
          chance.of([15, 16, 17, 19, 20, 22, 99]),
          chance.bytes(chance.below(60)),
          1,
        );
      case 5:
        return this.#raw(8, chance.of(BODIES.audio), 1);
      default:
        return this.#raw(9, chance.of(BODIES.video), 1);
    }
  }

  /** An acknowledgement, or a window of a size that may be. */
  #control(): Uint8Array {
    const chance = this.#chance;
    return this.#raw(chance.of([3, 5]), Uint8Array.of(0, 3, chance.below(256), 0), 0);
  }

  #metadata(): Uint8Array {
    const { body } = encodeCommandMessage({
      name: "@setDataFrame",
      transactionId: 0,
      object: null,
      args: [{
        width: 1,
        height: 2,
        audiocodecid: this.#chance.below(20),
        nested: { a: [1, "x"] },
      }],
    });
    return body;
  }

  #command(name: string, args: AmfValue[], object: AmfValue = null, streamId = 0): Uint8Array {
    const { type, body } = encodeCommandMessage({
      name,
      transactionId: this.#chance.below(9),
      object,
      args,
    });
    return this.#raw(type, body, streamId);
  }

  #raw(type: number, body: Uint8Array, streamId: number): Uint8Array {
    const chance = this.#chance;
    this.#timestampMs += chance.below(40);
    return this.#encoder.encode({
      type,
      payload: chance.is(this.#wrongness) ? mutated(body, chance) : body,
      streamId: chance.is(this.#wrongness / 4) ? chance.below(40) : streamId,
      chunkStreamId: chance.is(this.#wrongness / 4) ? 2 + chance.below(300) : 4,
      timestampMs: chance.is(this.#wrongness / 4) ? chance.below(2 ** 32) : this.#timestampMs,
    });
  }
}
