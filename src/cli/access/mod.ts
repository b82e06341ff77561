/**
 * Commands for who may do what: they make what a configuration or a URL holds.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { hashPasswordCommand } from "./hash_password_command.ts";
import { signUrlCommand } from "./sign_url_command.ts";

/** The commands, in the order of the help. */
export const accessCommands: readonly Command[] = [hashPasswordCommand, signUrlCommand];
