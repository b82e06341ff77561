import { assert, assertEquals } from "@std/assert";
import { MetricsText } from "../../src/api/metrics_text.ts";
import { MOST_LABELLED } from "../../src/api/server_metrics.ts";
import type { ServerOptions } from "../../mod.ts";
import { BODIES, RtmpClient } from "../support/rtmp_client.ts";
import { TestServer, until } from "../support/test_server.ts";

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads Prometheus' text format 0.0.4, and asserts all that it asks for. */
function parseMetrics(text: string): { types: Map<string, string>; samples: Sample[] } {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let family = "";
  let helped = "";
  assert(text.endsWith("\n"), "the last line ends too");
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    if (help !== null) helped = help[1]!;
    else if (type !== null) {
      family = type[1]!;
      assertEquals(helped, family, "help stands before the type");
      assert(!types.has(family), `${family} comes once`);
      types.set(family, type[2]!);
      if (type[2] === "counter") assert(family.endsWith("_total"), family);
    } else {
      const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
      assert(sample !== null, line);
      const [, name = "", labels = "", value = ""] = sample;
      const isOfFamily = name === family ||
        (types.get(family) === "histogram" && /_(bucket|sum|count)$/.test(name));
      assert(isOfFamily, `${name} stands behind its type`);
      assert(!seen.has(`${name}{${labels}}`), `${line} comes once`);
      seen.add(`${name}{${labels}}`);
      const number = value === "+Inf" ? Infinity : Number(value);
      assert(!Number.isNaN(number), line);
      samples.push({ name, labels: parseLabels(labels), value: number });
    }
  }
  return { types, samples };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const rest = text.replace(/([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/g, (_, name, value) => {
    labels[name] = value.replace(/\\(.)/g, (_: string, c: string) => c === "n" ? "\n" : c);
    return "";
  });
  assertEquals(rest, "", "all of it is labels");
  return labels;
}

async function start(options: ServerOptions = {}) {
  const weir = await TestServer.start({ api: { openMetrics: true }, ...options });
  const read = async () => {
    const answer = await weir.server.fetch(new Request("http://localhost/metrics"));
    assertEquals(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const { samples, types } = parseMetrics(await answer.text());
    const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
      samples.find((sample) =>
        sample.name === name &&
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
      )?.value;
    return { samples, types, value };
  };
  return { weir, read };
}

Deno.test("the metrics are Prometheus' text, and count what goes on", async () => {
  const { weir, read } = await start();
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 5);
  using player = await RtmpClient.player(weir.port, "cam");
  await player.frameNumbers(4);
  const { value } = await read();
  assertEquals(value("weir_streams"), 1);
  assertEquals(value("weir_publishers", { protocol: "rtmp" }), 1);
  assertEquals(value("weir_players", { protocol: "rtmp" }), 1);
  assertEquals(value("weir_stream_players", { stream: "live/cam" }), 1);
  assertEquals(value("weir_received_units_total"), 7);
  const sent = value("weir_sent_bytes_total")!;
  assert(sent > 5 * BODIES.key(0).length);
  assert(value("process_resident_memory_bytes")! > 1e6);
  assert(value("weir_event_loop_delay_seconds_count") !== undefined);

  player.close();
  publisher.close();
  await weir.quiet();
  await until(() => weir.server.streams.length === 0);
  // Counts may be a moment old; who asks without a pause is refused.
  let after = await read();
  while (after.value("weir_streams") !== 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    after = await read();
  }
  assertEquals(after.value("weir_received_units_total"), 7, "a counter never goes back");
  assert(after.value("weir_sent_bytes_total")! >= sent);
});

Deno.test("the metrics of a server with very many streams stay bounded", async () => {
  const { weir, read } = await start();
  await using _ = weir;
  for (let at = 0; at < MOST_LABELLED + 20; at++) weir.server.hub.acquire(`live/${at}`);
  const { samples, value } = await read();
  const labelled = samples.filter(({ name }) => name === "weir_stream_players");
  assertEquals(labelled.length, MOST_LABELLED);
  assertEquals(value("weir_streams"), MOST_LABELLED + 20);
  assertEquals(value("weir_streams_without_metrics"), 20);
});

Deno.test("MetricsText escapes what would end a line or a label", () => {
  const text = new MetricsText();
  text.add("a_total", { type: "counter", help: "one\ntwo \\" }, [
    { value: 1, labels: { name: 'x"y\\z\n' } },
    { value: Infinity, labels: { name: "b" } },
  ]);
  text.add("empty", { type: "gauge", help: "nothing" }, []);
  const { samples, types } = parseMetrics(text.text);
  assertEquals([...types], [["a_total", "counter"]]);
  assertEquals(samples[0], { name: "a_total", labels: { name: 'x"y\\z\n' }, value: 1 });
  assertEquals(samples[1]?.value, Infinity);
});
