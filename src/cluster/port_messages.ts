import type { Track } from "../media/mod.ts";
import type { PulledStream } from "./carrier.ts";
import type { TalkMessage } from "./port_talk.ts";

/** The messages between two members of a process about streams; each side may fetch from the other. */
export type StreamMessage =
  /** A stream is wanted, whether anybody has it or not; or no longer. */
  | { readonly type: "want"; readonly name: string; readonly isWanted: boolean }
  /** Asks for a stream. */
  | { readonly type: "pull"; readonly pull: number; readonly name: string }
  /** It is there. */
  | {
    readonly type: "start";
    readonly pull: number;
    readonly stream: Pick<PulledStream, "tracks" | "longestKeyIntervalUs">;
    /** The forms of sound by which its publisher can be talked to, where it can. */
    readonly earFormats: readonly Track[] | undefined;
  }
  /** When time 0 of its units was, microseconds since 1970, as far as that is known now. */
  | { readonly type: "epoch"; readonly pull: number; readonly unixUs: number | undefined }
  /** Units of it, packed; the buffer is given away. */
  | { readonly type: "units"; readonly pull: number; readonly buffer: ArrayBuffer }
  /** So many bytes have been taken in. */
  | { readonly type: "taken"; readonly pull: number; readonly bytes: number }
  /** Nothing more comes: it is over, or was not there. */
  | { readonly type: "end"; readonly pull: number; readonly reason: "ended" | "absent" }
  /** No more is wanted. */
  | { readonly type: "stop"; readonly pull: number }
  | TalkMessage;
