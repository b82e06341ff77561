/**
 * The command: arguments, exit codes, log lines.
 *
 * @module
 */
export { ExitCode, main } from "./main.ts";
