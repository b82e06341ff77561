import type { ConnectedEvent, PlayingEvent, PublishingEvent, ResultEvent } from "../rtmp/mod.ts";
import type { RtmpRequestOptions } from "./rtmp_playback.ts";

/** An event that answers a request. */
export type RtmpAnswer = ConnectedEvent | ResultEvent | PlayingEvent | PublishingEvent;

/** The two ends that the promise of a request may have. */
interface Waiter {
  readonly resolve: (answer: RtmpAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** The session that requests go to. */
export interface RtmpRequestsTarget {
  /** Gives a request up. */
  readonly cancel: (id: number) => void;
  /** Sends what the session has to say. */
  readonly flush: () => void;
}

/** The promises of a client's requests that wait for their answers. */
export class RtmpRequests {
  readonly #target: RtmpRequestsTarget;
  readonly #waiters = new Map<number, Waiter>();

  /** Nobody waits yet. */
  constructor(target: RtmpRequestsTarget) {
    this.#target = target;
  }

  /**
   * Makes a request and waits for its answer; `onAnswer` is called before anything after it is looked at. Rejects with
   * what `request` throws, with why the request failed, or with the reason of the signal.
   */
  ask<T extends RtmpAnswer>(
    request: () => number,
    { signal }: RtmpRequestOptions = {},
    onAnswer?: (answer: T) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      signal?.throwIfAborted();
      const id = request();
      const onAbort = (): void => {
        this.#waiters.delete(id);
        this.#target.cancel(id);
        this.#target.flush();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiters.set(id, {
        resolve: (answer) => {
          signal?.removeEventListener("abort", onAbort);
          onAnswer?.(answer as T);
          resolve(answer as T);
        },
        reject: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      });
      this.#target.flush();
    });
  }

  /** A request has been granted. */
  answered(event: RtmpAnswer): void {
    this.#waiters.get(event.request)?.resolve(event);
    this.#waiters.delete(event.request);
  }

  /** A request has failed. */
  failed(request: number, error: unknown): void {
    this.#waiters.get(request)?.reject(error);
    this.#waiters.delete(request);
  }

  /** Nothing is answered any more. */
  failAll(reason: unknown): void {
    for (const waiter of this.#waiters.values()) waiter.reject(reason);
    this.#waiters.clear();
  }
}
