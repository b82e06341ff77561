import { reasonOf } from "../log/mod.ts";
import { pause, within } from "../time/mod.ts";
import { systemClock } from "../transport/early.ts";
import { openS3Client, type S3Client } from "./s3_client.ts";
import { RecordingError } from "./recording_store.ts";

/** Object storage that speaks the protocol of S3, and who asks it. */
export interface S3Access {
  /**
   * URL of the service, such as `http://localhost:9000`; buckets are asked for in the path. By default that of Amazon in
   * the region.
   */
  readonly endpoint?: string;
  /** Default `us-east-1`. */
  readonly region?: string;
  /** Public part of the key. */
  readonly accessKeyId: string;
  /** Secret part of the key. */
  readonly secretAccessKey: string;
}

/** What is asked, and how often. */
export interface S3Attempt {
  /** How long a request that fails is tried again, milliseconds; 0 for one try. */
  readonly forMs: number;
}

/** How long one request may take, milliseconds: 5 MiB at 350 kb/s. */
const REQUEST_MS = 120_000;

/** The wait after the first failure, and the longest, milliseconds. */
const WAIT_MS = 500;
const MAX_WAIT_MS = 15_000;

/** How long requests are still tried when the program ends, milliseconds. */
const CLOSING_MS = 8000;

const REGION = "us-east-1";

/** The URL of the service. */
export function s3Endpoint(
  { endpoint, region = REGION }: Pick<S3Access, "endpoint" | "region">,
): string {
  return endpoint ?? `https://s3.${region}.amazonaws.com`;
}

/**
 * Asks a bucket: a request that fails is tried again, with waits, as long as its caller says, and it is told once that
 * requests fail, and once that they succeed again.
 */
export class S3Requests {
  readonly #access: S3Access;
  readonly #bucket: string;
  readonly #aborter = new AbortController();
  #client: Promise<S3Client> | undefined;
  #trouble: string | undefined;
  #skewMs = 0;
  /** Is told why requests fail, and `undefined` when they succeed again. */
  onTrouble: ((reason: string | undefined) => void) | undefined;

  /** Asks nothing yet. */
  constructor(access: S3Access, bucket: string) {
    this.#access = access;
    this.#bucket = bucket;
  }

  /** The time of the day by the store's own clock, as far as it is known: milliseconds since 1970. */
  get nowUnixMs(): number {
    return Date.now() + this.#skewMs;
  }

  /** The host and port that permission is needed for. */
  get host(): string {
    const { hostname, port, protocol } = new URL(s3Endpoint(this.#access));
    return `${hostname}:${port === "" ? protocol === "https:" ? 443 : 80 : port}`;
  }

  /**
   * Asks, once or until it succeeds.
   *
   * @throws {RecordingError} (rejects) `unreachable` where it has not succeeded in time, `store` where it never will,
   * `absent` where there is no such thing
   */
  async ask<T>(request: (client: S3Client) => Promise<T>, { forMs }: S3Attempt): Promise<T> {
    const client = await this.#open();
    const endMs = performance.now() + forMs;
    for (let turn = 0;; turn++) {
      try {
        const answer = await request(client);
        this.#tell(undefined);
        return answer;
      } catch (error) {
        const failure = failureOf(error, this.#bucket);
        if (failure.code !== "unreachable") throw failure;
        const waitMs = Math.min(MAX_WAIT_MS, WAIT_MS * 2 ** turn) * (0.75 + Math.random() / 2);
        if (this.#aborter.signal.aborted || performance.now() + waitMs > endMs) throw failure;
        this.#tell(failure.message);
        await pause(waitMs, { clock: systemClock, signal: this.#aborter.signal });
      }
    }
  }

  /** The program ends: what fails is tried for some seconds more, at most until `done` settles. */
  async close(done: Promise<unknown>): Promise<void> {
    const over = done.catch(() => {});
    await within(over, { clock: systemClock, ms: CLOSING_MS });
    this.#aborter.abort();
    await over;
  }

  #open(): Promise<S3Client> {
    const { region = REGION, accessKeyId, secretAccessKey } = this.#access;
    this.#client ??= openS3Client({
      endpoint: `${s3Endpoint(this.#access).replace(/\/+$/, "")}/${this.#bucket}`,
      region,
      accessKeyId,
      secretAccessKey,
      fetch: (input, init) => this.#fetch(input, init),
    }).catch((error) => {
      this.#client = undefined;
      const why = reasonOf(error);
      throw new RecordingError("store", `Cannot load what speaks to object storage: ${why}`);
    });
    return this.#client;
  }

  /** Bodies that nobody reads keep connections; those that are played are read by their caller. */
  async #fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const aborter = new AbortController();
    const abort = (): void => aborter.abort(new Error("The program ends"));
    const timer = setTimeout(() => aborter.abort(new Error("No answer in time")), REQUEST_MS);
    this.#aborter.signal.addEventListener("abort", abort);
    try {
      if (this.#aborter.signal.aborted) abort();
      const answer = await fetch(input, { ...init, signal: aborter.signal });
      const date = Date.parse(answer.headers.get("date") ?? "");
      if (Number.isFinite(date)) this.#skewMs = date - Date.now();
      const body = await answer.bytes();
      const hasBody = body.length > 0 && answer.status !== 204 && answer.status !== 304;
      const { status, headers } = answer;
      return new Response(hasBody ? body : null, { status, headers });
    } finally {
      clearTimeout(timer);
      this.#aborter.signal.removeEventListener("abort", abort);
    }
  }

  #tell(trouble: string | undefined): void {
    const isNews = (trouble === undefined) !== (this.#trouble === undefined);
    this.#trouble = trouble;
    if (isNews) this.onTrouble?.(trouble);
  }
}

/** What an error of the package means: its words name the service's own code, and no key. */
function failureOf(error: unknown, bucket: string): RecordingError {
  if (error instanceof RecordingError) return error;
  const { status, code } = error as { readonly status?: number; readonly code?: string };
  const why = causeOf(error);
  const options = { cause: error };
  if (typeof status !== "number" || status === 0) {
    return new RecordingError("unreachable", `Cannot reach the bucket ${bucket}: ${why}`, options);
  }
  if (status === 404 && code !== "NoSuchBucket") {
    return new RecordingError("absent", `The bucket ${bucket} has no such object`, options);
  }
  const isPassing = status >= 500 && status !== 501 || status === 429 || status === 408 ||
    code === "RequestTimeout" || code === "SlowDown";
  return new RecordingError(
    isPassing ? "unreachable" : "store",
    `Cannot use the bucket ${bucket}: ${why}`,
    options,
  );
}

/** The innermost message: "fetch failed" alone helps nobody. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? causeOf(error.cause) : error.message;
}
