import type { Clock, Hub, Stream, Timer } from "../hub/mod.ts";
import { unitBytes } from "../hub/mod.ts";
import type { Carrier, PullEnd, PullSink } from "./carrier.ts";
import type { Holder } from "./directory.ts";
import type { StreamMessage } from "./port_messages.ts";
import { StreamFeed } from "./stream_feed.ts";
import { PortListeners, PortTalkers, type TalkMessage } from "./port_talk.ts";
import { packUnits, unpackUnits } from "./unit_batch.ts";

/** Options of a {@linkcode PortCarrier}. */
export interface PortCarrierOptions {
  /** The streams of this member. */
  readonly hub: Hub;
  /** Time and timers. */
  readonly clock: Clock;
}

/** What a publisher has sent that was wanted as it came, and that has gone, is given to who asks so much later, milliseconds. */
const GONE_MS = 1000;

/** A publisher that has its name begins within so many milliseconds, or is looked for anew. */
const BEGIN_MS = 1000;

/** Tells what was taken in each time that so many bytes were. */
const TAKEN_BYTES = 256 * 1024;

/** One stream that is being fetched. */
interface Pulling {
  readonly sink: PullSink;
  readonly end: (reason: PullEnd) => void;
  /** Bytes that were taken in and not told of yet. */
  bytes: number;
  epochUnixUs: number | undefined;
}

/** Clocks of publishers drift: what they say of the time is told anew when it differs by so much, microseconds. */
const EPOCH_STEP_US = 1000;

/**
 * Brings streams from the other members of a process: each is reached by a message port, over which units come in
 * batches, one copy for each member that has readers.
 */
export class PortCarrier implements Carrier {
  readonly #options: PortCarrierOptions;
  readonly #links = new Map<string, PortLink>();
  /** Streams that are wanted here. */
  readonly #wanted = new Set<string>();
  readonly #unobserve: () => void;

