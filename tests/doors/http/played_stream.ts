/** A server without a port, on which a stream is published unit by unit. */
import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { Server, type ServerOptions } from "../../../mod.ts";
import type { CodecName, MediaUnit, Track } from "../../../src/media/mod.ts";
import { until } from "../../support/test_server.ts";
import { flvBodies, load, unitsOfFlv } from "../../transmux/support.ts";

/** The units of an RTMP publisher of these codecs, in the order in which it sends them. */
export function unitsOf(codecs: readonly CodecName[], { startUs = 0 } = {}): MediaUnit[] {
  const bodies = codecs.flatMap((codec) => flvBodies(load(codec)));
  return unitsOfFlv(bodies.sort((a, b) => a.dtsUs - b.dtsUs)).map((unit) => ({
    ...unit,
    dtsUs: unit.dtsUs + startUs,
    ptsUs: unit.ptsUs + startUs,
  }));
}

/** A publisher whose units a test decides on. */
export class TestPublisher {
  readonly #controller: ReadableStreamDefaultController<MediaUnit>;
  readonly done: Promise<void>;

  constructor(server: Server, name: string, options: { readonly tracks?: readonly Track[] } = {}) {
    let controller!: ReadableStreamDefaultController<MediaUnit>;
    const units = new ReadableStream<MediaUnit>({ start: (given) => void (controller = given) });
    this.#controller = controller;
    this.done = server.publish(name, units, options);
  }

  send(units: readonly MediaUnit[]): void {
    for (const unit of units) this.#controller.enqueue(unit);
  }

  async end(): Promise<void> {
    this.#controller.close();
    await this.done;
  }
}

/** A server without ports. */
export class Portless implements AsyncDisposable {
  readonly server: Server;

  constructor(options: ServerOptions = {}) {
    this.server = new Server({ hub: { lingerMs: 0 }, timing: { describeWaitMs: 200 }, ...options });
  }

  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return this.server.fetch(new Request(`http://weir.test${path}`, init), {
      remoteAddr: { hostname: "192.0.2.7" },
    });
  }

  /** Plays `path` while `units` are published, ends the stream when it has them all, and returns what was played. */
  async play(path: string, units: readonly MediaUnit[]): Promise<Uint8Array> {
    const publisher = new TestPublisher(this.server, "live/cam");
    const asked = this.ask(path);
    const third = Math.floor(units.length / 3);
    publisher.send(units.slice(0, third));
    const response = await asked;
    assertEquals(response.status, 200);
    const body = Array.fromAsync(response.body!);
    publisher.send(units.slice(third));
    await this.caughtUp(units);
    await publisher.end();
    return concat(await body);
  }

  /** Resolves when all of `units` were published, and all readers have what was made of them. */
  async caughtUp(...units: readonly (readonly MediaUnit[])[]): Promise<void> {
    const total = units.flat().length;
    await until(() => {
      const { publisher, readers = [] } = this.server.stream("live/cam").statistics ?? {};
      return publisher?.units === total && readers.length > 0 &&
        readers.every(({ bytes, lagBytes }) => bytes > 0 && lagBytes === 0);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }
}
