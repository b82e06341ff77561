import { assertEquals } from "@std/assert";
import { Hub, type WireFormat } from "../../../src/hub/mod.ts";
import { RtspUdpPlayer } from "../../../src/doors/rtsp/rtsp_player.ts";
import { until } from "../../support/test_server.ts";
import { TurnedClock } from "../../support/turned_clock.ts";

/** Each unit is a hundred packets of one byte, all with the unit's number. */
function format(): WireFormat {
  let number = 0;
  return {
    preamble: () => new Uint8Array(0),
    encode(_, log) {
      for (let index = 0; index < 100; index++) {
        const { bytes, offset } = log.reserve(5);
        bytes.set([0x24, 0, 0, 1, number], offset);
      }
      number++;
    },
  };
}

Deno.test("a player over UDP that pauses and plays on gets nothing of what was before the pause (R083)", async () => {
  const clock = new TurnedClock();
  const hub = new Hub({ clock, flush: "unit" });
  const publication = hub.acquire("live/cam", { identity: "me" });
  const stream = hub.get("live/cam")!;
  const { cursor } = stream.read({ format: "test", create: format });
  const write = (dtsUs: number): void => {
    publication.write({
      kind: "audio",
      role: "media",
      track: 0,
      dtsUs,
      ptsUs: dtsUs,
      keyFrame: true,
      discardable: false,
      payload: { format: "rtp", packets: [] },
    });
    publication.commit();
  };
  const sent: number[] = [];
  const player = new RtspUdpPlayer(cursor, {
    sockets: {
      sendRun: (packets) => Promise.resolve(packets.forEach(([first]) => sent.push(first!))),
    },
    clock,
    address: "192.0.2.1",
    ports: new Map([[0, [5000, 5001]]]),
  });
  player.start();
  write(0);
  // What is behind the first packet waits a moment, and then a burst of them has gone; the rest waits for its pause.
  await clock.turnSlowly(5);
  assertEquals([...new Set(sent)], [0]);
  assertEquals([sent.length < 100, clock.pending], [true, 1]);
  player.pause();
  write(20_000);
  sent.length = 0;
  player.start();
  await until(() => {
    clock.turn(1);
    return sent.length === 100;
  });
  assertEquals([...new Set(sent)], [1]);
  publication.release();
});
