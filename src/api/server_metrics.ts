import process from "node:process";
import type { TicketInfo } from "../gate/mod.ts";
import type { StreamStatistics, StreamTotals } from "../hub/mod.ts";
import type { RelayEntry } from "../relay/mod.ts";
import { youngSpace } from "../transport/mod.ts";
import type { ApiSnapshot } from "./api_source.ts";
import type { PublisherHealth } from "./api_types.ts";
import type { EventLoopDelay } from "./event_loop_delay.ts";
import { type MetricSample, MetricsText } from "./metrics_text.ts";

/**
 * Streams, and relays, that have lines of their own, the first by name: whoever may publish must not be able to fill
 * the memory of who collects these.
 */
export const MOST_LABELLED = 200;

/** What the metrics are made of. */
export interface MetricsParts {
  readonly snapshot: ApiSnapshot;
  readonly totals: StreamTotals;
  readonly version: string;
  readonly uptimeMs: number;
  readonly delay: EventLoopDelay;
}

/** Writes the metrics of a server, in Prometheus' text format. */
export function serverMetrics(
  { snapshot, totals, version, uptimeMs, delay }: MetricsParts,
): string {
  const text = new MetricsText();
  const counter = (name: string, help: string, samples: readonly MetricSample[]): void =>
    text.add(name, { type: "counter", help }, samples);
  const gauge = (name: string, help: string, samples: readonly MetricSample[]): void =>
    text.add(name, { type: "gauge", help }, samples);

  gauge("weir_build_info", "The version of weir.", [{ value: 1, labels: { version } }]);
  gauge("weir_uptime_seconds", "Time since the server was made.", one(uptimeMs / 1000));
  gauge(
    "weir_connections",
    "Connections that there are.",
    countedBy(snapshot.connections, "protocol"),
  );
  const live = snapshot.tickets.filter(({ state }) => state === "live");
  const ofAction = (action: TicketInfo["action"]): MetricSample[] =>
    countedBy(live.filter((ticket) => ticket.action === action), "protocol");
  gauge("weir_publishers", "Publishers that there are.", ofAction("publish"));
  gauge("weir_players", "Players that are served.", ofAction("play"));
  const published = snapshot.streams.filter(({ publisher }) => publisher !== undefined);
  gauge("weir_streams", "Streams that are published.", one(published.length));
  gauge(
    "weir_streams_without_publisher",
    "Streams that players wait for, or whose publisher may come back.",
    one(snapshot.streams.length - published.length),
  );
  counter("weir_received_bytes_total", "Media received of publishers.", one(totals.bytesReceived));
  counter("weir_received_units_total", "Frames and headers received.", one(totals.unitsReceived));
  counter("weir_sent_bytes_total", "Media sent to players.", one(totals.bytesSent));
  counter("weir_sent_messages_total", "Messages sent to players.", one(totals.messagesSent));
  counter(
    "weir_skips_total",
    "Times that players were too slow and skipped to a key frame.",
    one(totals.skips),
  );
  counter(
    "weir_dropped_frames_total",
    "Frames that a protocol of players could not carry.",
    one(totals.dropped),
  );
  counter(
    "weir_refused_total",
    "Refusals of the gate, by their kind.",
    Object.entries(snapshot.refused).map(([kind, value]) => ({ value, labels: { kind } })),
  );
  gauge("weir_held_bytes", "Bytes held for streams, and beside for connections.", [
    { value: snapshot.heldBytes.streams, labels: { of: "streams" } },
    { value: snapshot.heldBytes.connections, labels: { of: "connections" } },
  ]);
  counter(
    "weir_log_lines_left_out_total",
    "Lines about peers that were left out of the log, since there were too many.",
    one(snapshot.logLinesLeftOut),
  );
  addCluster(gauge, snapshot);
  addStreams(gauge, snapshot, published);
  addRelays({ counter, gauge }, snapshot.relays);
  text.add(
    "weir_event_loop_delay_seconds",
    { type: "histogram", help: "How late timers are." },
    delay.samples,
  );
  addProcess({ counter, gauge });
  return text.text;
}

/** What one machine knows of its cluster; all machines together are the collector's to add up. */
function addCluster(gauge: Add, { cluster }: ApiSnapshot): void {
  if (cluster === undefined) return;
  gauge(
    "weir_cluster_directory_reachable",
    "Whether the directory of the cluster can be reached.",
    one(Number(cluster.isReachable)),
  );
  gauge(
    "weir_cluster_unconfirmed_streams",
    "Streams that are published here and that the directory does not have yet.",
    one(cluster.unconfirmed),
  );
  gauge(
    "weir_cluster_feeds",
    "Streams that other machines fetch from this one.",
    one(cluster.feeds),
  );
}

