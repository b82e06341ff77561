/** What a client publishes, as its connection's outbox writes it. */
import { assert, assertEquals } from "@std/assert";
import { MessageFeed } from "../../src/client/message_feed.ts";
import { Outbox } from "../../src/transport/mod.ts";
import { settled, SlowPeer } from "../transport/outbox_peer.ts";

const KIB = 1024;

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function writer(): { peer: SlowPeer; outbox: Outbox; feed: MessageFeed } {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  const feed = new MessageFeed();
  outbox.add(feed);
  return { peer, outbox, feed };
}

async function isSettled(promise: Promise<void> | undefined): Promise<boolean> {
  let isSettled = false;
  promise?.then(() => isSettled = true);
  await settled();
  return isSettled;
}

Deno.test("MessageFeed gives messages in the order in which they came, small ones together", async () => {
  const { peer, outbox, feed } = writer();
  for (const message of ["aaa", "bb", "c", "dddd"]) feed.push(bytesOf(message));
  assertEquals(peer.writing, "aaa", "the first is written at once");
  await peer.take(2);
  assertEquals(peer.writing, "abbcdddd", "what came meanwhile goes with its rest");
  await peer.take(3);
  assertEquals(await peer.takeAll(), "aaabbcdddd");
  assertEquals(await isSettled(outbox.drained()), true);
  feed.push(bytesOf("e"));
  assertEquals(await peer.takeAll(), "aaabbcdddde");
});

Deno.test("MessageFeed writes no more together than 64 KiB and the message that fills them", async () => {
  const { peer, feed } = writer();
  feed.push(bytesOf("a"));
  for (let count = 0; count < 9; count++) feed.push(new Uint8Array(10 * KIB));
  await peer.take();
  assertEquals(peer.writing.length, 70 * KIB);
  await peer.take();
  assertEquals(peer.writing.length, 20 * KIB);
});

Deno.test("what the session says overtakes messages that wait, and goes into none of them, wherever a write is cut", async () => {
  const messages = ["aaa", "b", "cccc", "dd"];
  for (let cut = 0; cut <= 9; cut++) {
    const { peer, outbox, feed } = writer();
    feed.push(bytesOf("x"));
    for (const message of messages) feed.push(bytesOf(message));
    await peer.take();
    outbox.send([bytesOf("1")]);
    await peer.take(cut);
    // The message that was begun is the last before it; at a boundary there is none.
    let begun = 0;
    let at = 0;
    while (at < cut) at += messages[begun++]!.length;
    const expected = `x${messages.slice(0, begun).join("")}1${messages.slice(begun).join("")}`;
    assertEquals(await peer.takeAll(), expected, `cut at ${cut}`);
  }
});

Deno.test("MessageFeed gives the rest of the message under way where no more is wanted, and nothing between two", () => {
  const feed = new MessageFeed();
  feed.push(bytesOf("aaa"));
  feed.push(bytesOf("bb"));
  const rest = (): string | undefined => {
    const bytes = feed.next(true);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  assertEquals([rest(), feed.atBoundary], [undefined, true]);
  feed.advance(1);
  assertEquals([rest(), feed.atBoundary], ["aa", false]);
  feed.advance(2);
  assertEquals([rest(), feed.atBoundary], [undefined, true]);
  feed.advance(1);
  assertEquals([rest(), feed.atBoundary], ["b", false]);
});

Deno.test("MessageFeed holds all back who publish while over 512 KiB wait, and lets them go as they leave", async () => {
  const { peer, feed } = writer();
  assertEquals(feed.push(new Uint8Array(512 * KIB)), undefined);
  const held = [feed.push(new Uint8Array(1)), feed.push(new Uint8Array(1))];
  assertEquals(await Promise.all(held.map(isSettled)), [false, false]);
  await peer.take(1);
  assertEquals(await Promise.all(held.map(isSettled)), [false, false]);
  await peer.take(1);
  assertEquals(await Promise.all(held.map(isSettled)), [true, true]);
  assert(feed.push(new Uint8Array(1)) !== undefined);
});

Deno.test("MessageFeed lets go who waits for room when it ends, and holds nobody back then", async () => {
  const { peer, outbox, feed } = writer();
  const held = feed.push(new Uint8Array(600 * KIB));
  assertEquals(await isSettled(held), false);
  outbox.end();
  feed.end();
  assertEquals(await isSettled(held), true);
  await peer.take(1000);
  assertEquals(feed.push(new Uint8Array(600 * KIB)), undefined);
  assertEquals([feed.next(), peer.writing, outbox.bytes], [undefined, "", 1000]);
});

Deno.test("MessageFeed has the message sent whole that fills the room, and holds the next, but never nothing", async () => {
  const { peer, outbox, feed } = writer();
  let most = 5;
  outbox.mediaRoom = () => feed.wholeRoom(() => most - peer.text.length);
  feed.push(bytesOf("aaa"));
  for (const message of ["bbb", "ccc"]) feed.push(bytesOf(message));
  await peer.take();
  assertEquals(peer.writing, "bbb");
  const drained = outbox.drained();
  await peer.take(2);
  assertEquals(peer.writing, "b", "what was begun is finished");
  await peer.take();
  assertEquals([peer.writing, await isSettled(drained)], ["", false]);
  outbox.send([bytesOf("1")]);
  assertEquals(await peer.takeAll(), "aaabbb1", "the session is not held");
  most = 10;
  outbox.pump();
  assertEquals(await peer.takeAll(), "aaabbb1ccc");
  assertEquals([most - peer.text.length, await isSettled(drained)], [0, true]);
});
