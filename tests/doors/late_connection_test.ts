import { assertEquals } from "@std/assert";
import { LateConnection, type ServedConnection } from "../../src/doors/mod.ts";
import type { ConnectionEnd, Leaving } from "../../src/gate/mod.ts";
import type { Transport } from "../../src/transport/mod.ts";

const ENDED: ConnectionEnd = { clean: true, reason: "closed", message: "The peer has closed" };

/** A connection whose program can be had when the test says so. */
function late() {
  const told: string[] = [];
  const { promise: ready, resolve: load } = Promise.withResolvers<() => ServedConnection>();
  const over = Promise.withResolvers<ConnectionEnd>();
  const served: ServedConnection = {
    finished: over.promise,
    bytesReceived: 1,
    bytesSent: 2,
    heldBytes: 3,
    hasRole: true,
    counts: { pings: 4 },
    tick: () => told.push("tick"),
    shed: () => told.push("shed"),
    kick: (why) => told.push(`kick ${why}`),
    stop: () => told.push("stop"),
    move: () => told.push("move"),
  };
  const transport = { close: () => told.push("closed") } as unknown as Transport;
  const connection = new LateConnection({ transport, ready });
  return {
    connection,
    told,
    async load() {
      load(() => {
        told.push("served");
        return served;
      });
      await ready;
    },
    end: over.resolve,
  };
}

function countsOf(connection: LateConnection): unknown[] {
  const { bytesReceived, bytesSent, heldBytes, hasRole, counts } = connection;
  return [bytesReceived, bytesSent, heldBytes, hasRole, counts];
}

Deno.test("LateConnection has nothing until it is served, and then what serves it has", async () => {
  const { connection, told, load, end } = late();
  connection.tick();
  assertEquals(countsOf(connection), [0, 0, 0, false, {}]);
  await load();
  assertEquals(countsOf(connection), [1, 2, 3, true, { pings: 4 }]);
  connection.tick();
  connection.shed();
  connection.kick("why");
  connection.stop();
  assertEquals(told, ["served", "tick", "shed", "kick why", "stop"]);
  end(ENDED);
  assertEquals(await connection.finished, ENDED);
});

Deno.test("LateConnection that is ended before it is served is closed, and never served", async () => {
  const ends: [string, (connection: LateConnection) => void][] = [
    ["stopped", (connection) => connection.stop()],
    ["kicked", (connection) => connection.kick("why")],
    ["held-bytes", (connection) => connection.shed()],
  ];
  for (const [reason, end] of ends) {
    const { connection, told, load } = late();
    end(connection);
    assertEquals((await connection.finished).reason, reason);
    await load();
    assertEquals(told, ["closed"], reason);
  }
});

Deno.test("LateConnection that is to move before it is served moves then", async () => {
  const { connection, told, load } = late();
  const to: Leaving = { baseOf: () => "rtsp://b" };
  connection.move(to);
  await load();
  assertEquals(told, ["served", "move"]);
});

Deno.test("LateConnection fails, and leaves nobody waiting, where what serves it cannot be loaded", async () => {
  const ready = Promise.reject(new Error("no such module"));
  let closed = 0;
  const transport = { close: () => void closed++ } as Partial<Transport> as Transport;
  const connection = new LateConnection({ transport, ready });
  assertEquals(await connection.finished.catch(({ message }) => message), "no such module");
  assertEquals(closed, 1);
});
