import { reasonOf } from "../log/mod.ts";
import type { RunningCommand } from "./event_command.ts";

/** Longer lines are cut. */
const MAX_LINE_LENGTH = 1000;

/** Starts a program, without a shell and with nothing to read; each line that it writes is told. */
export function startCommand(
  [program, ...args]: readonly string[],
  onLine: (line: string) => void,
): RunningCommand {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program!, { args, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
  } catch (error) {
    const how = reasonOf(error);
    return { ended: Promise.resolve(how), kill: () => {} };
  }
  const ended = Promise.all([child.status, tell(child.stdout, onLine), tell(child.stderr, onLine)])
    .then(
      ([{ code, signal }]) => signal === null ? `exit code ${code}` : `ended by ${signal}`,
      (error) => String(error),
    );
  return {
    ended,
    kill(signal) {
      try {
        child.kill(signal);
      } catch {
        // It has ended already.
      }
    },
  };
}

async function tell(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  const line = (text: string): void => {
    if (text.trim() !== "") onLine(text.slice(0, MAX_LINE_LENGTH));
  };
  for await (const piece of stream) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split(/\r\n|[\r\n]/);
    // A line without an end is not kept for ever.
    rest = lines.pop()!.slice(0, MAX_LINE_LENGTH);
    lines.forEach(line);
  }
  line(rest);
}
