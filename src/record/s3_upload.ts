import { concat } from "@std/bytes/concat";
import type { FileSink } from "./recording_store.ts";
import { RecordingError } from "./recording_store.ts";
import type { S3Requests } from "./s3_requests.ts";

/** An upload that is not finished, as it is noted beside the objects. */
export interface S3Note {
  /** The key of the object. */
  readonly key: string;
  /** What the store calls the upload. */
  readonly uploadId: string;
  /** What the store called its parts, in order. */
  readonly etags: readonly string[];
  /** Bytes of them all. */
  readonly bytes: number;
}

/** What uploads of one store share. */
export interface S3UploadContext {
  readonly requests: S3Requests;
  /** Bytes of a part: all but the last have as many, which some services demand. */
  readonly partBytes: number;
  /** Bounds what waits to be sent, of all uploads together. */
  readonly room: S3Room;
  /** Where an upload is noted, so that another program can finish it. */
  readonly noteKey: string;
  /** Is told when the upload is done, one way or the other. */
  readonly onEnd: () => void;
}

/** How long a part is tried, milliseconds: then the file ends, and what is sent of it is finished later. */
const PART_MS = 120_000;

/** Parts of one file that may wait, the one that is being sent included. */
const MOST_WAITING = 3;

/** A service takes 10 000 parts; a file ends at a key frame before that. */
const MOST_PARTS = 9000;

/** A note is written anew after this, so that nobody takes the upload for one that was left, milliseconds. */
const NOTE_EVERY_MS = 60_000;

/**
 * Sends a file to object storage as it is written: in parts as they gather, or at once where it ends before. An object
 * is there when it is whole.
 */
export class S3Upload implements FileSink {
  /** See {@linkcode FileSink.mostBytes}. */
  readonly mostBytes: number;
  readonly #context: S3UploadContext;
  readonly #key: string;
  readonly #type: string;
  #pieces: Uint8Array[] = [];
  #gathered = 0;
  #waiting: Promise<void>[] = [];
  #chain: Promise<void> = Promise.resolve();
  #uploadId: string | undefined;
  #etags: string[] = [];
  #sentBytes = 0;
  #notedMs = 0;
  #failure: { readonly error: unknown } | undefined;
  #storedBytes = 0;

  /** Sends nothing yet. */
  constructor(key: string, type: string, context: S3UploadContext) {
    this.#key = key;
    this.#type = type;
    this.#context = context;
    this.mostBytes = context.partBytes * MOST_PARTS;
  }

  /** See {@linkcode FileSink.storedBytes}. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** See {@linkcode FileSink.write}. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#throwFailure();
    this.#pieces.push(bytes);
    this.#gathered += bytes.length;
    const { partBytes, room } = this.#context;
    while (this.#gathered >= partBytes) {
      const part = this.#takePart(partBytes);
      await room.take(part.length);
      this.#send(part);
    }
    const isOld = performance.now() - this.#notedMs > NOTE_EVERY_MS;
    if (isOld && this.#uploadId !== undefined && this.#waiting.length === 0) this.#renew();
    while (this.#waiting.length >= MOST_WAITING) await this.#waiting[0];
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** See {@linkcode FileSink.close}. */
  async close(): Promise<void> {
    try {
      await this.#close();
    } finally {
      this.#context.onEnd();
    }
  }

  async #close(): Promise<void> {
    const { requests, room } = this.#context;
    const isSmall = this.#uploadId === undefined && this.#waiting.length === 0;
    if (isSmall && this.#failure === undefined) {
      const all = this.#takePart(this.#gathered);
      if (all.length === 0) return;
      await requests.ask((client) => client.putObject(this.#key, all, this.#type), {
        forMs: PART_MS,
      });
      this.#storedBytes = all.length;
      return;
    }
    if (this.#gathered > 0 && this.#failure === undefined) {
      const last = this.#takePart(this.#gathered);
      await room.take(last.length);
      this.#send(last);
    }
    await this.#chain;
    // What cannot be reached is not waited for once more: it is finished later, by its note.
    const error = this.#failure?.error;
    const isGone = error instanceof RecordingError && error.code === "unreachable";
    if (this.#etags.length > 0 && !isGone) await this.#complete();
    this.#throwFailure();
  }

