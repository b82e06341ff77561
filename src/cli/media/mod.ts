/**
 * Commands that publish, play and look at streams of servers, whichever these are.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { benchCommand } from "./bench_command.ts";
import { playCommand } from "./play_command.ts";
import { probeCommand } from "./probe_command.ts";
import { publishCommand } from "./publish_command.ts";

/** The commands, in the order of `--help`. */
export const mediaCommands: readonly Command[] = [
  publishCommand,
  playCommand,
  probeCommand,
  benchCommand,
];
