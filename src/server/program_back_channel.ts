import { reasonOf } from "../log/mod.ts";
import type { BackChannelSink, BackChannelSource } from "../hub/mod.ts";
import { g711Track } from "../transmux/mod.ts";
import { soundOf, withBothLaws } from "../wire/early.ts";

/** Has a program that publishes hear who talks to it, as frames of G.711 µ-law, which every talker can send. */
export function programBackChannel(ear: WritableStream<Uint8Array>): BackChannelSource {
  return withBothLaws({ formats: [g711Track("pcmu")], open: () => Promise.try(() => sinkTo(ear)) });
}

function sinkTo(ear: WritableStream<Uint8Array>): BackChannelSink {
  const writer = ear.getWriter();
  const ended = Promise.withResolvers<string>();
  writer.closed.then(
    () => ended.resolve("The program hears no more"),
    (error) => ended.resolve(reasonOf(error)),
  );
  return {
    ended: ended.promise,
    write: async (unit) => {
      await writer.ready;
      await writer.write(soundOf(unit));
    },
    close: () => {
      ended.resolve("It was closed");
      writer.releaseLock();
    },
  };
}
