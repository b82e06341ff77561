import { assert, assertEquals } from "@std/assert";
import { EventTraces, ServerEvents, type TraceSpan } from "../../src/events/mod.ts";
import { RtmpClient } from "../support/rtmp_client.ts";
import { RunningProcess } from "../support/process.ts";
import { until } from "../support/test_server.ts";

/** A span as OTLP has it in JSON, as far as it is read here. */
interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string };
  }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

/** Takes what is exported over HTTP, and keeps the spans of weir. */
class Collector implements AsyncDisposable {
  readonly spans: OtlpSpan[] = [];
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const text = await request.text();
      if (new URL(request.url).pathname !== "/v1/traces") return Response.json({});
      for (const { scopeSpans } of JSON.parse(text).resourceSpans) {
        for (const { scope, spans } of scopeSpans) {
          if (scope?.name === "weir") this.spans.push(...spans);
        }
      }
      return Response.json({});
    },
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const PERMISSIONS = ["--allow-net=127.0.0.1:0"];
const OPTIONS = [
  ...["--rtmp", "127.0.0.1:0", "--rtsp", "off", "--rtp", "off", "--http", "off"],
];

Deno.test("with OTEL_DENO=true, connections, publishers and players are spans of a collector, and nothing more is permitted", async () => {
  await using collector = new Collector();
  await using weir = new RunningProcess(
    Deno.execPath(),
    ["run", "--no-prompt", ...PERMISSIONS, "mod.ts", ...OPTIONS],
    {
      limitMs: 60_000,
      env: {
        OTEL_DENO: "true",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_BSP_SCHEDULE_DELAY: "100",
      },
    },
  );
  const [, port] = await weir.line(/rtmp listening on 127\.0\.0\.1:(\d+)/);
  {
    using publisher = await RtmpClient.publisher(Number(port), "cam?key=se4cret");
    await publisher.frames(0, 1);
    using player = await RtmpClient.player(Number(port), "cam");
    await player.frameNumbers(0);
    // Events are exported while what they begin still goes on.
    await until(() => collector.spans.some(({ name }) => name === "play-start"));
    assert(collector.spans.every(({ name }) => name !== "publish"));
  }
  await weir.line(/publish ended/);
  weir.kill("SIGTERM");
  assertEquals((await weir.ended).code, 0);
  const { spans } = collector;
  const one = (name: string) => spans.find((span) => span.name === name)!;
  const names = new Set(spans.map(({ name }) => name));
  for (const name of ["connect", "publish-start", "play-start", "publish-end", "disconnect"]) {
    assert(names.has(name), `${name} of ${[...names]}`);
  }
  const publish = one("publish");
  const connection = spans.find(({ spanId }) => spanId === publish.parentSpanId)!;
  assertEquals([connection.name, connection.traceId], ["rtmp connection", publish.traceId]);
  assertEquals(one("publish-start").parentSpanId, publish.spanId);
  assertEquals(
    publish.attributes.find(({ key }) => key === "weir.stream")?.value.stringValue,
    "live/cam",
  );
  assert(!JSON.stringify(spans).includes("se4cret"));
});

Deno.test("a refusal is a span that has failed, and roles that end in another order than they began are told apart", () => {
  const open = new Map<TraceSpan, string>();
  const ended: string[] = [];
  const events = new ServerEvents((error) => {
    throw error;
  });
  new EventTraces({
    startSpan(name, { attributes }) {
      let words = `${name} ${attributes["weir.stream"] ?? ""}`;
      const span: TraceSpan = {
        setAttributes: () => {},
        setStatus: ({ code, message }) => void (words += ` ${code} ${message}`),
        end: () => {
          ended.push(words);
          open.delete(span);
        },
      };
      open.set(span, words);
      return span;
    },
  }).open(events);
  const connection = { id: 1, protocol: "rtmp", address: "192.0.2.7", app: "live", userAgent: "" };
  events.emit("connect", { connection });
  for (const stream of ["a", "b", "a"]) events.emit("play-start", { connection, stream });
  for (const stream of ["b", "a", "a"]) events.emit("play-end", { connection, stream });
  const why = { action: "publish", stream: "c", refused: "taken", message: "It is taken" } as const;
  events.emit("refused", { connection, ...why });
  events.emit("disconnect", { connection, reason: "closed", message: "The peer has closed" });
  // One that is not known ends nothing.
  events.emit("play-end", { connection, stream: "z" });
  assertEquals(open.size, 0);
  assertEquals(ended.filter((words) => /^play |^refused|connection/.test(words)), [
    ...["play b", "play a", "play a", "refused c 2 It is taken", "rtmp connection "],
  ]);
});
