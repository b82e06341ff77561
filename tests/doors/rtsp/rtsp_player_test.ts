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

/** Each unit is a report of two tracks, two packets of the first, and one of the second. */
const REPORTED: WireFormat = {
  preamble: () => new Uint8Array(0),
  encode(_, log) {
    for (const channel of [1, 3, 0, 0, 2]) {
      const { bytes, offset } = log.reserve(5);
      bytes.set([0x24, channel, 0, 1, channel], offset);
    }
  },
};

/** A stream whose units are given by `write`, and a player of two tracks; what it is given to send is noted. */
function reportedPlayer(options: { readonly getsAllReports?: boolean } = {}) {
  const clock = new TurnedClock();
  const hub = new Hub({ clock, flush: "unit" });
  const publication = hub.acquire("live/cam", { identity: "me" });
  const { cursor } = hub.get("live/cam")!.read({ format: "test", create: () => REPORTED });
  const runs: { ports: number[]; leave: () => void }[] = [];
  const player = new RtspUdpPlayer(cursor, {
    sockets: {
      sendRun(packets, { peer }) {
        const { promise, resolve } = Promise.withResolvers<void>();
        runs.push({ ports: packets.map(() => peer.port), leave: resolve });
        return promise;
      },
    },
    ...{ clock, address: "192.0.2.1", ...options },
    ports: new Map([[0, [5000, 5001]], [1, [5002, 5003]]]),
  });
  player.start();
  /** Writes a unit in 0.3 s. */
  const write = async (): Promise<void> => {
    await clock.turnSlowly(300);
    const timeUs = clock.now() * 1000;
    publication.write({
      ...{ kind: "audio", role: "media", track: 0, dtsUs: timeUs, ptsUs: timeUs },
      ...{ keyFrame: true, discardable: false, payload: { format: "rtp", packets: [] } },
    });
    publication.commit();
    await clock.turnSlowly(0);
  };
  /** Has all leave that was given to send, and what comes then; returns the ports to which it goes. */
  const leave = async (): Promise<number[]> => {
    const ports: number[] = [];
    for (let next; (next = runs.shift()) !== undefined; await clock.turnSlowly(5)) {
      ports.push(...next.ports);
      next.leave();
    }
    return ports;
  };
  return { write, leave, runs, publication, clock };
}

Deno.test("a player over UDP gets reports often until it is in sync, and then each 2 s of all tracks (R091)", async () => {
  for (const getsAllReports of [false, true]) {
    const { write, leave, clock, publication } = reportedPlayer({ getsAllReports });
    const reports: [atMs: number, ports: string][] = [];
    for (let count = 0; count < 5; count++) {
      await write();
      await leave();
    }
    while (clock.now() < 12_000) {
      await write();
      const ports = await leave();
      assertEquals(ports.filter((port) => port % 2 === 0), [5000, 5000, 5002]);
      const reported = ports.filter((port) => port % 2 === 1).join();
      if (reported !== "") reports.push([clock.now(), reported]);
    }
    assertEquals([...new Set(reports.map(([, ports]) => ports))], ["5001,5003"]);
    const late = reports.filter(([atMs]) => atMs > 5100).map(([atMs]) => atMs);
    const early = reports.length - late.length;
    assertEquals(getsAllReports ? late.length > 15 : late.length <= 4 && late.length >= 3, true);
    // Before, each time that there is one.
    assertEquals(early > 8, true);
    publication.release();
  }
});

Deno.test("a player over UDP gives all packets of a picture at once, behind the reports of another socket", async () => {
  const { write, leave, runs, clock, publication } = reportedPlayer();
  for (let count = 0; count < 5; count++) {
    await write();
    await leave();
  }
  await write();
  assertEquals(runs.map(({ ports }) => ports), [[5001], [5003]]);
  await leave();
  while (clock.now() < 5100) {
    await write();
    await leave();
  }
  await write();
  assertEquals(runs.map(({ ports }) => ports), [[5000, 5000], [5002]]);
  await leave();
  publication.release();
});
