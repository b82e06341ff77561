import { RtmpClient, RtspClient } from "../../client/mod.ts";
import { pause, unitBytes } from "../../hub/mod.ts";
import { reasonOf } from "../../log/mod.ts";
import type { MediaUnit } from "../../media/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import type { Command } from "../command.ts";
import { untilInterrupted } from "./interrupted.ts";
import { numberOf, parseMediaArguments, streamUrl, wordOf } from "./media_arguments.ts";
import { RemoteError } from "./remote_error.ts";
import { shownBitrate, StatusLine } from "./status_line.ts";

const HELP = `Play a stream many times at once, and say how that went.

Usage: weir bench URL [-n PLAYERS] [options]

Options:
  -n, --players N     players (default 100)
  --seconds N         how long, after the last player has joined (default 10)
  --rate N            players that join in a second (default 100)
  --transport WORD    what carries the media of RTSP: tcp (the default) or udp
  --json              print one JSON object
  --help              print this

Permissions: --allow-net.
Exit codes: 0 when all players had media to the end, 1 when one had not, 2 when the arguments are
wrong.
`;

/** What became of one player. */
interface Player {
  /** From its start to its first picture or sound, milliseconds. */
  firstMs: number | undefined;
  /** Bytes while the rate was measured. */
  bytes: number;
  /** The longest time without media, milliseconds. */
  longestGapMs: number;
  lastAtMs: number;
  error: string | undefined;
}

/** A result of `weir bench`, as `--json` prints it. */
export interface BenchResult {
  readonly players: number;
  readonly failed: number;
  readonly seconds: number;
  /** Bits a second of all together. */
  readonly bitrate: number;
  /** Time to the first picture or sound, milliseconds. */
  readonly firstMediaMs: Percentiles;
  /** The longest time without media of each player, milliseconds. */
  readonly longestGapMs: Percentiles;
  /** The reasons of failures, and how often each came. */
  readonly errors: Readonly<Record<string, number>>;
}

/** How a number is distributed. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** `weir bench`: many players. */
export const benchCommand: Command = {
  help: HELP,
  async run(args) {
    const { positionals, flags, values } = parseMediaArguments(args, {
      flags: ["json"],
      values: ["players", "seconds", "rate", "transport"],
    });
    const url = streamUrl(positionals[0]);
    const count = numberOf("players", values["players"], { min: 1, max: 100_000, usual: 100 });
    const seconds = numberOf("seconds", values["seconds"], { min: 1, max: 1e6, usual: 10 });
    const rate = numberOf("rate", values["rate"], { min: 1, max: 10_000, usual: 100 });
    const transport = wordOf("transport", values["transport"], ["tcp", "udp"]);
    return await untilInterrupted(async (signal) => {
      const result = await bench({ url, count, seconds, rate, transport, signal });
      console.log(flags["json"] ? JSON.stringify(result, null, 2) : tableOf(result));
      return result.failed === 0 ? 0 : 1;
    });
  },
};

interface BenchOptions {
  readonly url: string;
  readonly count: number;
  readonly seconds: number;
  readonly rate: number;
  readonly transport: "tcp" | "udp";
  readonly signal: AbortSignal;
}

async function bench(options: BenchOptions): Promise<BenchResult> {
  const { count, seconds, rate, signal: interrupted } = options;
  const ended = new AbortController();
  const signal = AbortSignal.any([interrupted, ended.signal]);
  const status = new StatusLine();
  const players: Player[] = [];
  const running: Promise<void>[] = [];
  const phase = { isMeasured: false };
  const startedAt = performance.now();
  while (players.length < count && !signal.aborted) {
    const due = Math.min(count, Math.ceil((performance.now() - startedAt) / 1000 * rate));
    while (players.length < due) {
      const player: Player = {
        firstMs: undefined,
        bytes: 0,
        longestGapMs: 0,
        lastAtMs: 0,
        error: undefined,
      };
      players.push(player);
      running.push(play(player, { ...options, signal, phase }));
    }
    status.show(`${players.length} of ${count} players started`);
    await pause(20, { clock: systemClock, signal });
  }
  while (!signal.aborted && players.some(({ firstMs, error }) => firstMs === undefined && !error)) {
    status.show(`${players.filter(({ firstMs }) => firstMs !== undefined).length} players joined`);
    await pause(20, { clock: systemClock, signal });
  }
  phase.isMeasured = true;
  const measuredFrom = performance.now();
  for (let second = 1; second <= seconds && !signal.aborted; second++) {
    await pause(Math.max(0, measuredFrom + second * 1000 - performance.now()), {
      clock: systemClock,
      signal,
    });
    status.show(`${second} of ${seconds} s`);
  }
  const measuredMs = performance.now() - measuredFrom;
  phase.isMeasured = false;
  const failed = players.filter(({ error }) => error !== undefined);
  ended.abort();
  await Promise.all(running);
  status.end();
  if (players.length === 0) throw new RemoteError("interrupted before any player started");
  const errors: Record<string, number> = {};
  for (const { error } of failed) errors[error!] = (errors[error!] ?? 0) + 1;
  return {
    players: players.length,
    failed: failed.length,
    seconds: measuredMs / 1000,
    bitrate: players.reduce((sum, { bytes }) => sum + bytes, 0) * 8000 / measuredMs,
    firstMediaMs: percentiles(players.flatMap(({ firstMs }) => firstMs ?? [])),
    longestGapMs: percentiles(players.map(({ longestGapMs }) => longestGapMs)),
    errors,
  };
}

async function play(
  player: Player,
  { url, transport, signal, phase }: BenchOptions & { readonly phase: { isMeasured: boolean } },
): Promise<void> {
  const startedAt = performance.now();
  const ended = (reason: string): void => {
    if (!signal.aborted) player.error ??= reason;
  };
  try {
    await using client = /^rtmp/i.test(url)
      ? await RtmpClient.connect(url, { signal })
      : await RtspClient.connect(url, { signal, transport });
    const units: ReadableStream<MediaUnit> = client instanceof RtmpClient
      ? await client.play(undefined, { signal })
      : await client.play({ signal });
    const reader = units.getReader();
    const stop = (): void => void reader.cancel().catch(() => {});
    signal.addEventListener("abort", stop, { once: true });
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      if (value.role !== "media") continue;
      const nowMs = performance.now();
      player.firstMs ??= nowMs - startedAt;
      if (phase.isMeasured) {
        player.bytes += unitBytes(value);
        player.longestGapMs = Math.max(player.longestGapMs, nowMs - player.lastAtMs);
      }
      player.lastAtMs = nowMs;
    }
    ended("the stream has ended");
  } catch (error) {
    ended(reasonOf(error));
  }
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Where no player has got anything, there is no time. */
function shownMs(ms: number): string {
  return Number.isNaN(ms) ? "none" : `${ms.toFixed(0)} ms`;
}

function tableOf(result: BenchResult): string {
  const { players, failed, seconds, bitrate, firstMediaMs, longestGapMs, errors } = result;
  const row = (name: string, { p50, p99, max }: Percentiles): string =>
    name.padEnd(22) + [p50, p99, max].map((ms) => shownMs(ms).padStart(10)).join("");
  return [
    `${players} players, ${failed} failed; ${shownBitrate(bitrate)} for ${seconds.toFixed(1)} s`,
    "".padEnd(22) + ["p50", "p99", "max"].map((name) => name.padStart(10)).join(""),
    row("to the first media", firstMediaMs),
    row("longest without media", longestGapMs),
    ...Object.entries(errors).map(([error, count]) => `  ${count} × ${error}`),
  ].join("\n");
}
