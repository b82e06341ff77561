/** A command as the help lists it. */
export interface ListedCommand {
  /** The word that it is called by. */
  readonly name: string;
  /** What it does, in a line of `--help`. */
  readonly summary: string;
}

/** A command of the program: `weir NAME …`. */
export interface Command {
  /** What `weir NAME --help` prints. */
  readonly help: string;
  /**
   * Runs it with the arguments behind its name, and returns the exit code.
   *
   * @throws {UsageError} (rejects) when the arguments are wrong
   */
  run(args: readonly string[]): Promise<number>;
}