type Add = (name: string, help: string, samples: readonly MetricSample[]) => void;

function addStreams(
  gauge: Add,
  { health, tickets }: ApiSnapshot,
  published: readonly StreamStatistics[],
): void {
  const labelled = published.toSorted(byName).slice(0, MOST_LABELLED);
  gauge(
    "weir_streams_without_metrics",
    "Published streams that have no lines of their own, as there are too many.",
    one(published.length - labelled.length),
  );
  const reports = new Map(health.map(({ stream, report }) => [stream, report]));
  const players = new Map<string, number>();
  for (const { action, state, stream } of tickets) {
    if (action === "play" && state === "live") players.set(stream, (players.get(stream) ?? 0) + 1);
  }
  const each = (
    name: string,
    help: string,
    valueOf: (
      stream: StreamStatistics,
      report: PublisherHealth["report"] | undefined,
    ) => number | undefined,
  ): void =>
    gauge(
      name,
      help,
      labelled.flatMap((stream) => {
        const value = valueOf(stream, reports.get(stream.name));
        return value === undefined ? [] : [{ value, labels: { stream: stream.name } }];
      }),
    );
  each("weir_stream_players", "Players of a stream.", ({ name }) => players.get(name) ?? 0);
  each(
    "weir_stream_bitrate_bits_per_second",
    "Payload that a publisher sends.",
    (_, report) => report?.bitrate,
  );
  each(
    "weir_stream_frame_rate",
    "Pictures a second.",
    (_, report) => report?.tracks.find(({ kind }) => kind === "video")?.frameRate,
  );
  each(
    "weir_stream_key_interval_seconds",
    "Time between the two newest key frames.",
    ({ publisher }) => seconds(publisher?.keyIntervalMs),
  );
  each(
    "weir_stream_silent_seconds",
    "Time since the newest unit.",
    ({ publisher }) => seconds(publisher?.silentMs),
  );
  each(
    "weir_stream_speed_ratio",
    "Media time that comes in a second: 1 for a live source.",
    (_, report) => report?.speed,
  );
  each(
    "weir_stream_av_offset_seconds",
    "How far sound is ahead of picture as they arrive.",
    (_, report) => seconds(report?.avOffsetMs),
  );
  each(
    "weir_stream_advice",
    "Number of things that should be changed at the encoder.",
    (_, report) => report?.advice.length,
  );
  each(
    "weir_stream_lag_seconds",
    "How far the slowest player is behind.",
    ({ readers }) => readers.reduce((most, { lagMs }) => Math.max(most, lagMs), 0) / 1000,
  );
}

function addRelays(
  { counter, gauge }: { readonly counter: Add; readonly gauge: Add },
  relays: readonly RelayEntry[],
): void {
  const states = Map.groupBy(relays, ({ mode, state }) => `${mode} ${state}`);
  gauge(
    "weir_relays",
    "Relays, by direction and state.",
    Array.from(states, ([key, { length }]) => {
      const [mode = "", state = ""] = key.split(" ");
      return { value: length, labels: { mode, state } };
    }),
  );
  const labelled = relays.slice(0, MOST_LABELLED);
  const each = (valueOf: (relay: RelayEntry) => number): MetricSample[] =>
    labelled.map((relay) => {
      const { id, mode, name } = relay;
      return { value: valueOf(relay), labels: { relay: id, mode, name } };
    });
  counter("weir_relay_bytes_total", "Media relayed.", each(({ bytes }) => bytes));
  counter("weir_relay_attempts_total", "Connections that were tried.", each((r) => r.attempts));
  counter(
    "weir_relay_dropped_total",
    "Units dropped, the remote server being slow.",
    each((r) => r.dropped),
  );
}

function addProcess({ counter, gauge }: { readonly counter: Add; readonly gauge: Add }): void {
  const { rss, heapUsed, heapTotal, external } = Deno.memoryUsage();
  const { user, system } = process.cpuUsage();
  counter(
    "process_cpu_seconds_total",
    "Processor time of the process, all threads.",
    one((user + system) / 1e6),
  );
  gauge("process_resident_memory_bytes", "Memory of the process.", one(rss));
  gauge("weir_heap_bytes", "Memory of JavaScript.", [
    { value: heapUsed, labels: { of: "used" } },
    { value: heapTotal, labels: { of: "reserved" } },
    { value: Math.max(0, external - youngSpace.untouchedBytes), labels: { of: "buffers" } },
  ]);
}

function one(value: number): MetricSample[] {
  return [{ value }];
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function countedBy<K extends string>(
  items: readonly { readonly [key in K]: string }[],
  key: K,
): MetricSample[] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item[key], (counts.get(item[key]) ?? 0) + 1);
  return Array.from(counts, ([name, value]) => ({ value, labels: { [key]: name } }));
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
