/** Exit codes of the command. */
export const ExitCode = {
  /** It was told to stop, and did. */
  Stopped: 0,
  /** It could not start. */
  Failed: 1,
  /** The command line or the configuration is wrong. */
  Usage: 2,
} as const;
