import { assert, assertEquals } from "@std/assert";
import { type Feed, Outbox } from "../../src/transport/outbox.ts";
import { settled, SlowPeer } from "./outbox_peer.ts";

const KIB = 1024;

async function isSettled(promise: Promise<void> | undefined): Promise<boolean> {
  let settled = false;
  promise?.then(() => settled = true);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return settled;
}

Deno.test("Outbox says when a peer that reads nothing is not to be listened to", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  outbox.send([new Uint8Array(100)]);
  let sent = 100;
  while (outbox.room() === undefined) {
    outbox.send([new Uint8Array(10 * KIB)]);
    sent += 10 * KIB;
    assert(sent <= 2048 * KIB, `${sent} bytes wait`);
  }
  const room = outbox.room();
  await peer.take(100);
  assertEquals(await isSettled(room), false);
  // Partial writes count as they are taken.
  await peer.take(50 * KIB);
  assertEquals(await isSettled(room), true);
  assertEquals(outbox.room(), undefined);
});

Deno.test("Outbox lets those go who wait for room when nothing will be written any more", async () => {
  const outbox = new Outbox(new SlowPeer());
  outbox.send([new Uint8Array(2048 * KIB)]);
  const room = outbox.room();
  assertEquals(await isSettled(room), false);
  outbox.end();
  assertEquals(await isSettled(room), true);
  assertEquals(outbox.room(), undefined);
});

/** A feed of messages, each of one letter some times: `next` gives all of them, as a cursor does. */
class LetterFeed implements Feed {
  /** How often `wait` was called. */
  waits = 0;
  /** What has not left yet; a message is as long as its letter goes. */
  #text: string;
  /** Characters of the message at hand that have left. */
  #sentOfFirst = 0;
  #onWake: (() => void) | undefined;

  constructor(...messages: readonly string[]) {
    this.#text = messages.join("");
  }

  get atBoundary(): boolean {
    return this.#sentOfFirst === 0;
  }

  next(onlyMessage = false): Uint8Array | undefined {
    if (this.#text === "" || (onlyMessage && this.atBoundary)) return undefined;
    return new TextEncoder().encode(onlyMessage ? this.#first : this.#text);
  }

  advance(count: number): void {
    for (let left = count; left > 0; left--) {
      const isLast = this.#first.length === 1;
      this.#sentOfFirst = isLast ? 0 : this.#sentOfFirst + 1;
      this.#text = this.#text.slice(1);
    }
  }

  wait(onWake: () => void): void {
    this.waits++;
    this.#onWake = onWake;
  }

  /** Has more to send. */
  add(...messages: readonly string[]): void {
    this.#text += messages.join("");
    this.#onWake?.();
  }

  /** The rest of the message at hand. */
  get #first(): string {
    return /^(.)\1*/.exec(this.#text)![0];
  }
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("Outbox puts an answer behind the message that is being written, not behind all that the feed has", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  outbox.add(new LetterFeed("aaaa", "bbbb", "cccc"));
  await peer.take(6);
  outbox.send([bytesOf("1")]);
  // The write that is under way was of all three.
  await peer.take(1);
  assertEquals(peer.writing, "b");
  assertEquals(await peer.takeAll(), "aaaabbbb1cccc");
});

Deno.test("Outbox goes on with an answer of which a part was written, before what comes later", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  outbox.send([bytesOf("12345")]);
  await peer.take(2);
  outbox.send([bytesOf("67"), bytesOf("89")]);
  outbox.add(new LetterFeed("aa"));
  assertEquals([peer.writing, outbox.waitingBytes], ["345", 7]);
  await peer.take(1);
  // What waits goes together.
  assertEquals(peer.writing, "456789");
  assertEquals(await peer.takeAll(), "123456789aa");
  assertEquals([outbox.waitingBytes, outbox.bytes], [0, 11]);
});

Deno.test("Outbox writes what a feed begins with together with the answer before it, as long as that is short", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const feed = new LetterFeed("aaaa", "bb");
  outbox.add(feed, [bytesOf("12"), bytesOf("3")]);
  assertEquals(peer.writing, "123aaaabb");
  await peer.take(5);
  assertEquals(await peer.takeAll(), "123aaaabb");
  const long = "c".repeat(1025);
  const behind = new LetterFeed(long);
  outbox.add(behind, [bytesOf("4")]);
  assertEquals([peer.writing, behind.atBoundary], ["4", true]);
  assertEquals(await peer.takeAll(), `123aaaabb4${long}`);
  outbox.mediaRoom = () => 0;
  outbox.add(new LetterFeed("d"), [bytesOf("5")]);
  assertEquals(await peer.takeAll(), `123aaaabb4${long}5`);
});

