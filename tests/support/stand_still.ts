/**
 * Resolves when `count` stands still although the network goes on: while a byte went there and back a hundred times
 * over another connection. A connection whose reader reads would have gone on meanwhile, however slow the machine is.
 */
export async function standsStill(count: () => number): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using there = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using back = await listener.accept();
  const byte = new Uint8Array(1);
  for (let trips = 0, last = count(); trips < 100; trips++) {
    await there.write(byte);
    await back.read(byte);
    await back.write(byte);
    await there.read(byte);
    // Timers have their turn too.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (count() === last) continue;
    last = count();
    trips = -1;
  }
}
