import { assertEquals } from "@std/assert";
import { ServerWebSocket } from "../../../src/doors/http/http1/server_websocket.ts";
import type { Incoming } from "../../../src/doors/http/http1/incoming.ts";
import { settled, TurnedClock } from "../../support/turned_clock.ts";

for (let steps = 0; steps <= 8; steps++) {
  Deno.test(`ServerWebSocket writes what is sent ${steps} steps behind a message, whatever becomes of that one then`, async () => {
    const written: number[] = [];
    let end = (): void => {};
    const ended = new Promise<undefined>((resolve) => end = () => resolve(undefined));
    const socket = new ServerWebSocket();
    const run = socket.run({
      incoming: { next: () => ended } as unknown as Incoming,
      // The payload of a short frame begins behind two bytes (RFC 6455, 5.2).
      write: (bytes) => {
        written.push(bytes[2]!);
        return Promise.resolve();
      },
      clock: new TurnedClock(),
      closeMs: 1000,
    });
    socket.send(Uint8Array.of(1));
    for (let step = 0; step < steps; step++) await Promise.resolve();
    socket.send(Uint8Array.of(2));
    await settled();
    assertEquals(written, [1, 2]);
    assertEquals(socket.bufferedAmount, 0);
    end();
    await run;
  });
}
