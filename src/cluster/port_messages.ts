import type { PulledStream } from "./carrier.ts";

/** The messages between two members of a process about streams; each side may fetch from the other. */
export type StreamMessage =
  /** Asks for a stream. */
  | { readonly type: "pull"; readonly pull: number; readonly name: string }
  /** It is there. */
  | { readonly type: "start"; readonly pull: number; readonly stream: PulledStream }
  /** Units of it, packed; the buffer is given away. */
  | { readonly type: "units"; readonly pull: number; readonly buffer: ArrayBuffer }
  /** So many bytes have been taken in. */
  | { readonly type: "taken"; readonly pull: number; readonly bytes: number }
  /** Nothing more comes: it is over, or was not there. */
  | { readonly type: "end"; readonly pull: number; readonly reason: "ended" | "absent" }
  /** No more is wanted. */
  | { readonly type: "stop"; readonly pull: number };
