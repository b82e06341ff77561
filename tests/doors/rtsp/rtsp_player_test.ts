import { assertEquals } from "@std/assert";
import { Hub, type WireFormat } from "../../../src/hub/mod.ts";
import { RtspUdpPlayer } from "../../../src/doors/rtsp/rtsp_player.ts";

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
  const timers: (() => void)[] = [];
  const clock = {
    now: () => 0,
    setTimer: (callback: () => void) => {
      timers.push(callback);
      return { cancel: () => {} };
    },
  };
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
    sockets: { send: (packet) => Promise.resolve(void sent.push(packet[0]!)) },
    clock,
    address: "192.0.2.1",
    ports: new Map([[0, [5000, 5001]]]),
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  player.start();
  write(0);
  await settle();
  // A burst of them has gone; the rest waits for its pause.
  assertEquals(sent.splice(0), new Array(32).fill(0));
  player.pause();
  write(20_000);
  player.start();
  while (timers.length > 0) {
    timers.shift()!();
    await settle();
  }
  assertEquals([...new Set(sent)], [1]);
  assertEquals(sent.length, 100);
  publication.release();
});
