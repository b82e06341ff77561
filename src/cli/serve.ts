import {
  LOG_FORMAT,
  LOG_LEVEL,
  serverOptions,
  type Settings,
  TLS_CERT,
  TLS_KEY,
} from "../config/mod.ts";
import { safeLog, Server, ServerError, type ServerLog } from "../server/mod.ts";
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
    const tls = tlsFilesOf(settings);
    const serving = server = new Server({
      ...serverOptions(settings),
      log,
      ...(tls === undefined ? {} : { tls: await readTlsFiles(tls) }),
    });
    let reloading = Promise.resolve();
    onHangup = () => reloading = reloading.then(() => readAgain(serving, { log, tls }));
    await serving.listen();
    log.info(`stopping on ${await stopped.promise}`);
    await serving.stop();
    log.info("stopped");
  } finally {
    for (const { signal, handler } of handlers) Deno.removeSignalListener(signal, handler);
    await server?.stop();
  }
}

/** Files of a certificate and its key. */
interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

function tlsFilesOf(settings: Settings): TlsFiles | undefined {
  const [cert, key] = [settings.get(TLS_CERT), settings.get(TLS_KEY)];
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** Reads again what may have changed since the start; what cannot be used is told, and the former stays. */
async function readAgain(
  server: Server,
  { log, tls }: { readonly log: ServerLog; readonly tls: TlsFiles | undefined },
): Promise<void> {
  if (tls === undefined) {
    log.info("nothing to read again on SIGHUP, as there is no --cert");
    return;
  }
  try {
    await server.reloadTls(await readTlsFiles(tls));
    log.info("certificate read again on SIGHUP", { ...tls });
  } catch (error) {
    log.error("certificate cannot be read again on SIGHUP, the former stays", {
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}

/** Reads certificate and key; a missing permission is told, never asked for. */
async function readTlsFiles(files: TlsFiles): Promise<TlsFiles> {
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
