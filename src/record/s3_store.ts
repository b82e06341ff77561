import {
  type FileSink,
  RecordingError,
  type RecordingStore,
  type StoredFile,
} from "./recording_store.ts";
import { type S3Access, s3Endpoint, S3Requests } from "./s3_requests.ts";
import { completeUpload, type S3Note, S3Room, S3Upload, sizeOf } from "./s3_upload.ts";

/** Options of a {@linkcode S3Store}. */
export interface S3StoreOptions {
  /** Bytes of a part of an upload. Default 5 MiB, which is the least that services take. */
  readonly partBytes?: number;
  /** Bytes that may wait to be sent, beside what gathers for the next part of each file. Default 128 MiB. */
  readonly maxWaitingBytes?: number;
  /** An upload that nobody has gone on with for so long was left, and is finished, milliseconds. Default 300 000. */
  readonly leftAfterMs?: number;
}

/** Where uploads that are not finished are noted, below the prefix. */
const NOTES = ".unfinished/";

/** How long reading and looking is tried, milliseconds: somebody waits for it. */
const READ_MS = 10_000;

/** What others have left is looked for at most so often, milliseconds. */
const RECOVER_EVERY_MS = 50_000;

const PART_BYTES = 5 * 1024 * 1024;

const TYPES: Readonly<Record<string, string>> = {
  mp4: "video/mp4",
  flv: "video/x-flv",
  ts: "video/mp2t",
  mkv: "video/matroska",
};

/**
 * Recordings in object storage that speaks the protocol of S3, of Amazon or others: each file is sent in parts as it is
 * written, without a copy on this machine, and is there when it is whole. Needs `--allow-net` of the service.
 *
 * What waits is bounded. A store that cannot be reached is tried for two minutes; the file ends then, with what was sent
 * of it. An upload that a crash has left is finished with the parts that were sent: what had not gathered to a part,
 * {@linkcode S3StoreOptions.partBytes} at most, is lost.
 *
 * @example
 * ```ts ignore
 * import { Server } from "@weir/server";
 * import { S3Store } from "@weir/server/record";
 *
 * const store = new S3Store("s3://recordings/weir", {
 *   endpoint: "http://localhost:9000",
 *   accessKeyId: Deno.env.get("S3_KEY")!,
 *   secretAccessKey: Deno.env.get("S3_SECRET")!,
 * });
 * await using server = new Server({ record: [{ name: "live/*", to: store }] });
 * ```
 */
export class S3Store implements RecordingStore {
  /** The URL, `s3://BUCKET/PREFIX`. */
  readonly target: string;
  /** See {@linkcode RecordingStore.showsOpenFiles}: an object is there when it is whole. */
  readonly showsOpenFiles = false;
  readonly #requests: S3Requests;
  readonly #prefix: string;
  readonly #partBytes: number;
  readonly #leftAfterMs: number;
  readonly #room: S3Room;
  #recoveredMs = -Infinity;
  /** Files that this program writes. */
  readonly #open = new Set<string>();

  /**
   * Takes `s3://BUCKET/PREFIX`; nothing is asked yet.
   *
   * @throws {TypeError} if the URL, the endpoint or the key is wrong
   * @throws {RangeError} if a part has less than 5 MiB
   */
  constructor(url: string, access: S3Access | undefined, options: S3StoreOptions = {}) {
    const { bucket, prefix } = checkS3(url, access);
    const { partBytes = PART_BYTES, maxWaitingBytes = 128 * 1024 * 1024 } = options;
    if (!(partBytes >= PART_BYTES)) {
      throw new RangeError(
        `Cannot record to ${url} as 'partBytes' must be ${PART_BYTES} or more: current value is ${partBytes}`,
      );
    }
    this.target = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`;
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
    this.#partBytes = partBytes;
    this.#leftAfterMs = options.leftAfterMs ?? 300_000;
    this.#room = new S3Room(Math.max(maxWaitingBytes, partBytes));
    this.#requests = new S3Requests(access!, bucket);
  }

  /** See {@linkcode RecordingStore.onTrouble}. */
  set onTrouble(tell: ((reason: string | undefined) => void) | undefined) {
    this.#requests.onTrouble = tell;
  }

  /** See {@linkcode RecordingStore.check}. */
  async check(): Promise<void> {
    const { host } = this.#requests;
    const { state } = await Deno.permissions.query({ name: "net", host });
    if (state !== "granted") {
      throw new RecordingError(
        "permission",
        `Cannot record to ${this.target} without permission: add --allow-net=${host}`,
      );
    }
    await this.#page(`${this.#prefix}${NOTES}`, { forMs: 0 });
  }

  /** See {@linkcode RecordingStore.create}. */
  async create(path: string): Promise<FileSink | undefined> {
    const key = this.#prefix + path;
    if (this.#open.has(path)) return undefined;
    this.#open.add(path);
    try {
      const isTaken = await this.#requests.ask((client) => client.objectExists(key), {
        forMs: READ_MS,
      });
      if (isTaken !== false) {
        this.#open.delete(path);
        return undefined;
      }
    } catch (error) {
      this.#open.delete(path);
      throw error;
    }
    const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
    return new S3Upload(key, type, {
      requests: this.#requests,
      partBytes: this.#partBytes,
      room: this.#room,
      noteKey: this.#noteKey(path),
      onEnd: () => this.#open.delete(path),
    });
  }

