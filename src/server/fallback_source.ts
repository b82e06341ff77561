import { fileUnits } from "../files/mod.ts";
import type { Gate, PublishTicket } from "../gate/mod.ts";
import type { Clock, Stream } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { unitAt } from "../transmux/mod.ts";
import { repeat } from "../time/mod.ts";

/** What is shown while nobody publishes. */
export type FallbackPlace =
  /** Another stream, by its name. */
  | { readonly kind: "stream"; readonly name: string }
  /** A file, over and over. */
  | { readonly kind: "file"; readonly path: string };

/** What a run of a fallback needs. */
export interface FallbackRun {
  /** The stream that has the fallback. */
  readonly stream: Stream;
  readonly gate: Gate;
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Is told that somebody has sent it away. */
  readonly onKicked: () => void;
}

/** How often it is looked whether a stream that is waited for is still needed, milliseconds. */
const LOOK_MS = 1000;

/** Endings of file names that are files, whatever stands before them. */
const FILE_ENDING = /\.(?:flv|mp4|m4v|mov|mkv|webm|ts|mp3|m4a|ogg|opus|wav|aac|flac)$/i;

/** Paths that are files, whatever their ending. */
const FILE_START = /^(?:\.{0,2}[/\\]|[a-z]:[/\\])/i;

/**
 * What a rule means by a fallback: a path that begins with `/`, `./` or `../`, or ends as media files do, is a file,
 * all else the name of a stream.
 */
export function fallbackPlace(text: string): FallbackPlace {
  const isFile = FILE_START.test(text) || FILE_ENDING.test(text);
  return isFile ? { kind: "file", path: text } : { kind: "stream", name: text };
}

/**
 * Has the readers of a stream see a file from its start on, over and over, until the signal aborts or others end it.
 *
 * @throws {MediaFileError} (rejects) when the file cannot be read
 * @throws {Error} (rejects) when the hub refuses
 */
export async function showFile(path: string, run: FallbackRun): Promise<void> {
  const { clock, stream } = run;
  const abort = new AbortController();
  const signal = AbortSignal.any([run.signal, abort.signal]);
  const ticket = await ticketOf(run);
  if (ticket === undefined) return;
  const reader = fileUnits([path], { loop: true, clock, signal }).getReader();
  try {
    // Readers wait for nothing that cannot be read.
    let next = await reader.read();
    if (signal.aborted || !stream.isFallbackDue) return;
    const started = ticket.start({
      fields: { from: path },
      onEnded: ({ reason }) => {
        if (reason === "kicked") run.onKicked();
        abort.abort();
      },
    });
    if (!("granted" in started)) throw new Error(whyNot(started));
    while (!next.done && !signal.aborted) {
      ticket.write(next.value);
      ticket.commit();
      next = await reader.read();
    }
  } finally {
    abort.abort();
    ticket.end(ENDED);
    await reader.cancel().catch(() => {});
  }
}

/**
 * Has the readers of a stream see another stream, once that is live, until it ends or has another publisher, the signal
 * aborts, or others end it.
 *
 * @throws {Error} (rejects) when the hub refuses
 */
export async function showStream(source: Stream, run: FallbackRun): Promise<void> {
  if (!await isLiveInTime(source, run)) return;
  const ticket = await ticketOf(run);
  if (ticket === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  run.signal.addEventListener("abort", stop);
  let untap = (): void => {};
  try {
    const { publication } = source;
    if (publication === undefined || !run.stream.isFallbackDue) return;
    const kept: MediaUnit[] = [];
    let take = (unit: MediaUnit): void => void kept.push(unit);
    untap = source.tap((unit) => {
      if (source.publication !== publication) return stop();
      take(unit);
    }, stop);
    const started = ticket.start({
      ...(publication.tracks === undefined ? {} : { tracks: publication.tracks }),
      fields: { from: source.name },
      onEnded: ({ reason }) => {
        if (reason === "kicked") run.onKicked();
        stop();
      },
    });
    if (!("granted" in started)) throw new Error(whyNot(started));
    take = (unit) => {
      ticket.write(unit);
      ticket.commit();
    };
    for (const unit of inNoTime(kept)) ticket.write(unit);
    ticket.commit();
    await promise;
  } finally {
    run.signal.removeEventListener("abort", stop);
    untap();
    ticket.end(ENDED);
  }
}

/** Waits until a stream is live; false where it is needed no longer before. */
async function isLiveInTime(source: Stream, { stream, signal, clock }: FallbackRun) {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const look = (): boolean => {
    const isNeeded = !signal.aborted && stream.isFallbackDue;
    if (isNeeded && !source.isLive) return true;
    resolve(isNeeded);
    return false;
  };
  const unwatch = source.watch(() => resolve(true));
  signal.addEventListener("abort", look);
  look();
  const looking = repeat(look, { clock, ms: LOOK_MS });
  const isLive = await promise;
  looking.cancel();
  signal.removeEventListener("abort", look);
  unwatch();
  return isLive;
}

async function ticketOf({ gate, stream }: FallbackRun): Promise<PublishTicket | undefined> {
  const answer = await gate.own("fallback").publish({ name: stream.name, isFallback: true });
  return "granted" in answer ? answer.granted : undefined;
}

function whyNot(answer: object): string {
  return "why" in answer ? String(answer.why) : "the gate has not granted it";
}

/** What a picture takes that is shown in no time, and what all of them take at most, microseconds. */
const SHORT_US = 1000;
const LONGEST_US = 250_000;

/**
 * The units that a reader of another stream begins with, from a key frame on, so that they take no time: who sees them
 * would else be behind by as long as they are, each time. Pictures keep their order, those that are to be shown later
 * than now keep their times, and sound is left out, since it cannot be hurried.
 */
export function inNoTime(kept: readonly MediaUnit[]): MediaUnit[] {
  const isPicture = ({ kind, role }: MediaUnit): boolean => kind === "video" && role === "media";
  const pictures = kept.filter(isPicture);
  const [first, last] = [pictures[0], pictures.at(-1)];
  if (first === undefined || last === undefined) return [...kept];
  const [fromUs, nowUs] = [first.dtsUs, last.dtsUs];
  const spanUs = Math.min(LONGEST_US, pictures.length * SHORT_US, nowUs - fromUs);
  const hurried = (timeUs: number): number =>
    nowUs === fromUs
      ? timeUs
      : Math.round(nowUs - spanUs + (timeUs - fromUs) * spanUs / (nowUs - fromUs));
  return kept.flatMap((unit) => {
    if (unit.kind === "audio" && unit.role === "media") return [];
    if (!isPicture(unit)) return [unit];
    const { dtsUs, ptsUs } = unit;
    return [
      unitAt(unit, { dtsUs: hurried(dtsUs), ptsUs: Math.max(ptsUs, hurried(ptsUs)) }),
    ];
  });
}

const ENDED = { clean: true, reason: "over", message: "The fallback is over" };
