import { reasonOf } from "../log/mod.ts";
import {
  type BackChannel,
  type BackChannelSink,
  type BackChannelSource,
  HubError,
  type HubErrorCode,
  type Talk,
} from "../hub/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import { packUnits, unpackUnits } from "./unit_batch.ts";

/** The messages by which one member has somebody talk to a publisher of another; `talk` is a number of the talker's side. */
export type TalkMessage =
  /** Somebody wants to talk to the publisher of a stream that is fetched. */
  | { readonly type: "talk"; readonly pull: number; readonly talk: number }
  /** The publisher hears. */
  | { readonly type: "heard"; readonly pull: number; readonly talk: number }
  /** Nothing more is heard, or nothing was. */
  | {
    readonly type: "unheard";
    readonly pull: number;
    readonly talk: number;
    readonly code: HubErrorCode | undefined;
    readonly why: string;
  }
  /** A unit of sound, packed. */
  | {
    readonly type: "say";
    readonly pull: number;
    readonly talk: number;
    readonly buffer: ArrayBuffer;
  }
  /** There is room for the next. */
  | { readonly type: "said"; readonly pull: number; readonly talk: number }
  /** The talker has nothing more to say. */
  | { readonly type: "hush"; readonly pull: number; readonly talk: number };

/** Sends a message to the other side. */
export type SendTalk = (message: TalkMessage, transfer?: Transferable[]) => void;

/** A talk of this side, as its talker has it. */
interface OpenTalk {
  readonly opened: PromiseWithResolvers<void>;
  readonly ended: PromiseWithResolvers<string>;
  readonly room: (() => void)[];
}

/** What the talkers of one side say to publishers of the other. */
export class PortTalkers {
  readonly #send: SendTalk;
  readonly #talks = new Map<number, OpenTalk>();
  #next = 1;

  /** Nobody talks yet. */
  constructor(send: SendTalk) {
    this.#send = send;
  }

  /** How the publisher of what is fetched can be talked to, which takes these forms of sound. */
  source(pull: number, formats: readonly Track[]): BackChannelSource {
    return { formats, open: () => this.#open(pull) };
  }

  /** Takes what the other side says of a talk. */
  receive(message: TalkMessage): void {
    const { talk } = message;
    const open = this.#talks.get(talk);
    if (open === undefined) return;
    if (message.type === "heard") open.opened.resolve();
    else if (message.type === "said") open.room.shift()?.();
    else if (message.type === "unheard") this.#over(talk, message);
  }

  /** The other side has gone. */
  close(): void {
    for (const talk of [...this.#talks.keys()]) {
      this.#over(talk, { code: "closed", why: "The way to the publisher is lost" });
    }
  }

  async #open(pull: number): Promise<BackChannelSink> {
    const talk = this.#next++;
    const open: OpenTalk = {
      opened: Promise.withResolvers(),
      ended: Promise.withResolvers(),
      room: [],
    };
    this.#talks.set(talk, open);
    this.#send({ type: "talk", pull, talk });
    await open.opened.promise;
    return {
      ended: open.ended.promise,
      write: (unit) => this.#say(unit, { pull, talk }),
      close: () => {
        if (!this.#talks.has(talk)) return;
        this.#send({ type: "hush", pull, talk });
        this.#over(talk, { code: undefined, why: "It was closed" });
      },
    };
  }

  async #say(
    unit: MediaUnit,
    { pull, talk }: { readonly pull: number; readonly talk: number },
  ): Promise<void> {
    const open = this.#talks.get(talk);
    if (open === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    open.room.push(resolve);
    const buffer = packUnits([unit]);
    this.#send({ type: "say", pull, talk, buffer }, [buffer]);
    await promise;
  }

  #over(
    talk: number,
    { code, why }: { readonly code: HubErrorCode | undefined; readonly why: string },
  ): void {
    const open = this.#talks.get(talk);
    if (open === undefined) return;
    this.#talks.delete(talk);
    open.opened.reject(code === undefined ? new Error(why) : new HubError(code, why));
    open.ended.resolve(why);
    for (const resolve of open.room) resolve();
  }
}

/** What talkers of the other side say to publishers of this one. */
export class PortListeners {
  readonly #send: SendTalk;
  readonly #talks = new Map<number, Talk | undefined>();

  /** Nobody talks yet. */
  constructor(send: SendTalk) {
    this.#send = send;
  }

  /** Takes what the other side says; `ear` is that of the publisher of what is fetched. */
  receive(message: TalkMessage, ear: BackChannel | undefined): void {
    const { talk } = message;
    if (message.type === "talk") void this.#open(message, ear);
    else if (message.type === "say") void this.#say(message);
    else if (message.type === "hush") {
      this.#talks.get(talk)?.close();
      this.#talks.delete(talk);
    }
  }

  /** The other side has gone, and says nothing more. */
  close(): void {
    for (const talk of this.#talks.values()) talk?.close();
    this.#talks.clear();
  }

  async #open(
    { pull, talk }: Extract<TalkMessage, { type: "talk" }>,
    ear: BackChannel | undefined,
  ): Promise<void> {
    const unheard = (code: HubErrorCode | undefined, why: string): void => {
      if (this.#talks.delete(talk)) this.#send({ type: "unheard", pull, talk, code, why });
    };
    this.#talks.set(talk, undefined);
    try {
      if (ear === undefined) throw new HubError("closed", "The publisher has gone");
      const opened = await ear.take({ onEnded: (why) => unheard("closed", why) });
      // Who wanted to talk may have gone meanwhile.
      if (!this.#talks.has(talk)) return opened.close();
      this.#talks.set(talk, opened);
      this.#send({ type: "heard", pull, talk });
    } catch (error) {
      const code = error instanceof HubError ? error.code : undefined;
      unheard(code, reasonOf(error));
    }
  }

  async #say({ pull, talk, buffer }: Extract<TalkMessage, { type: "say" }>): Promise<void> {
    const [unit] = unpackUnits(buffer);
    await this.#talks.get(talk)?.write(unit!);
    this.#send({ type: "said", pull, talk });
  }
}
