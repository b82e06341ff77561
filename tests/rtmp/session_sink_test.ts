import { assertEquals, assertRejects } from "@std/assert";
import type { RtmpMessage } from "../../src/rtmp/message.ts";
import { type RtmpSession, RtmpSessionSink } from "../../src/rtmp/session_sink.ts";

const message = (type: number): RtmpMessage => ({ kind: "ignored", type });

/** A session that answers each read, and says more once the events are handled and the bytes counted. */
function scripted(story: string[]): RtmpSession<number> {
  const output: Uint8Array[] = [];
  const say = (value: number): void => void output.push(Uint8Array.of(value));
  return {
    receive(messages, nowMs) {
      story.push(`receive ${messages.length} at ${nowMs}`);
      say(messages.length);
      return messages.map((_, index) => index);
    },
    noteBytesReceived(total) {
      story.push(`${total} bytes`);
      if (total >= 20) say(99);
    },
    takeOutput: () => output.splice(0),
  };
}

Deno.test("RtmpSessionSink sends a read's answers, then handles its events, then acknowledges", async () => {
  const story: string[] = [];
  let bytes = 0;
  let now = 100;
  const sink = new RtmpSessionSink(scripted(story), {
    now: () => now++,
    bytesReceived: () => bytes += 10,
    send: (output) => void story.push(`send ${output.map(([first]) => first)}`),
    handle: (events) => void story.push(`handle ${events}`),
  });
  await ReadableStream.from([[message(1), message(2)], []]).pipeTo(sink);
  assertEquals(story, [
    ...["receive 2 at 100", "send 2", "handle 0,1", "10 bytes"],
    ...["receive 0 at 101", "send 0", "handle ", "20 bytes", "send 99"],
  ]);
});

Deno.test("RtmpSessionSink holds its source back while its owner is not ready", async () => {
  const story: string[] = [];
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  let pulled = 0;
  const sink = new RtmpSessionSink(scripted(story), {
    now: () => 0,
    bytesReceived: () => 0,
    send() {},
    handle() {},
    ready() {
      entered.resolve();
      return gate.promise;
    },
  });
  const source = new ReadableStream<RtmpMessage[]>({
    pull(controller) {
      if (++pulled === 9) controller.close();
      else controller.enqueue([]);
    },
  }, { highWaterMark: 0 });
  const piped = source.pipeTo(sink);
  await entered.promise;
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  assertEquals(story.length, 2);
  assertEquals(pulled <= 2, true, `${pulled} reads`);
  gate.resolve();
  await piped;
  assertEquals(story.length, 16);
});

Deno.test("RtmpSessionSink drops what comes once the rest is to be ignored, and does not wait", async () => {
  const story: string[] = [];
  const sink = new RtmpSessionSink(scripted(story), {
    now: () => 0,
    bytesReceived: () => 0,
    send() {},
    handle: () => sink.ignoreRest(),
  });
  await ReadableStream.from([[], [message(1)], [message(2)]]).pipeTo(sink);
  assertEquals(story, ["receive 0 at 0", "0 bytes"]);
});

Deno.test("RtmpSessionSink passes a failure of its owner up the pipeline", async () => {
  const sink = new RtmpSessionSink(scripted([]), {
    now: () => 0,
    bytesReceived: () => 0,
    send() {},
    handle() {
      throw new RangeError("no");
    },
  });
  await assertRejects(() => ReadableStream.from([[message(1)]]).pipeTo(sink), RangeError, "no");
});