  #takePart(length: number): Uint8Array {
    const all = concat(this.#pieces);
    const rest = all.subarray(length);
    this.#pieces = rest.length === 0 ? [] : [rest.slice()];
    this.#gathered = rest.length;
    return all.subarray(0, length);
  }

  #send(part: Uint8Array): void {
    this.#after(async () => {
      try {
        if (this.#failure === undefined) await this.#sendPart(part);
      } finally {
        this.#context.room.give(part.length);
      }
    });
  }

  /** Puts work behind what waits; the first failure is the upload's. */
  #after(work: () => Promise<void>): void {
    const done = this.#chain.then(work).catch((error) => {
      this.#failure ??= { error };
    }).then(() => {
      this.#waiting = this.#waiting.filter((one) => one !== done);
    });
    this.#waiting.push(done);
    this.#chain = done;
  }

  async #sendPart(part: Uint8Array): Promise<void> {
    const { requests } = this.#context;
    this.#uploadId ??= await requests.ask(
      (client) => client.getMultipartUploadId(this.#key, this.#type),
      { forMs: PART_MS },
    );
    const uploadId = this.#uploadId;
    const { etag } = await requests.ask(
      (client) => client.uploadPart(this.#key, uploadId, part, this.#etags.length + 1),
      { forMs: PART_MS },
    );
    this.#etags.push(etag);
    this.#sentBytes += part.length;
    await this.#note();
  }

  #renew(): void {
    this.#notedMs = performance.now();
    this.#after(() => this.#note());
  }

  async #note(): Promise<void> {
    const note: S3Note = {
      key: this.#key,
      uploadId: this.#uploadId!,
      etags: this.#etags,
      bytes: this.#sentBytes,
    };
    const { requests, noteKey } = this.#context;
    await requests.ask(
      (client) => client.putObject(noteKey, JSON.stringify(note), "application/json"),
      { forMs: PART_MS },
    );
    this.#notedMs = performance.now();
  }

  async #complete(): Promise<void> {
    const { requests, noteKey } = this.#context;
    const note = {
      key: this.#key,
      uploadId: this.#uploadId!,
      etags: this.#etags,
      bytes: this.#sentBytes,
    };
    await completeUpload(requests, note);
    this.#storedBytes = this.#sentBytes;
    // A note that stays is removed when it is looked at.
    await requests.ask((client) => client.deleteObject(noteKey), { forMs: 0 }).catch(() => {});
  }
}

/**
 * Makes an object of the parts of an upload. Where the answer was lost, the upload is gone and the object is there.
 *
 * @throws {RecordingError} (rejects) as {@linkcode S3Requests.ask}
 */
export async function completeUpload(requests: S3Requests, note: S3Note): Promise<void> {
  const parts = note.etags.map((etag, at) => ({ partNumber: at + 1, etag }));
  const isThere = async (): Promise<boolean> => {
    const bytes = await sizeOf(requests, note.key).catch(() => undefined);
    return bytes === note.bytes;
  };
  await requests.ask(async (client) => {
    try {
      const { etag } = await client.completeMultipartUpload(note.key, note.uploadId, parts);
      // A failure that comes after the head of the answer is told in its body.
      if (etag === undefined && !await isThere()) throw new Error("The object was not made");
    } catch (error) {
      if (!await isThere()) throw error;
    }
  }, { forMs: PART_MS });
}

/** The length of an object; `undefined` where there is none. */
export async function sizeOf(requests: S3Requests, key: string): Promise<number | undefined> {
  try {
    return await requests.ask(async (client) => {
      const answer = await client.getObjectRaw(key, false, 0, 1);
      return Number(/\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1]);
    }, { forMs: 0 });
  } catch (error) {
    if (error instanceof RecordingError && error.code === "absent") return undefined;
    throw error;
  }
}

/** Bounds the bytes that wait; who wants room waits in turn. */
export class S3Room {
  #free: number;
  readonly #queue: { readonly bytes: number; readonly resolve: () => void }[] = [];

  /** Has room for so many bytes. */
  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Resolves when there is room; it is to be given back. */
  async take(bytes: number): Promise<void> {
    if (this.#queue.length === 0 && this.#free >= bytes) {
      this.#free -= bytes;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue.push({ bytes, resolve });
    await promise;
  }

  /** Gives room back. */
  give(bytes: number): void {
    this.#free += bytes;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (this.#free < next.bytes) return;
      this.#queue.shift();
      this.#free -= next.bytes;
      next.resolve();
    }
  }
}
