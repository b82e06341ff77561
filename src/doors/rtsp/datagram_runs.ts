import type { WireRun } from "../../hub/mod.ts";
import { framesIn, type RtspFrame } from "./join_burst.ts";

/** Packets that go to one port, one behind the other. */
export interface DatagramRun {
  /** Index of their track. */
  readonly track: number;
  /** Whether they are RTCP. */
  readonly rtcp: boolean;
  /** The packets, views of the log. */
  readonly packets: readonly Uint8Array[];
  /** Their bytes. */
  readonly bytes: number;
  /** Whether what was before them is to be made something of first: they wait a moment. */
  readonly isSettling: boolean;
}

/** Packets that are sent at once at most: what paces them is asked before each run. */
const MOST_PACKETS = 16;

/** Puts frames together that go to the same port. */
export function* datagramRuns(frames: Iterable<RtspFrame>): Generator<DatagramRun> {
  let run: (DatagramRun & { readonly packets: Uint8Array[]; bytes: number }) | undefined;
  for (const { track, rtcp, packet, isSettling = false } of frames) {
    const goesOn = run !== undefined && run.track === track && run.rtcp === rtcp && !isSettling &&
      run.packets.length < MOST_PACKETS;
    if (!goesOn) {
      if (run !== undefined) yield run;
      run = { track, rtcp, packets: [], bytes: 0, isSettling };
    }
    run!.packets.push(packet);
    run!.bytes += packet.length;
  }
  if (run !== undefined) yield run;
}

const sharedRuns = new WeakMap<WireRun, readonly DatagramRun[]>();

/** All packets of a run of the log: players at the same place share them. */
export function datagramRunsOf(run: WireRun): readonly DatagramRun[] {
  let runs = sharedRuns.get(run);
  if (runs === undefined) {
    runs = [...datagramRuns(framesIn(run))];
    sharedRuns.set(run, runs);
  }
  return runs;
}
