import {
  LOG_FORMAT,
  LOG_LEVEL,
  readConfiguredFiles,
  serverOptions,
  type Settings,
  TLS_CERT,
  TLS_KEY,
  tlsOf,
} from "../config/mod.ts";
import { safeLog, Server, type ServerLog } from "../server/mod.ts";
import { consoleLog } from "./console_log.ts";

/** Serves by the settings that `load` brings, until the program is told to stop. */
export async function serve(load: () => Promise<Settings>): Promise<void> {
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
  let server: Server | undefined;
  try {
    const settings = await load();
    const log = safeLog(
      consoleLog(settings.get(LOG_LEVEL), { format: settings.get(LOG_FORMAT) }),
    );
    const serving = server = new Server({
      ...serverOptions(settings),
      ...await readConfiguredFiles(settings),
      log,
    });
    let reloading = Promise.resolve();
    onHangup = () => reloading = reloading.then(() => readAgain(serving, { log, settings }));
    await serving.listen();
    log.info(`stopping on ${await stopped.promise}`);
    await serving.stop();
    log.info("stopped");
  } finally {
    for (const { signal, handler } of handlers) Deno.removeSignalListener(signal, handler);
    await server?.stop();
  }
}

/** Reads again what may have changed since the start; what cannot be used is told, and the former stays. */
async function readAgain(
  server: Server,
  { log, settings }: { readonly log: ServerLog; readonly settings: Settings },
): Promise<void> {
  try {
    const tls = await tlsOf(settings);
    if (tls === undefined) {
      log.info("nothing to read again on SIGHUP, as there is no --cert");
      return;
    }
    await server.reloadTls(tls);
    log.info("certificate read again on SIGHUP", {
      cert: settings.get(TLS_CERT),
      key: settings.get(TLS_KEY),
    });
  } catch (error) {
    log.error("certificate cannot be read again on SIGHUP, the former stays", {
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}
