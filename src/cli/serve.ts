import {
  API_STATE_FILE,
  checkPermissions,
  CLUSTER_NODE,
  type ConfiguredFiles,
  CONSOLE,
  DRAIN_TIMEOUT,
  LOG_FILE,
  LOG_FORMAT,
  LOG_KEPT,
  LOG_LEVEL,
  LOG_LEVELS,
  LOG_MAX_BYTES,
  type LogLevelName,
  PASSWORD_FILE,
  readConfiguredFiles,
  Reloader,
  serverOptions,
  type Settings,
  shownSettings,
  usersWithoutPassword,
} from "../config/mod.ts";
import { readSecret } from "./access/read_secret.ts";
import { reasonOf } from "../log/mod.ts";
import {
  type ApiProgram,
  type ApiState,
  formatAddress,
  Server,
  ServerError,
} from "../server/mod.ts";
import { apiStateFile } from "./api_state_file.ts";
import { CommandLog, type CommandLogOptions } from "./command_log.ts";

/** Serves by the settings that `load` brings, until the program is told to stop. */
export async function serve(load: () => Promise<Settings>): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const stopped = Promise.withResolvers<Deno.Signal>();
  for (const signal of STOPPING) stack.use(onSignal(signal, () => stopped.resolve(signal)));
  // One that comes before there is anything to read again must not end the program either.
  let onHangup: () => unknown = () => {};
  if (Deno.build.os !== "windows") stack.use(onSignal("SIGHUP", () => void onHangup()));
  const settings = await load();
  checkPermissions(settings);
  const commandLog = stack.adopt(openLog(settings), (log) => log.close());
  const { log } = commandLog;
  const passwords = await askPasswords(settings);
  const readFiles = (settings: Settings): Promise<ConfiguredFiles> =>
    readConfiguredFiles(settings, { passwords });
  const files = await readFiles(settings);
  const program = programOf(commandLog, () => reloader);
  const options = serverOptions(settings);
  const api = options.api === false ? false : { ...options.api, program, ...stateOf(settings) };
  const server = stack.use(new Server({ ...options, ...files, log, api }));
  const reloader: Reloader = new Reloader({
    server,
    log,
    load,
    settings,
    files,
    readFiles,
    onChange: (settings) => commandLog.configure(logOptions(settings)),
  });
  onHangup = () => reloader.reload("SIGHUP").catch(() => {});
  await server.listen();
  tellToken(server, { hasConsole: settings.get(CONSOLE) });
  const signal = await stopped.promise;
  log.info(`stopping on ${signal}`);
  const drains = settings.isGiven(CLUSTER_NODE) || reloader.settings.isGiven(DRAIN_TIMEOUT);
  if (signal === "SIGTERM" && drains) await drained(server);
  await server.stop();
  log.info("stopped");
}

/** Lets clients go to other machines; another signal ends the wait. */
async function drained(server: Server): Promise<void> {
  using stack = new DisposableStack();
  const given = new AbortController();
  for (const signal of STOPPING) stack.use(onSignal(signal, () => given.abort()));
  await server.drain({ signal: given.signal });
}

/** What the API has of the command. */
function programOf(log: CommandLog, reloader: () => Reloader): ApiProgram {
  return {
    config: () => shownSettings(reloader().settings, reloader()),
    reload: () => reloader().reload("the API"),
    logLevel: {
      levels: LOG_LEVELS,
      get: () => log.level,
      set: (level) => log.level = level as LogLevelName,
    },
  };
}

/** Where the API keeps what it changes. */
function stateOf(settings: Settings): { readonly state?: ApiState } {
  const path = settings.get(API_STATE_FILE);
  return path === undefined ? {} : { state: apiStateFile(path) };
}

/**
 * Says once what opens the API, and where the console is that reads it. It stands behind `#`, which browsers send to
 * nobody, and it is not for the log.
 */
function tellToken(server: Server, { hasConsole }: { readonly hasConsole: boolean }): void {
  const { addresses, apiToken } = server;
  const address = addresses.find(({ protocol }) => protocol === "http" || protocol === "https");
  if (address === undefined || apiToken === undefined) return;
  if (!hasConsole) return console.log(`token of the API: ${apiToken}`);
  const { protocol, port } = address;
  const isAny = address.hostname === "0.0.0.0" || address.hostname === "::";
  const hostname = isAny ? "localhost" : address.hostname;
  console.log(`console: ${protocol}://${formatAddress({ hostname, port })}/#token=${apiToken}`);
}

const STOPPING: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

function onSignal(signal: Deno.Signal, handler: () => void): Disposable {
  Deno.addSignalListener(signal, handler);
  return { [Symbol.dispose]: () => Deno.removeSignalListener(signal, handler) };
}

/** Asks for the passwords of users that have none, where somebody sits at a terminal. */
async function askPasswords(settings: Settings): Promise<string[]> {
  const passwords: string[] = [];
  if (settings.isGiven(PASSWORD_FILE) || !Deno.stdin.isTerminal()) return passwords;
  for (const name of usersWithoutPassword(settings)) {
    passwords.push(await readSecret(`Password of ${name}`));
  }
  return passwords;
}

function openLog(settings: Settings): CommandLog {
  try {
    return new CommandLog(logOptions(settings));
  } catch (cause) {
    const why = reasonOf(cause);
    throw new ServerError(
      "state",
      `Cannot write ${settings.nameOf(LOG_FILE)} ${settings.get(LOG_FILE)}: ${why}`,
      { cause },
    );
  }
}

function logOptions(settings: Settings): CommandLogOptions {
  const path = settings.get(LOG_FILE);
  return {
    level: settings.get(LOG_LEVEL),
    format: settings.get(LOG_FORMAT),
    ...(path === undefined ? {} : {
      file: { path, maxBytes: settings.get(LOG_MAX_BYTES), kept: settings.get(LOG_KEPT) },
    }),
  };
}