  /** See {@linkcode RecordingStore.list}. */
  async *list(): AsyncIterable<StoredFile> {
    for await (const { Key, Size, LastModified } of this.#objects(this.#prefix)) {
      const path = Key.slice(this.#prefix.length);
      if (path.startsWith(NOTES)) continue;
      yield { path, bytes: Number(Size), modifiedUnixMs: new Date(LastModified).getTime() };
    }
  }

  /** See {@linkcode RecordingStore.read}. */
  async read(
    path: string,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    if (length <= 0) return new Uint8Array(0);
    try {
      return await this.#requests.ask(async (client) => {
        const answer = await client.getObjectRaw(
          this.#prefix + path,
          false,
          offset,
          offset + length,
        );
        const bytes = await answer.bytes();
        // A service that knows no ranges answers with all.
        return answer.status === 206 ? bytes : bytes.subarray(offset, offset + length);
      }, { forMs: READ_MS });
    } catch (error) {
      const { status } = (error as Error).cause as { readonly status?: number } ?? {};
      if (status === 416) return new Uint8Array(0);
      throw error;
    }
  }

  /** See {@linkcode RecordingStore.remove}. */
  async remove(path: string): Promise<void> {
    try {
      await this.#requests.ask((client) => client.deleteObject(this.#prefix + path), {
        forMs: READ_MS,
      });
    } catch (error) {
      if (!(error instanceof RecordingError && error.code === "absent")) throw error;
    }
  }

  /** See {@linkcode RecordingStore.recover}. */
  async *recover(): AsyncIterable<StoredFile> {
    if (performance.now() - this.#recoveredMs < RECOVER_EVERY_MS) return;
    this.#recoveredMs = performance.now();
    for await (const { Key, LastModified } of this.#objects(`${this.#prefix}${NOTES}`)) {
      const path = Key.slice(this.#prefix.length + NOTES.length, -".json".length);
      const modifiedUnixMs = new Date(LastModified).getTime();
      const isLeft = this.#requests.nowUnixMs - modifiedUnixMs > this.#leftAfterMs;
      if (!isLeft || this.#open.has(path)) continue;
      const bytes = await this.#finish(Key);
      if (bytes !== undefined) yield { path, bytes, modifiedUnixMs };
    }
  }

  /** See {@linkcode RecordingStore.close}. */
  async close(done: Promise<unknown>): Promise<void> {
    await this.#requests.close(done);
  }

  /** Finishes the upload of a note; returns the length of its object, where it has one. */
  async #finish(noteKey: string): Promise<number | undefined> {
    const attempt = { forMs: READ_MS };
    const text = await this.#requests.ask((client) => client.getObject(noteKey), attempt);
    const note = noteOf(text);
    // What is no note is nobody's to remove.
    if (note === undefined) return undefined;
    let bytes: number | undefined;
    if (note.etags.length > 0) {
      try {
        await completeUpload(this.#requests, note);
        bytes = note.bytes;
      } catch (error) {
        // It was aborted, by a rule of the bucket, or is whole with one part more.
        if (!(error instanceof RecordingError) || error.code === "unreachable") throw error;
        bytes = await sizeOf(this.#requests, note.key);
      }
    } else {
      await this.#requests.ask(
        (client) => client.abortMultipartUpload(note.key, note.uploadId),
        attempt,
      ).catch(() => {});
    }
    await this.#requests.ask((client) => client.deleteObject(noteKey), attempt);
    return bytes;
  }

  #noteKey(path: string): string {
    return `${this.#prefix}${NOTES}${path}.json`;
  }

  async *#objects(prefix: string) {
    let next: string | undefined;
    do {
      const page = await this.#page(prefix, { forMs: READ_MS, next });
      yield* page.objects ?? [];
      next = page.nextContinuationToken;
    } while (next !== undefined);
  }

  async #page(
    prefix: string,
    { forMs, next }: { readonly forMs: number; readonly next?: string | undefined },
  ) {
    const page = await this.#requests.ask(
      (client) => client.listObjectsPaged("/", prefix, 1000, next),
      { forMs },
    );
    if (page?.objects === null || page === null || page === undefined) {
      throw new RecordingError("store", `Cannot use ${this.target}: there is no such bucket`);
    }
    return page;
  }
}

/** Whether a text says where object storage is. */
export function isS3Url(text: string): boolean {
  return /^s3:/i.test(text);
}

/**
 * Checks where a bucket is and who asks it.
 *
 * @throws {TypeError} if one is wrong; keys are not repeated
 */
export function checkS3(
  url: string,
  access: S3Access | undefined,
): { readonly bucket: string; readonly prefix: string } {
  const found = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/+(.*?))?\/*$/.exec(url);
  const isPlain = found !== null && !/[?#\0\\]|(^|\/)\.{0,2}(\/|$)/.test(found[2] || "x");
  if (!isPlain) {
    throw new TypeError(
      `Cannot record to object storage as its URL must be s3://BUCKET/PREFIX, and a bucket has a name in lower case: current value is ${
        JSON.stringify(url)
      }`,
    );
  }
  if (access === undefined || access.accessKeyId === "" || access.secretAccessKey === "") {
    throw new TypeError(
      `Cannot record to ${url} as 's3' must have 'accessKeyId' and 'secretAccessKey': one is missing`,
    );
  }
  const endpoint = URL.parse(s3Endpoint(access));
  const isFine = endpoint !== null && /^https?:$/.test(endpoint.protocol) &&
    endpoint.username === "" && endpoint.search === "";
  if (!isFine) {
    throw new TypeError(
      `Cannot record to ${url} as 's3.endpoint' must be a URL of http or https, without a user: it is not`,
    );
  }
  return { bucket: found![1]!, prefix: found![2] ?? "" };
}

function noteOf(text: string | null): S3Note | undefined {
  try {
    const note = JSON.parse(text ?? "") as Partial<S3Note>;
    const isNote = typeof note.key === "string" && typeof note.uploadId === "string" &&
      typeof note.bytes === "number" && Array.isArray(note.etags);
    return isNote ? note as S3Note : undefined;
  } catch {
    return undefined;
  }
}
