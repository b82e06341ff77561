/**
 * The command: arguments, exit codes, log lines.
 *
 * @module
 */
export { ExitCode } from "./exit_code.ts";
export { main } from "./main.ts";
