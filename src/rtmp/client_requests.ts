/** The kinds of requests that a client session makes of its server. */
export type RequestKind = "connect" | "publish" | "play" | "pause" | "resume" | "seek" | "call";

/** A request that is not answered yet. */
export interface ClientRequest {
  readonly id: number;
  readonly kind: RequestKind;
  readonly deadlineMs: number;
  /** Its name in error messages. */
  readonly label: string;
  /** The NetStream that it is about; 0 as long as createStream is not answered. */
  streamId: number;
  /** Sends the publish or play itself, once there is a NetStream for it. */
  readonly begin?: (streamId: number) => void;
  /** Its owner has lost interest: what was begun is ended as soon as it can be named. */
  cancelled: boolean;
}

/** The requests of a client session that wait for their answers, and the transactions that they consist of. */
export class ClientRequests {
  readonly #requests = new Map<number, ClientRequest>();
  /** Which request a transaction belongs to; entries leave with their request. */
  readonly #transactions = new Map<number, ClientRequest>();
  #nextTransaction = 1;

  /** Opens a request; its number is that of the transaction that is begun next. */
  open(
    about:
      & Pick<ClientRequest, "kind" | "label" | "deadlineMs">
      & Partial<Pick<ClientRequest, "streamId" | "begin">>,
  ): ClientRequest {
    const request = { streamId: 0, ...about, id: this.#nextTransaction, cancelled: false };
    this.#requests.set(request.id, request);
    return request;
  }

  /** Takes the number for a command; what answers it belongs to the request, if one is given. */
  beginTransaction(request?: ClientRequest): number {
    const id = this.#nextTransaction++;
    if (request !== undefined) this.#transactions.set(id, request);
    return id;
  }

  /** The request whose transaction is answered, once; `undefined` when nobody waits for that. */
  answered(transactionId: number): ClientRequest | undefined {
    const request = this.#transactions.get(transactionId);
    this.#transactions.delete(transactionId);
    return request;
  }

  /** The request of a number. */
  get(id: number): ClientRequest | undefined {
    return this.#requests.get(id);
  }

  /** The requests about a NetStream, the oldest first. */
  ofStream(streamId: number): ClientRequest[] {
    return this.#requests.values().filter((request) => request.streamId === streamId).toArray();
  }

  /** The requests that should have been answered by now. */
  late(nowMs: number): ClientRequest[] {
    return this.#requests.values().filter(({ deadlineMs }) => nowMs >= deadlineMs).toArray();
  }

  /** A request waits no more. */
  settle(request: ClientRequest): void {
    this.#requests.delete(request.id);
    for (const [id, owner] of this.#transactions) {
      if (owner === request) this.#transactions.delete(id);
    }
  }

  /** None waits any more. */
  clear(): void {
    this.#requests.clear();
    this.#transactions.clear();
  }
}
