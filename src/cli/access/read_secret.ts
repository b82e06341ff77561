/** Longer lines are no password. */
const MAX_LENGTH = 4096;

/**
 * Reads a secret from standard input, up to the end of its first line. On a terminal it is asked for, and what is typed
 * is not shown.
 */
export async function readSecret(what: string): Promise<string> {
  if (!Deno.stdin.isTerminal()) return await readLine();
  const prompt = new TextEncoder().encode(`${what}: `);
  Deno.stderr.writeSync(prompt);
  Deno.stdin.setRaw(true, { cbreak: true });
  try {
    return await readTyped();
  } finally {
    Deno.stdin.setRaw(false);
    Deno.stderr.writeSync(new TextEncoder().encode("\n"));
  }
}

async function readLine(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of Deno.stdin.readable) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > MAX_LENGTH || text.includes("\n")) break;
  }
  return text.split(/\r?\n/, 1)[0]!.slice(0, MAX_LENGTH);
}

/** Reads keys until one ends the line; the last one can be taken back. */
async function readTyped(): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(256);
  let text = "";
  for (;;) {
    const count = await Deno.stdin.read(buffer);
    if (count === null) return text;
    for (const key of decoder.decode(buffer.subarray(0, count), { stream: true })) {
      if (key === "\r" || key === "\n" || key === "\x04") return text;
      if (key === "\x7f" || key === "\b") text = [...text].slice(0, -1).join("");
      else if (text.length < MAX_LENGTH) text += key;
    }
  }
}
