/** A player of HTTP-FLV that knows the bodies of the tests. */
import { fail } from "@std/assert";
import { FlvDecoder, type FlvTag, FlvTagType } from "../../../src/flv/mod.ts";
import { patiently } from "../../support/patience.ts";
import { numberOf } from "../../support/rtmp_client.ts";

/** Reads the tags of an answer's body, or of the messages of a WebSocket. */
export class FlvPlayer {
  readonly decoder = new FlvDecoder();
  readonly #next: () => Promise<Uint8Array | undefined>;
  readonly #tags: FlvTag[] = [];
  readonly #cancel: () => Promise<void>;

  private constructor(
    next: () => Promise<Uint8Array | undefined>,
    cancel: () => Promise<void>,
  ) {
    this.#next = next;
    this.#cancel = cancel;
  }

  /** Reads the body of an answer. */
  static ofAnswer(answer: Response): FlvPlayer {
    if (answer.status !== 200 || answer.body === null) fail(`an answer of ${answer.status}`);
    const reader = answer.body.getReader();
    return new FlvPlayer(async () => (await reader.read()).value, () => reader.cancel());
  }

  /** Opens a WebSocket. */
  static ofWebSocket(url: string): { readonly socket: WebSocket; readonly player: FlvPlayer } {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    const messages: (Uint8Array | undefined)[] = [];
    let wake = (): void => {};
    const add = (message: Uint8Array | undefined): void => {
      messages.push(message);
      wake();
    };
    socket.onmessage = ({ data }) => add(new Uint8Array(data));
    socket.onclose = () => add(undefined);
    const player = new FlvPlayer(async () => {
      while (messages.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return messages.shift();
    }, () => Promise.resolve(socket.close()));
    return { socket, player };
  }

  /** The next tag; `undefined` at the end. */
  async tag(): Promise<FlvTag | undefined> {
    while (this.#tags.length === 0) {
      const bytes = await patiently(this.#next());
      if (bytes === undefined) return undefined;
      this.#tags.push(...this.decoder.push(bytes));
    }
    return this.#tags.shift();
  }

  /** Numbers of the next pictures, up to and with `last`. */
  async frameNumbers(last: number): Promise<number[]> {
    const numbers: number[] = [];
    while (numbers.at(-1) !== last) {
      const tag = await this.tag();
      if (tag === undefined) fail(`the server ended after ${numbers.join(" ")}`);
      if (tag.type === FlvTagType.Video && tag.body[1] === 1) numbers.push(numberOf(tag.body));
    }
    return numbers;
  }

  /** All tags up to the end. */
  async rest(): Promise<FlvTag[]> {
    const tags: FlvTag[] = [];
    for (let tag = await this.tag(); tag !== undefined; tag = await this.tag()) tags.push(tag);
    return tags;
  }

  /** Leaves. */
  async leave(): Promise<void> {
    await this.#cancel();
  }
}