Deno.test("Outbox takes no more from a removed feed than the rest of its message", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const feed = new LetterFeed("aaaa", "bbbb", "cccc");
  outbox.add(feed);
  await peer.take(5);
  outbox.remove(feed);
  await peer.take(1);
  assertEquals(peer.writing, "bb");
  assertEquals(await peer.takeAll(), "aaaabbbb");
  feed.add("dddd");
  assertEquals(await peer.takeAll(), "aaaabbbb");
});

Deno.test("Outbox takes nothing of a removed feed that stands between two messages", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const feed = new LetterFeed("aa", "bb");
  outbox.add(feed);
  await peer.take(2);
  assertEquals(peer.writing, "bb");
  outbox.remove(feed);
  outbox.remove(feed);
  await peer.take(0);
  assertEquals(await peer.takeAll(), "aa");
});

Deno.test("Outbox lets feeds take turns, and finishes the message of one before the next has its own", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const first = new LetterFeed();
  const second = new LetterFeed();
  outbox.add(first);
  outbox.add(second);
  first.add("aaa");
  second.add("bbb");
  await peer.take(1);
  first.add("ccc");
  second.add("ddd");
  await peer.take(1);
  await peer.take(4);
  assertEquals(peer.text, "aaaccc");
  first.add("eee");
  assertEquals(await peer.takeAll(), "aaacccbbbdddeee");
});

Deno.test("Outbox takes turns also where each feed has more after each write", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const feeds = [new LetterFeed("a"), new LetterFeed("b"), new LetterFeed("c")];
  for (const feed of feeds) outbox.add(feed);
  for (let turn = 0; turn < 9; turn++) {
    const letter = peer.writing;
    // The other case makes it another message.
    const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
    feeds["abc".indexOf(letter.toLowerCase())]!.add(other);
    await peer.take();
  }
  assertEquals(peer.text, "abcABCabc");
});

Deno.test("Outbox writes no more media than there is room for, and waits for more room", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  let room = 3;
  outbox.mediaRoom = () => room - peer.text.length;
  const feed = new LetterFeed("aaaa", "bbbb");
  outbox.add(feed);
  assertEquals(peer.writing, "aaa");
  await peer.take();
  assertEquals([peer.writing, feed.waits], ["", 0]);
  room = 6;
  outbox.pump();
  assertEquals(peer.writing, "abb");
  await peer.take();
  room = 100;
  outbox.pump();
  assertEquals(await peer.takeAll(), "aaaabbbb");
  assertEquals(feed.waits, 1);
});

Deno.test("Outbox finishes a message that an answer waits behind, whatever the room", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  outbox.mediaRoom = () => 3 - peer.text.length;
  outbox.add(new LetterFeed("aaaa", "bbbb"));
  await peer.take();
  outbox.send([bytesOf("1")]);
  assertEquals(await peer.takeAll(), "aaaa1");
});

Deno.test("Outbox finishes a message that a removed feed is in, whatever the room", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  outbox.mediaRoom = () => 3 - peer.text.length;
  const feed = new LetterFeed("aaaa", "bbbb");
  outbox.add(feed);
  await peer.take();
  outbox.remove(feed);
  outbox.pump();
  assertEquals(await peer.takeAll(), "aaaa");
});

