/** Where a pipeline gets its pieces. */
export interface PieceSource<T> {
  /** Resolves with the next piece; with `undefined` at the end. Asked only when somebody waits for one. */
  next(): Promise<T | undefined>;
  /** Nobody wants more. */
  cancel?(reason: unknown): Promise<void>;
}
