import { assert, assertEquals, assertThrows } from "@std/assert";
import { createHmac } from "node:crypto";
import { EventOptionsError, ServerEvents, type WebhookOptions } from "../../src/events/mod.ts";
import { Webhook } from "../../src/events/webhook.ts";
import { LogBook } from "../support/test_server.ts";
import { settled, TurnedClock } from "../support/turned_clock.ts";

const SECRET = "a secret of both of us";

interface Sent {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A webhook whose receiver answers what `answer` says, in simulated time. */
function bench(
  options: Partial<WebhookOptions> = {},
  answer: () => number | Promise<number> = () => 204,
) {
  const clock = new TurnedClock();
  const log = new LogBook();
  const sent: Sent[] = [];
  let id = 0;
  const failures: unknown[] = [];
  const events = new ServerEvents((error) => failures.push(error));
  const webhook = new Webhook("webhooks[0]", {
    url: "https://hooks.example/s3cret/path",
    ...options,
  }, {
    log,
    clock,
    now: () => 1_900_000_000_000 + clock.now(),
    uuid: () => `id-${++id}`,
    fetch: async (_, { headers, body }) => {
      sent.push({ headers: headers as Record<string, string>, body: String(body) });
      return new Response(null, { status: await answer() });
    },
  });
  webhook.listen(events);
  return { clock, log, sent, events, webhook, failures };
}

function ready(events: ServerEvents, stream: string): void {
  events.emit("stream-ready", { stream });
}

function streamsOf(sent: readonly Sent[]): string[] {
  return sent.map(({ body }) => JSON.parse(body).data.stream);
}

Deno.test("an event is posted as JSON, signed as Standard Webhooks have it", async () => {
  const { sent, events } = bench({ secret: SECRET });
  ready(events, "live/cam");
  await settled();
  const [{ headers, body }] = sent as [Sent];
  assertEquals(JSON.parse(body), {
    type: "stream-ready",
    timestamp: "2030-03-17T17:46:40.000Z",
    data: { stream: "live/cam" },
  });
  const signature = createHmac("sha256", SECRET).update(`id-1.1900000000.${body}`).digest("base64");
  assertEquals(headers, {
    "Content-Type": "application/json",
    "webhook-id": "id-1",
    "webhook-timestamp": "1900000000",
    "webhook-signature": `v1,${signature}`,
  });
  const decoded = bench({ secret: `whsec_${btoa(SECRET)}` });
  ready(decoded.events, "live/cam");
  await settled();
  assertEquals(
    decoded.sent[0]!.headers["webhook-signature"],
    `v1,${signature}`,
    "the same key in base64",
  );
});

Deno.test("what was not taken is sent again with longer and longer waits, in order, and then given up", async () => {
  let status = 503;
  const { clock, log, sent, events } = bench({ retries: 3 }, () => status);
  ready(events, "a");
  ready(events, "b");
  const at: number[] = [];
  for (let ms = 0; ms <= 7000; ms += 500) {
    await clock.turnSlowly(ms === 0 ? 0 : 500);
    while (at.length < sent.length) at.push(clock.now());
  }
  assertEquals(at, [0, 1000, 3000, 7000, 7000]);
  assertEquals(streamsOf(sent).slice(0, 5), ["a", "a", "a", "a", "b"]);
  assertEquals(log.lines.map(({ message, fields }) => [message, fields["attempts"]]), [[
    "an event could not be sent",
    4,
  ]]);
  assert(!JSON.stringify(log.lines).includes("s3cret"), "the path may be a secret");
  status = 200;
  await clock.turnSlowly(1000);
  assertEquals(streamsOf(sent).at(-1), "b");
  assertEquals(clock.pending, 0);
});

Deno.test("a no of the receiver is final, but for those that mean later", async () => {
  for (
    const [status, times] of [[400, 1], [404, 1], [410, 1], [302, 1], [429, 2], [500, 2]] as const
  ) {
    const { clock, sent, events } = bench({ retries: 1 }, () => status);
    ready(events, "a");
    await clock.turnSlowly(2000);
    assertEquals(sent.length, times, `${status}`);
  }
});

Deno.test("a receiver that hangs holds nothing up; what waits has a bound, and what is left out is counted", async () => {
  const hanging = Promise.withResolvers<number>();
  const { log, sent, events, webhook, clock } = bench({ maxQueue: 3 }, () => hanging.promise);
  for (let n = 0; n < 100; n++) ready(events, `live/${n}`);
  await settled();
  assertEquals(sent.length, 1);
  assertEquals(log.lines.map(({ message }) => message), [
    "events were left out, as too many wait to be sent",
  ]);
  const closing = webhook.close(500);
  await clock.turnSlowly(500);
  await closing;
  assertEquals(log.lines.at(-1)?.fields["count"], 3);
  hanging.resolve(200);
  await settled();
  ready(events, "late");
  await settled();
  assertEquals([sent.length, clock.pending], [1, 0], "nothing is sent after the end");
});

Deno.test("what waits is sent before the end, where there is time", async () => {
  const { sent, events, webhook } = bench();
  for (const name of ["a", "b", "c"]) ready(events, name);
  await webhook.close(500);
  assertEquals(streamsOf(sent), ["a", "b", "c"]);
});

Deno.test("a receiver that is told no more gets what waits, for a minute at most", async () => {
  const { sent, events, webhook } = bench();
  for (const name of ["a", "b"]) ready(events, name);
  const left = webhook.leave();
  ready(events, "c");
  await left;
  assertEquals(streamsOf(sent), ["a", "b"]);
  const gone = bench({ retries: 100 }, () => 503);
  for (const name of ["a", "b"]) ready(gone.events, name);
  const given = gone.webhook.leave();
  await gone.clock.turnSlowly(60_000);
  await given;
  assertEquals(gone.log.lines.at(-1)?.fields["count"], 2);
  assertEquals([new Set(streamsOf(gone.sent)).size, gone.clock.pending], [1, 0]);
});

Deno.test("a receiver hears of the events that it wants alone", async () => {
  const { sent, events } = bench({ events: ["stream-ended"] });
  ready(events, "a");
  events.emit("stream-ended", { stream: "b" });
  await settled();
  assertEquals(streamsOf(sent), ["b"]);
});

Deno.test("wrong options of webhooks are told by where they are, without secrets", () => {
  const rows: [Partial<WebhookOptions>, string][] = [
    [{ url: "ftp://hunter2.example/" }, "webhooks[0].url"],
    [{ url: "https://me:hunter2@hooks.example/" }, "webhooks[0].url"],
    [{ secret: "hunter2" }, "webhooks[0].secret"],
    [{ secret: "whsec_hunter2 hunter2 %" }, "webhooks[0].secret"],
    [{ events: ["nothing" as "connect"] }, "webhooks[0].events"],
    [{ timeoutMs: 0 }, "webhooks[0].timeoutMs"],
    [{ retries: -1 }, "webhooks[0].retries"],
    [{ maxQueue: 0.5 }, "webhooks[0].maxQueue"],
  ];
  for (const [options, path] of rows) {
    const error = assertThrows(() => bench(options), EventOptionsError);
    assertEquals(error.path, path);
    assert(!error.message.includes("hunter2"));
  }
});

Deno.test("listeners are called once a name, as often as they ask, and what they throw is told", async () => {
  const failures: unknown[] = [];
  const events = new ServerEvents((error) => failures.push(error));
  const heard: string[] = [];
  const listener = ({ detail }: { detail: { stream: string } }): void =>
    void heard.push(detail.stream);
  events.addEventListener("stream-ready", listener);
  events.addEventListener("stream-ready", listener);
  events.addEventListener("stream-ended", listener, { once: true });
  events.addEventListener("stream-ready", () => {
    throw new Error("thrown");
  });
  events.addEventListener("stream-ready", () => Promise.reject(new Error("rejected")));
  ready(events, "a");
  events.emit("stream-ended", { stream: "b" });
  events.emit("stream-ended", { stream: "c" });
  events.removeEventListener("stream-ready", listener);
  ready(events, "d");
  await settled();
  assertEquals(heard, ["a", "b"]);
  assertEquals(failures.map(String).sort(), [
    "Error: rejected",
    "Error: rejected",
    "Error: thrown",
    "Error: thrown",
  ]);
});
