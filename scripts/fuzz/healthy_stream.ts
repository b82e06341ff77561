/** Publishers and players that do all right, and notice when anything is missing. */
import { FlvDecoder } from "../../src/flv/mod.ts";
import { encodeControlMessage, UserControlEvent } from "../../src/rtmp/mod.ts";
import { BODIES, numberOf, RtmpClient } from "../../tests/support/rtmp_client.ts";
import { audioPacket, RtspPeer } from "../../tests/support/rtsp_peer.ts";

/** An honest client answers a ping. */
function pong({ encoder }: RtmpClient, value: number): Uint8Array {
  const { type, body: payload } = encodeControlMessage({
    kind: "user-control",
    event: UserControlEvent.PingResponse,
    value,
    bufferMs: 0,
  });
  return encoder.encode({ type, payload, streamId: 0, chunkStreamId: 2, timestampMs: 0 });
}

/** One frame each, milliseconds. */
const FRAME_MS = 20;

/** What the players of a stream have seen. */
export interface Health {
  /** Frames that came. */
  frames: number;
  /** Frames that were missing, and why nothing more came. */
  readonly faults: string[];
  /** From sending to receiving, milliseconds, the longest. */
  longestMs: number;
}

/** What a player speaks. */
type Protocol = "rtmp" | "rtsp" | "http";

/** A stream over RTMP and one over RTSP, each with a publisher and a player; the first has one by HTTP too. */
export class HealthyStreams {
  /** What is known so far, by protocol. */
  readonly health: { readonly rtmp: Health; readonly rtsp: Health; http?: Health } = {
    rtmp: { frames: 0, faults: [], longestMs: 0 },
    rtsp: { frames: 0, faults: [], longestMs: 0 },
  };
  #isOver = false;
  /** When frames were sent over RTMP. */
  readonly #sentAt = new Map<number, number>();
  readonly #running: Promise<unknown>[] = [];
  readonly #close: (() => void)[] = [];

  /** Starts both; resolves when their players play. Nobody plays by HTTP where that has no port. */
  static async start(
    ports: { readonly rtmp: number; readonly rtsp: number; readonly http?: number },
  ): Promise<HealthyStreams> {
    const streams = new HealthyStreams();
    await streams.#startRtmp(ports.rtmp);
    if (ports.http !== undefined) await streams.#startHttp(ports.http);
    await streams.#startRtsp(ports.rtsp);
    return streams;
  }

  /** Ends both. */
  async stop(): Promise<void> {
    this.#isOver = true;
    for (const close of this.#close) close();
    await Promise.allSettled(this.#running);
  }

  async #startRtmp(port: number): Promise<void> {
    const publisher = await RtmpClient.open(port, "healthy");
    await publisher.publish("cam");
    await publisher.media("audio", 0, BODIES.audioConfig);
    const player = await RtmpClient.open(port, "healthy");
    await player.play("cam");
    this.#close.push(() => publisher.close(), () => player.close());
    const sentAt = this.#sentAt;
    this.#keep(
      "rtmp",
      this.#each(
        (number) => publisher.media("audio", number * FRAME_MS, BODIES.audio(number)),
        sentAt,
      ),
    );
    this.#keep(
      "rtmp",
      this.#watch("rtmp", sentAt, async () => {
        for (;;) {
          const message = await player.message();
          if (message === undefined) return undefined;
          if (message.kind === "user-control" && message.event === UserControlEvent.PingRequest) {
            await player.send(pong(player, message.value));
          }
          if (message.kind === "audio" && message.body[1] === 1) return numberOf(message.body);
        }
      }),
    );
  }

  /** Plays what is published over RTMP. */
  async #startHttp(port: number): Promise<void> {
    const { body } = await fetch(`http://127.0.0.1:${port}/healthy/cam.flv`);
    const reader = body!.getReader();
    this.#close.push(() => void reader.cancel().catch(() => {}));
    const decoder = new FlvDecoder();
    const numbers: number[] = [];
    this.health.http = { frames: 0, faults: [], longestMs: 0 };
    this.#keep(
      "http",
      this.#watch("http", this.#sentAt, async () => {
        for (;;) {
          const number = numbers.shift();
          if (number !== undefined) return number;
          const { value } = await reader.read();
          if (value === undefined) return undefined;
          for (const { type, body } of decoder.push(value)) {
            if (type === 8 && body[1] === 1) numbers.push(numberOf(body));
          }
        }
      }),
    );
  }

  async #startRtsp(port: number): Promise<void> {
    const url = `rtsp://127.0.0.1:${port}/healthy/door`;
    const publisher = new RtspPeer(await Deno.connect({ hostname: "127.0.0.1", port }), { url });
    await publisher.record();
    const player = new RtspPeer(await Deno.connect({ hostname: "127.0.0.1", port }), { url });
    const setUp = await player.request("SETUP", {
      url: `${url}/trackID=0`,
      headers: { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" },
    });
    const headers = { Session: setUp.headers.get("Session")!.split(";")[0]! };
    await player.request("PLAY", { headers });
    this.#close.push(() => publisher.close(), () => player.close());
    const sentAt = new Map<number, number>();
    this.#keep("rtsp", this.#each((number) => publisher.frame(0, audioPacket(number)), sentAt));
    let base: number | undefined;
    this.#keep(
      "rtsp",
      this.#watch("rtsp", sentAt, async () => {
        for (;;) {
          const { channel, payload } = await player.nextFrame();
          if (channel !== 0) continue;
          // The number of 8 bits stands in each byte of the payload.
          base ??= 0;
          while ((base & 0xff) !== payload[12]) base++;
          return base;
        }
      }),
    );
  }

  #keep(protocol: Protocol, running: Promise<void>): void {
    this.#running.push(running.catch((error) => {
      if (!this.#isOver) this.health[protocol]?.faults.push(String(error));
    }));
  }

  async #each(
    send: (number: number) => Promise<unknown>,
    sentAt: Map<number, number>,
  ): Promise<void> {
    const startMs = performance.now();
    for (let number = 0; !this.#isOver; number++) {
      sentAt.set(number, performance.now());
      sentAt.delete(number - 1000);
      await send(number);
      const waitMs = startMs + (number + 1) * FRAME_MS - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  async #watch(
    protocol: Protocol,
    sentAt: ReadonlyMap<number, number>,
    receive: () => Promise<number | undefined>,
  ): Promise<void> {
    const health = this.health[protocol]!;
    let last: number | undefined;
    while (!this.#isOver) {
      const number = await receive();
      if (number === undefined) throw new Error("the server has closed");
      if (last !== undefined && number !== last + 1) {
        health.faults.push(`${number} came after ${last}`);
      }
      last = number;
      health.frames++;
      const sent = sentAt.get(number);
      if (sent !== undefined) {
        health.longestMs = Math.max(health.longestMs, performance.now() - sent);
      }
    }
  }
}
