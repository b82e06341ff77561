/**
 * A port of 127.0.0.1 for something that cannot be told to take any: its number has to be known before it is listened at. It
 * lies below those that outgoing connections take (32768 on), so that none of theirs has it meanwhile; it is even, and the
 * next one is free too, as RTP needs it. No port is given twice before all have been.
 */
export function freePort(): number {
  for (let tries = 0; tries < PAIRS; tries++) {
    const port = FIRST + 2 * (next++ % PAIRS);
    try {
      for (const each of [port, port + 1]) {
        Deno.listen({ hostname: "127.0.0.1", port: each }).close();
      }
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("No port is free");
}

const FIRST = 20_000;
const PAIRS = 6000;

// Test files that run side by side begin apart.
let next = Math.floor(Math.random() * PAIRS);