Deno.test("Outbox writes all that a feed has before it is finished, once, and then takes nothing of it", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const feed = new LetterFeed("aa", "bb");
  let room = 3;
  outbox.mediaRoom = () => room - peer.text.length;
  outbox.add(feed);
  let done = 0;
  outbox.finish(feed, () => done++);
  await peer.take();
  assertEquals([peer.text, done], ["aab", 0], "media that has no room is not all written");
  room = 100;
  outbox.pump();
  assertEquals([await peer.takeAll(), done], ["aabb", 1]);
  feed.add("cc");
  outbox.pump();
  outbox.send([bytesOf("1")]);
  assertEquals([await peer.takeAll(), done], ["aabb1", 1]);
});

Deno.test("Outbox forgets a feed that is removed while it is finished", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const feed = new LetterFeed("aa", "bb");
  outbox.add(feed);
  let done = 0;
  outbox.finish(feed, () => done++);
  outbox.remove(feed);
  await peer.takeAll();
  assertEquals(done, 0);
});

Deno.test("Outbox has drained when the answers are written and the feed is between two messages", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const feed = new LetterFeed("aaaa");
  outbox.add(feed);
  outbox.send([bytesOf("12")]);
  await peer.take(2);
  outbox.remove(feed);
  const drained = outbox.drained();
  await peer.take(2);
  assertEquals([peer.text, await isSettled(drained)], ["aaaa", false]);
  await peer.take(1);
  assertEquals(await isSettled(drained), false);
  await peer.take(1);
  assertEquals([peer.text, await isSettled(drained)], ["aaaa12", true]);
  outbox.end();
  assertEquals(await isSettled(outbox.drained()), true);
});

Deno.test("Outbox tells all who ask when it has drained, and each that asks later anew", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  outbox.send([bytesOf("12")]);
  const asked = [outbox.drained(), outbox.drained()];
  await peer.take(1);
  assertEquals(await Promise.all(asked.map(isSettled)), [false, false]);
  await peer.take(1);
  assertEquals(await Promise.all(asked.map(isSettled)), [true, true]);
  assertEquals(await isSettled(outbox.drained()), true);
  outbox.send([bytesOf("3")]);
  const later = outbox.drained();
  assertEquals(await isSettled(later), false);
  outbox.end();
  assertEquals(await isSettled(later), true);
});

Deno.test("Outbox says once that a write has failed, and writes nothing more", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const errors: unknown[] = [];
  outbox.onError = (error) => errors.push(error);
  outbox.send([bytesOf("1")]);
  outbox.add(new LetterFeed("aa"));
  await peer.fail("reset");
  outbox.send([bytesOf("2")]);
  outbox.add(new LetterFeed("bb"));
  outbox.pump();
  await settled();
  assertEquals([errors, peer.writing, outbox.waitingBytes], [["reset"], "", 0]);
});

Deno.test("Outbox says nothing of a write that fails when it was ended before", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const errors: unknown[] = [];
  outbox.onError = (error) => errors.push(error);
  outbox.send([bytesOf("1")]);
  outbox.end();
  await peer.fail("closed");
  assertEquals(errors, []);
});

Deno.test("Outbox goes on with nothing when a write ends after the outbox did", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  outbox.send([bytesOf("12")]);
  outbox.add(new LetterFeed("aa"));
  outbox.end();
  await peer.take(1);
  assertEquals([peer.writing, outbox.waitingBytes, outbox.bytes], ["", 0, 1]);
});

Deno.test("Outbox tells how long a write has made no progress, as far as it was asked", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  assertEquals(outbox.stalledMs(1000), 0);
  outbox.send([bytesOf("1234")]);
  assertEquals([outbox.stalledMs(2000), outbox.stalledMs(2500)], [0, 500]);
  // A part of it is progress.
  await peer.take(1);
  assertEquals([outbox.stalledMs(3000), outbox.stalledMs(4000)], [0, 1000]);
  await peer.takeAll();
  assertEquals(outbox.stalledMs(9000), 0);
});
