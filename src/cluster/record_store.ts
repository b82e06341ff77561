/** A record that machines share, as it was read. */
export interface StoredRecord {
  /** What it says. */
  readonly value: string;
  /** Which change of the store it is. */
  readonly revision: number;
}

/** A question or notice from another machine. */
export type NoticeHandler = (text: string) => string | undefined;

/**
 * Where machines keep what they share. A record vanishes when it has not been written for as long as its kind lasts:
 * `node` records a few seconds, all others an hour.
 */
export interface RecordStore {
  /** Whether it can be reached, as far as is known. */
  readonly isReachable: boolean;
  /** Is called each time that it can be reached again. */
  onReachable: (() => void) | undefined;
  /** Reads a record. */
  get(key: string): Promise<StoredRecord | undefined>;
  /** Makes a record where there is none; resolves with its revision, `undefined` where there is one. */
  create(key: string, value: string): Promise<number | undefined>;
  /** Changes a record that is still at a revision; resolves with the new one, `undefined` where it is not. */
  update(key: string, value: string, revision: number): Promise<number | undefined>;
  /** Writes a record whatever was there. */
  put(key: string, value: string): Promise<void>;
  /** Removes a record that is still at a revision. */
  remove(key: string, revision: number): Promise<void>;
  /** The keys that begin so, in no order. */
  keys(prefix: string): Promise<readonly string[]>;
  /** The records whose keys begin so. */
  list(prefix: string): Promise<ReadonlyMap<string, StoredRecord>>;
  /** Asks a machine; resolves with what it answers, `undefined` where it answers nothing in time. */
  ask(node: string, text: string): Promise<string | undefined>;
  /** Hears what other machines ask of this one. */
  hear(node: string, handler: NoticeHandler): void;
  /** Lets go of it. */
  close(): Promise<void>;
}

/** The store cannot be reached: whether a change was made is not known. */
export class StoreUnreachable extends Error {
  /** Tells the class apart. */
  override readonly name = "StoreUnreachable";
}
