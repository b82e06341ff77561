/** A server of its own process, as benchmarks start one. */

/** A server that has told its token. */
export interface StartedServer extends AsyncDisposable {
  readonly pid: number;
  /** What opens its API. */
  readonly token: string;
}

/** Starts a program by Deno; resolves when it has printed `#token=…`, as the command does when it listens. */
export async function startServer(
  args: readonly string[],
  { cwd }: { readonly cwd?: string } = {},
): Promise<StartedServer> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let token: string | undefined;
  for (let text = ""; token === undefined;) {
    const { value, done } = await lines.read();
    if (done) throw new Error("The server has not started");
    text += value;
    token = /#token=(\S+)\n/.exec(text)?.[1];
  }
  return {
    pid: child.pid,
    token,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await lines.cancel();
      await child.status;
    },
  };
}
