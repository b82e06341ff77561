/** What a socket calls; each kind of socket has types of its own for its events. */
// deno-lint-ignore no-explicit-any -- the type of the one fits no other
export type SocketHandler = ((event: any) => void) | null;

/** The part of a WebSocket that what plays by one uses; one of Deno's has it too. */
export interface PlayerSocket {
  /** What messages come as. */
  binaryType: BinaryType;
  /** As of any `WebSocket`. */
  readonly readyState: number;
  /** Bytes of messages that are not written yet. */
  readonly bufferedAmount: number;
  /** Called when messages can be sent. */
  onopen: SocketHandler;
  /** Called with each message. */
  onmessage: SocketHandler;
  /** Called when it is over. */
  onclose: SocketHandler;
  /** Called before that, where something has gone wrong. */
  onerror: SocketHandler;
  /** Sends a message. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /** Says that it ends, and why. */
  close(code?: number, reason?: string): void;
}
