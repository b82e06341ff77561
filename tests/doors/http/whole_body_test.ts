import { assertEquals } from "@std/assert";
import { WHOLE_BODY_MS, wholeBody } from "../../../src/doors/http/whole_body.ts";
import { pause } from "../../../src/time/mod.ts";
import { systemClock } from "../../../src/transport/mod.ts";
import { TestServer } from "../../support/test_server.ts";
import { settled, TurnedClock } from "../../support/turned_clock.ts";

/** A body in hand, and what becomes of it. */
function bench({ maxBytes }: { readonly maxBytes: number }) {
  const clock = new TurnedClock();
  let counted = 0;
  let isCancelled = false;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: () => void (isCancelled = true),
  });
  const read = wholeBody(body, { maxBytes, clock, onPiece: (bytes) => void (counted += bytes) });
  return { clock, controller, read, state: () => ({ counted, isCancelled }) };
}

Deno.test("a body is read to its end, in as many pieces as it has, and each is counted", async () => {
  const { clock, controller, read, state } = bench({ maxBytes: 4 });
  controller.enqueue(Uint8Array.of(1, 2));
  await settled();
  controller.enqueue(Uint8Array.of(3, 4));
  controller.close();
  assertEquals(await read, Uint8Array.of(1, 2, 3, 4));
  assertEquals([state(), clock.pending], [{ counted: 4, isCancelled: false }, 0]);
});

Deno.test("a body that is too long is not read on", async () => {
  const { clock, controller, read, state } = bench({ maxBytes: 4 });
  controller.enqueue(new Uint8Array(5));
  assertEquals(await read, "too-large");
  assertEquals([state(), clock.pending], [{ counted: 5, isCancelled: true }, 0]);
});

Deno.test("a body whose bytes drip in is not waited for longer than one that stands still", async () => {
  const { clock, controller, read, state } = bench({ maxBytes: 1000 });
  for (let atMs = 0; atMs < WHOLE_BODY_MS; atMs += 1000) {
    assertEquals(state().isCancelled, false);
    controller.enqueue(new Uint8Array(1));
    await clock.turnSlowly(1000);
  }
  assertEquals(await read, "late");
  assertEquals([state(), clock.pending], [{ counted: 20, isCancelled: true }, 0]);
});

Deno.test({
  name:
    "a client of HTTP/2 whose body is late, silent or dripping, is answered 408 as one of HTTP/1.1",
  // Deno counts a client of fetch that was closed with a body under way as one that is open.
  sanitizeResources: false,
  async fn() {
    const { setTimer } = systemClock;
    systemClock.setTimer = (due, ms) => setTimer(due, ms === WHOLE_BODY_MS ? 20 : ms);
    try {
      const local = { hostname: "127.0.0.1", port: 0 };
      await using weir = await TestServer.start({ rtmp: false, http: local, webrtc: local });
      const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
      for (const http2 of [true, false]) {
        for (const isDripping of [true, false]) {
          using client = Deno.createHttpClient({ http1: !http2, http2 });
          const over = new AbortController();
          const body = new ReadableStream<Uint8Array>({
            pull: async (controller) => {
              await pause(isDripping ? 5 : 60_000, {
                clock: { ...systemClock, setTimer },
                signal: over.signal,
              });
              if (!over.signal.aborted) controller.enqueue(new Uint8Array(1));
            },
          });
          const answer = await fetch(`http://127.0.0.1:${port}/live/cam/whip`, {
            ...{ method: "POST", body, client, headers: { "content-type": "application/sdp" } },
          });
          assertEquals([answer.status, (await answer.json()).code], [408, "body"]);
          over.abort();
        }
      }
    } finally {
      systemClock.setTimer = setTimer;
    }
  },
});