  /** Reaches nobody yet. */
  constructor(options: PortCarrierOptions) {
    this.#options = options;
    const look = (stream: Stream): void => {
      for (const link of this.#links.values()) link.look(stream);
    };
    this.#unobserve = options.hub.observe({
      onStreamStart: (stream) => {
        look(stream);
        const { via, isFallback } = stream.publication ?? {};
        // Whoever wants it has it from where the publisher is.
        if (isFallback !== false || (via !== undefined && this.#links.has(via))) return;
        for (const link of this.#links.values()) link.keep(stream);
      },
      onStreamLeft: look,
      onStreamEnd: look,
    });
  }

  /** Reaches a member by a port from now on, instead of the one before; the port is its own. */
  connect(member: string, port: MessagePort): void {
    this.disconnect(member);
    const link = new PortLink(port, this.#options);
    this.#links.set(member, link);
    for (const name of this.#wanted) link.want(name, true);
  }

  /** The member is gone: what is fetched from it is lost. */
  disconnect(member: string): void {
    this.#links.get(member)?.close();
    this.#links.delete(member);
  }

  /** Has the other members keep a stream that is wanted here from its first unit on. */
  expect(name: string): () => void {
    const tell = (isWanted: boolean): void => {
      for (const link of this.#links.values()) link.want(name, isWanted);
    };
    this.#wanted.add(name);
    tell(true);
    return () => {
      this.#wanted.delete(name);
      tell(false);
    };
  }

  /** Fetches a stream from a member. */
  pull(
    holder: Holder,
    options: { readonly name: string; readonly signal: AbortSignal; readonly sink: PullSink },
  ): Promise<PullEnd> {
    const link = this.#links.get(holder.member);
    return link === undefined ? Promise.resolve("lost") : link.pull(options);
  }

  /** Lets go of all. */
  close(): void {
    this.#unobserve();
    for (const member of [...this.#links.keys()]) this.disconnect(member);
  }
}

/** The port to one member. */
class PortLink {
  readonly #port: MessagePort;
  readonly #options: PortCarrierOptions;
  readonly #pulling = new Map<number, Pulling>();
  readonly #feeds = new Map<number, { readonly name: string; readonly feed: StreamFeed }>();
  /** The streams that the other side wants, with what is kept of them until it asks. */
  readonly #wanted = new Map<string, StreamFeed | undefined>();
  /** The streams that it has asked for, whose publishers have their names and have not begun yet. */
  readonly #early = new Map<string, { readonly pull: number; readonly timer: Timer }>();
  readonly #talkers: PortTalkers;
  readonly #listeners: PortListeners;
  #next = 1;

  constructor(port: MessagePort, options: PortCarrierOptions) {
    this.#port = port;
    const send = (message: TalkMessage, transfer?: Transferable[]) => this.#send(message, transfer);
    this.#talkers = new PortTalkers(send);
    this.#listeners = new PortListeners(send);
    this.#options = options;
    port.onmessage = ({ data }: MessageEvent<StreamMessage>) => this.#receive(data);
  }

  async pull(
    { name, signal, sink }: {
      readonly name: string;
      readonly signal: AbortSignal;
      readonly sink: PullSink;
    },
  ): Promise<PullEnd> {
    if (signal.aborted) return "unwanted";
    const pull = this.#next++;
    const { promise, resolve: end } = Promise.withResolvers<PullEnd>();
    const stop = (): void => {
      this.#send({ type: "stop", pull });
      end("unwanted");
    };
    signal.addEventListener("abort", stop);
    this.#pulling.set(pull, { sink, end, bytes: 0, epochUnixUs: undefined });
    this.#send({ type: "pull", pull, name });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#pulling.delete(pull);
    }
  }

  /** A stream has another publisher, or none. */
  look({ name, publication, publisher }: Stream): void {
    const look = (feed: StreamFeed | undefined): void => {
      if (feed === undefined || feed.publication === publication) return;
      // One that hangs may go on; here a fallback is seen meanwhile, and others have their own.
      if (feed.publication !== publisher) feed.finish();
    };
    look(this.#wanted.get(name));
    for (const { name: served, feed } of this.#feeds.values()) if (served === name) look(feed);
  }

  /** A publisher has begun: what it sends is kept for the other side, where that waits for it. */
  keep(stream: Stream): void {
    const { name, publication } = stream;
    const early = this.#early.get(name);
    if (early !== undefined) {
      this.#forgetEarly(early.pull);
      return this.#serve(early.pull, name);
    }
    if (!this.#wanted.has(name)) return;
    for (const { feed } of this.#feeds.values()) if (feed.publication === publication) return;
    this.#wanted.get(name)?.stop();
    this.#wanted.set(name, new StreamFeed(stream, this.#options.clock));
  }

  /** Tells the other side that a stream is wanted here, or no longer. */
  want(name: string, isWanted: boolean): void {
    this.#send({ type: "want", name, isWanted });
  }

  close(): void {
    this.#port.onmessage = null;
    this.#port.close();
    for (const { end } of this.#pulling.values()) end("lost");
    for (const { feed } of this.#feeds.values()) feed.stop();
    for (const kept of this.#wanted.values()) kept?.stop();
    for (const { timer } of this.#early.values()) timer.cancel();
    this.#talkers.close();
    this.#listeners.close();
    this.#feeds.clear();
  }

  #send(message: StreamMessage, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  #receive(message: StreamMessage): void {
    if (message.type === "want") return this.#isWanted(message.name, message.isWanted);
    const { pull } = message;
    const pulling = this.#pulling.get(pull);
    switch (message.type) {
      case "pull":
        return this.#serve(pull, message.name);
      case "taken":
        return this.#feeds.get(pull)?.feed.taken(message.bytes);
      case "stop":
        this.#forgetEarly(pull);
        this.#feeds.get(pull)?.feed.stop();
        return void this.#feeds.delete(pull);
      case "start":
        return pulling && this.#start(message, pulling);
      case "epoch":
        return void (pulling && (pulling.epochUnixUs = message.unixUs));
      case "units":
        return pulling && this.#take(pull, { pulling, buffer: message.buffer });
      case "end":
        return pulling?.end(message.reason);
      case "talk":
      case "say":
      case "hush":
        return this.#listeners.receive(
          message,
          this.#feeds.get(pull)?.feed.publication.backChannel,
        );
      default:
        return this.#talkers.receive(message);
    }
  }

  #start(
    { pull, stream, earFormats }: Extract<StreamMessage, { type: "start" }>,
    pulling: Pulling,
  ): void {
    const isWanted = pulling.sink.start({
      ...stream,
      epochUnixUs: () => pulling.epochUnixUs,
      ...(earFormats === undefined ? {} : { backChannel: this.#talkers.source(pull, earFormats) }),
    });
    if (!isWanted) this.#giveUp(pull, pulling);
  }

  #take(
    pull: number,
    { pulling, buffer }: { readonly pulling: Pulling; readonly buffer: ArrayBuffer },
  ): void {
    const units = unpackUnits(buffer);
    if (!pulling.sink.take(units)) return this.#giveUp(pull, pulling);
    for (const unit of units) pulling.bytes += unitBytes(unit);
    if (pulling.bytes < TAKEN_BYTES) return;
    this.#send({ type: "taken", pull, bytes: pulling.bytes });
    pulling.bytes = 0;
  }

  #giveUp(pull: number, { end }: Pulling): void {
    this.#send({ type: "stop", pull });
    end("unwanted");
  }

  #isWanted(name: string, isWanted: boolean): void {
    if (isWanted && !this.#wanted.has(name)) this.#wanted.set(name, undefined);
    if (isWanted) return;
    this.#wanted.get(name)?.stop();
    this.#wanted.delete(name);
  }

  /** What is to be sent of a stream: what is kept since its publisher began, else what one who joins gets. */
  #feedOf(name: string, stream: Stream | undefined): StreamFeed | undefined {
    const kept = this.#wanted.get(name);
    if (kept !== undefined) {
      this.#wanted.set(name, undefined);
      if (kept.finishedMs < GONE_MS) return kept;
      kept.stop();
    }
    // A fallback is for the players here; the publisher may come any moment.
    if (stream?.publication?.isFallback !== false) return undefined;
    return new StreamFeed(stream, this.#options.clock);
  }

  #await(pull: number, name: string): void {
    const timer = this.#options.clock.setTimer(() => {
      this.#forgetEarly(pull);
      this.#send({ type: "end", pull, reason: "absent" });
    }, BEGIN_MS);
    this.#early.set(name, { pull, timer });
  }

  #forgetEarly(pull: number): void {
    for (const [name, early] of this.#early) {
      if (early.pull !== pull) continue;
      early.timer.cancel();
      this.#early.delete(name);
    }
  }

  #serve(pull: number, name: string): void {
    const stream = this.#options.hub.get(name);
    const feed = this.#feedOf(name, stream);
    if (feed === undefined) return this.#await(pull, name);
    const { publication } = feed;
    // Of one that has gone, this is all that there was: the next is no other than was asked for.
    const reason = publication === stream?.publication ? "ended" : "absent";
    const { tracks, longestKeyIntervalUs, backChannel } = publication;
    const earFormats = backChannel?.formats;
    this.#send({ type: "start", pull, stream: { tracks, longestKeyIntervalUs }, earFormats });
    let told: number | undefined;
    this.#feeds.set(pull, { name, feed });
    feed.start({
      send: (units) => {
        const unixUs = publication.epochUnixUs;
        if (unixUs !== told && !(Math.abs(unixUs! - told!) < EPOCH_STEP_US)) {
          this.#send({ type: "epoch", pull, unixUs });
          told = unixUs;
        }
        const buffer = packUnits(units);
        this.#send({ type: "units", pull, buffer }, [buffer]);
      },
      onEnd: () => {
        this.#feeds.delete(pull);
        this.#send({ type: "end", pull, reason });
      },
    });
  }
}
