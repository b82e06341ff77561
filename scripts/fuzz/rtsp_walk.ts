/** A walk through the states of an RTSP session, in which each step may be wrong. */
import { concat } from "@std/bytes/concat";
import { encodeInterleavedFrame } from "../../src/rtsp/mod.ts";
import { type Chance, mutated, mutatedText, WRONGNESS } from "./mutation.ts";
import type { Step } from "./rtmp_walk.ts";

const SDP = [
  "v=0",
  "o=- 0 0 IN IP4 127.0.0.1",
  "s=x",
  "t=0 0",
  "m=video 0 RTP/AVP 96",
  "a=rtpmap:96 H264/90000",
  "a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAHtkCgL/lwEQAAAMABAAAAwDyPFi5IA==,aMuDyw==",
  "a=control:streamid=0",
  "m=audio 0 RTP/AVP 97",
  "a=rtpmap:97 MPEG4-GENERIC/44100/2",
  "a=fmtp:97 mode=AAC-hbr; config=1210; sizelength=13; indexlength=3; indexdeltalength=3",
  "a=control:streamid=1",
  "",
].join("\r\n");

const TRANSPORTS = [
  "RTP/AVP/TCP;unicast;interleaved=0-1",
  "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record",
  "RTP/AVP;unicast;client_port=20000-20001",
  "RTP/AVP;unicast;client_port=20000-20001;mode=record",
  "RTP/AVP;multicast",
];

const TUNNEL =
  "GET /fuzz/cam HTTP/1.0\r\nx-sessioncookie: 9RqQe2\r\nAccept: application/x-rtsp-tunnelled\r\n\r\n";

/** One connection: what it sends first, and then step by step. */
export class RtspWalk {
  readonly #chance: Chance;
  readonly #base: string;
  readonly #wrongness: number;
  readonly #role: "play" | "record";
  readonly #plan: (() => Uint8Array)[];
  #cseq = 0;
  /** The session that the server has named last. */
  session = "";

  /** Takes its chance from `chance`; `port` is the server's. */
  constructor(chance: Chance, port: number) {
    this.#chance = chance;
    this.#wrongness = chance.of(WRONGNESS);
    this.#role = chance.is(0.5) ? "play" : "record";
    this.#plan = this.#planned();
    this.#base = `rtsp://127.0.0.1:${port}/${
      this.#role === "play" ? "healthy/door" : `fuzz/cam${chance.below(20)}`
    }`;
  }

  /** The first request. */
  start(): Step {
    const chance = this.#chance;
    if (chance.is(0.03)) return { bytes: mutatedText(TUNNEL, chance), inputs: 1 };
    return { bytes: this.#request("OPTIONS"), inputs: 1, isAnswered: true };
  }

  /** Some requests and packets, most of them wrong in some way. */
  next(): Step {
    if (this.#plan.length > 0) return { bytes: this.#message(), inputs: 1, isAnswered: true };
    const count = 1 + this.#chance.below(5);
    return { bytes: concat(Array.from({ length: count }, () => this.#message())), inputs: count };
  }

  /** What an honest client would send next; now and then anything. */
  #message(): Uint8Array {
    const chance = this.#chance;
    if (chance.is(this.#wrongness)) return this.#any();
    const next = this.#plan.shift();
    if (next !== undefined) return next();
    if (this.session === "") return this.#request("OPTIONS");
    // Only publishers may send media, and players reports.
    if (this.#role === "play") return this.#request("GET_PARAMETER");
    const frame = encodeInterleavedFrame(chance.below(4), this.packet());
    return chance.is(this.#wrongness / 4) ? mutated(frame, chance) : frame;
  }

  #planned(): (() => Uint8Array)[] {
    const { chance, record, play } = {
      chance: this.#chance,
      record: { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record" },
      play: { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" },
    };
    if (this.#role === "record") {
      return [
        () => this.#request("ANNOUNCE", { "Content-Type": "application/sdp" }, SDP),
        () => this.#request("SETUP", record, "", "/streamid=0"),
        () =>
          this.#request(
            "SETUP",
            { Transport: record.Transport.replace("0-1", "2-3") },
            "",
            "/streamid=1",
          ),
        () => this.#request("RECORD"),
      ];
    }
    const udp = { Transport: "RTP/AVP;unicast;client_port=20000-20001" };
    return [
      () => this.#request("DESCRIBE", { Accept: "application/sdp" }),
      () => this.#request("SETUP", chance.is(0.3) ? udp : play, "", "/trackID=0"),
      () => this.#request("PLAY", { Range: "npt=0-" }),
    ];
  }

  #any(): Uint8Array {
    const chance = this.#chance;
    // Who shares the address of the healthy publishers might take them over, and is right to.
    switch (this.#role === "play" ? 1 + chance.below(6) : chance.below(7)) {
      case 0:
        return this.#request("ANNOUNCE", { "Content-Type": "application/sdp" }, SDP);
      case 1:
      case 2:
        return this.#request(
          "SETUP",
          { Transport: chance.of(TRANSPORTS) },
          "",
          `/streamid=${chance.below(3)}`,
        );
      case 3:
        return this.#request(chance.of(["PLAY", "RECORD", "PAUSE"]), { Range: "npt=0-" });
      case 4:
        return this.#request("DESCRIBE", { Accept: "application/sdp" });
      case 5:
        return this.#request(
          chance.of(["GET_PARAMETER", "SET_PARAMETER", "TEARDOWN", "OPTIONS", "REDIRECT"]),
        );
      default:
        return encodeInterleavedFrame(chance.below(256), this.packet());
    }
  }

  /** A packet of RTP or RTCP, often wrong. */
  packet(): Uint8Array {
    const chance = this.#chance;
    const head = chance.is(0.2)
      ? Uint8Array.of(0x80, chance.of([200, 201, 202, 203, 205, 206]), 0, 6, 1, 2, 3, 4)
      : Uint8Array.of(
        0x80,
        chance.of([96, 97, 224]),
        0,
        chance.below(256),
        0,
        0,
        chance.below(256),
        0,
        1,
        2,
        3,
        4,
      );
    const nal = chance.of([[0x65], [0x41], [0x7c, 0x85], [0x7c, 0x05], [0x78, 0, 2, 1, 2], [
      0,
      16,
      0,
      32,
    ]]);
    const packet = concat([head, Uint8Array.from(nal), chance.bytes(chance.below(60))]);
    return chance.is(0.3) ? mutated(packet, chance) : packet;
  }

  #request(method: string, headers: Record<string, string> = {}, body = "", path = ""): Uint8Array {
    const chance = this.#chance;
    const lines = [`${method} ${this.#base}${path} RTSP/1.0`, `CSeq: ${++this.#cseq}`];
    if (this.session !== "" && !chance.is(this.#wrongness)) lines.push(`Session: ${this.session}`);
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    if (chance.is(0.05)) {
      lines.push(
        `Authorization: ${
          chance.of(["Basic YTpi", "Bearer x", 'Digest username="a", realm="weir"'])
        }`,
      );
    }
    if (body !== "") lines.push(`Content-Length: ${body.length}`);
    const text = `${lines.join("\r\n")}\r\n\r\n${body}`;
    return chance.is(this.#wrongness) ? mutatedText(text, chance) : new TextEncoder().encode(text);
  }
}
