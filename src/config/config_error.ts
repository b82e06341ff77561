/** A configuration cannot be used: each line of the message is one thing that is wrong with it. */
export class ConfigError extends Error {
  /** Name of the class. */
  override readonly name = "ConfigError";
  /** What is wrong, each in one line, in the order of the file. */
  readonly problems: readonly string[];

  /** Makes an error of what is wrong. */
  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join("\n"), options);
    this.problems = problems;
  }
}
