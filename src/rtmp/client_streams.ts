/** A NetStream that a client session has created. */
export interface ClientNetStream {
  readonly id: number;
  readonly role: "publish" | "play";
  readonly name: string;
  state: "pending" | "active" | "stopped";
}

/** The NetStreams of a client session. */
export class ClientStreams extends Map<number, ClientNetStream> {
  /** Adds one whose publish or play is asked for. */
  begin(id: number, role: "publish" | "play", name: string): void {
    this.set(id, { id, role, name, state: "pending" });
  }

  /** The NetStream of a message: some servers say 0, which is clear as long as there is one. */
  ofMessage(streamId: number, role?: "play"): ClientNetStream | undefined {
    const stream = this.get(streamId) ?? (streamId === 0 ? this.#only : undefined);
    return role === undefined || stream?.role === role ? stream : undefined;
  }

  get #only(): ClientNetStream | undefined {
    return this.size === 1 ? this.values().next().value : undefined;
  }
}
