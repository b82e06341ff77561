import denoConfig from "../../deno.json" with { type: "json" };
import { safeLog, Server, ServerError, type ServerLog } from "../server/mod.ts";
import { HELP, parseArguments, type ServeRequest, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { consoleLog } from "./console_log.ts";
import { mediaCommands } from "./media/mod.ts";
import { RemoteError } from "./media/remote_stream.ts";

/** Exit codes of the command. */
export const ExitCode = {
  /** It was told to stop, and did. */
  Stopped: 0,
  /** It could not start. */
  Failed: 1,
  /** The command line is wrong. */
  Usage: 2,
} as const;

/** Runs the command until it is told to stop, and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const command = mediaCommands.find(({ name }) => name === args[0]);
    if (command !== undefined) return await runCommand(command, args.slice(1));
    const request = parseArguments(args);
    if (request.command === "help") console.log(HELP.trimEnd());
    else if (request.command === "version") console.log(`weir ${denoConfig.version}`);
    else await serve(request);
    return ExitCode.Stopped;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`weir: ${error.message}`);
      return ExitCode.Usage;
    }
    if (error instanceof ServerError || error instanceof RemoteError) {
      console.error(`weir: ${error.message}`);
      return ExitCode.Failed;
    }
    throw error;
  }
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  if (!args.some((argument) => argument === "--help" || argument === "-h")) {
    return await command.run(args);
  }
  console.log(command.help.trimEnd());
  return ExitCode.Stopped;
}

async function serve(request: ServeRequest): Promise<void> {
  const log = safeLog(consoleLog(request.logLevel, { format: request.logFormat }));
  const stopped = Promise.withResolvers<Deno.Signal>();
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  const handlers = signals.map((signal) => {
    const handler = (): void => stopped.resolve(signal);
    Deno.addSignalListener(signal, handler);
    return { signal, handler };
  });
  // One that comes before there is anything to read again must not end the program either.
  let onHangup: () => unknown = () => {};
  if (Deno.build.os !== "windows") {
    const handler = (): void => void onHangup();
    Deno.addSignalListener("SIGHUP", handler);
    handlers.push({ signal: "SIGHUP", handler });
  }
  const { rtmp, rtmps, rtsp, rtsps, rtp, enhanced, onLoss, multicast, relays, tls, waitMs } =
    request;
  const server = new Server({
    rtmp,
    rtmps,
    rtsp,
    rtsps,
    rtp,
    enhanced,
    onLoss,
    relays,
    log,
    ...(multicast === undefined ? {} : { multicast: { group: multicast } }),
    ...(tls === undefined ? {} : { tls: await readTlsFiles(tls) }),
    ...(waitMs === undefined ? {} : { timing: { playWaitMs: waitMs, describeWaitMs: waitMs } }),
  });
  let reloading = Promise.resolve();
  onHangup = () => reloading = reloading.then(() => readAgain(server, { log, tls }));
  try {
    await server.listen();
    log.info(`stopping on ${await stopped.promise}`);
  } finally {
    for (const { signal, handler } of handlers) Deno.removeSignalListener(signal, handler);
    await server.stop();
  }
  log.info("stopped");
}

/** Reads again what may have changed since the start; what cannot be used is told, and the former stays. */
async function readAgain(
  server: Server,
  { log, tls }: { readonly log: ServerLog; readonly tls: ServeRequest["tls"] },
): Promise<void> {
  if (tls === undefined) {
    log.info("nothing to read again on SIGHUP, as there is no --cert");
    return;
  }
  try {
    await server.reloadTls(await readTlsFiles(tls));
    log.info("certificate read again on SIGHUP", tls);
  } catch (error) {
    log.error("certificate cannot be read again on SIGHUP, the former stays", {
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}

/** Reads certificate and key; a missing permission is told, never asked for. */
async function readTlsFiles(
  files: { readonly cert: string; readonly key: string },
): Promise<{ cert: string; key: string }> {
  const read = async (option: string, path: string): Promise<string> => {
    const permission = await Deno.permissions.query({ name: "read", path });
    if (permission.state !== "granted") {
      throw new ServerError(
        "permission",
        `Cannot read --${option} ${path} without permission: add --allow-read=${path}`,
      );
    }
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ServerError("state", `Cannot read --${option} ${path}: ${why}`, { cause: error });
    }
  };
  return { cert: await read("cert", files.cert), key: await read("key", files.key) };
}
