import { reasonOf } from "../log/mod.ts";
import type { BackChannelSink, BackChannelSource } from "../hub/mod.ts";
import type { Track } from "../media/mod.ts";
import { soundOf, withBothLaws } from "../wire/mod.ts";

/** What programs hear: what every talker can say. */
const PCMU: Track = {
  kind: "audio",
  id: 0,
  codec: "pcmu",
  config: undefined,
  sampleRate: 8000,
  channels: 1,
  rtp: { payloadType: 0, encodingName: "PCMU", clockRate: 8000, parameters: {} },
};

/** Has a program that publishes hear who talks to it, as frames of G.711 µ-law. */
export function programBackChannel(ear: WritableStream<Uint8Array>): BackChannelSource {
  return withBothLaws({ formats: [PCMU], open: () => Promise.try(() => sinkTo(ear)) });
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
