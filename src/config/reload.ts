import { reasonOf } from "../log/mod.ts";
import type { Server, ServerLog } from "../server/mod.ts";
import { ConfigError } from "./config_error.ts";
import type { ConfiguredFiles } from "./configured_files.ts";
import { checkReloadPermissions, permissionsOf } from "./permission_check.ts";
import { liveOptions } from "./server_options.ts";
import type { Setting } from "./setting.ts";
import type { Settings } from "./settings.ts";
import { LOG } from "./settings/log.ts";
import { HTTP_PORT, HTTPS_PORT } from "./settings/http.ts";
import { RTMP_PORT, RTMPS_PORT, RTSP_PORT, RTSPS_PORT } from "./settings/listening.ts";
import { SETTINGS } from "./table.ts";

/** The outcome of a reload. */
export interface ReloadReport {
  /** Keys of settings that have changed, and hold now. */
  readonly applied: readonly string[];
  /** Keys of settings that are not as they were when the server was started, and wait for its next start. */
  readonly waiting: readonly string[];
}

/** What a {@linkcode Reloader} works on. */
export interface ReloaderOptions {
  readonly server: Server;
  readonly log: ServerLog;
  /** Reads the settings again, and checks them. */
  readonly load: () => Promise<Settings>;
  /** Settings that the server was made with. */
  readonly settings: Settings;
  /** The files that those name, as they were read. */
  readonly files: ConfiguredFiles;
  /** Reads the files that settings name. */
  readonly readFiles: (settings: Settings) => Promise<ConfiguredFiles>;
  /** Applies what is not the server's: where log lines go. What it throws is why it cannot. */
  readonly onChange?: (settings: Settings) => void;
}

/**
 * Reads the configuration again, and gives the server what has changed. Nobody is disconnected for it but who is
 * no longer allowed, and by the relays that are changed or gone; a configuration that is wrong changes nothing.
 */
export class Reloader {
  readonly #options: ReloaderOptions;
  #settings: Settings;
  #files: ConfiguredFiles;
  /** Keys of ports that could not be changed by the last reload. */
  #late: ReadonlySet<string> = new Set();
  #turn: Promise<unknown> = Promise.resolve();

  /** Is made together with the server. */
  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#files = options.files;
  }

  /** The settings in force, and those that wait for the next start. */
  get settings(): Settings {
    return this.#settings;
  }

  /** The settings that the server was started with. */
  get started(): Settings {
    return this.#options.settings;
  }

  /**
   * Reads everything again, one call after the other; `by` says in the log who has asked for it.
   *
   * @throws {ConfigError} (rejects) if the configuration is wrong: then nothing is changed
   * @throws {ServerError} (rejects) `permission` or `state` if a file cannot be read: then nothing is changed
   */
  reload(by: string): Promise<ReloadReport> {
    const turn = this.#turn.then(() => this.#reload(by));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #reload(by: string): Promise<ReloadReport> {
    const { log, load, server, readFiles } = this.#options;
    if (this.#settings.file === undefined && permissionsOf(this.#settings).length === 0) {
      log.info(`nothing to read again on ${by}, as there is no --config and no other file`);
      return { applied: [], waiting: [] };
    }
    try {
      const settings = await load();
      checkReloadPermissions(settings);
      const { tls, ...files } = await readFiles(settings);
      await server.configure({ ...liveOptions(settings), ...files });
      await this.#reloadTls(tls, by);
      const late = new Set([...await this.#changePorts(settings), ...this.#changeLog(settings)]);
      const report = reportOf(settings, {
        before: this.#settings,
        started: this.#options.settings,
        late,
      });
      this.#settings = settings;
      tell(log, report, by);
      return report;
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [reasonOf(error)];
      for (const reason of problems) {
        log.error(`configuration cannot be read again on ${by}, the former stays`, { reason });
      }
      throw error;
    }
  }

  /** One that cannot be used changes nothing else: the former stays. */
  async #reloadTls(tls: ConfiguredFiles["tls"], by: string): Promise<void> {
    const { log, server } = this.#options;
    const former = this.#files.tls;
    if (tls === undefined || (tls.cert === former?.cert && tls.key === former.key)) return;
    try {
      await server.reloadTls(tls);
      this.#files = { ...this.#files, tls };
      log.info(`certificate read again on ${by}`);
    } catch (error) {
      log.error(`certificate cannot be read again on ${by}, the former stays`, {
        reason: reasonOf(error),
      });
    }
  }

  /** Returns the keys of what has changed about the log where that cannot be changed now. */
  #changeLog(settings: Settings): readonly string[] {
    const { log, onChange } = this.#options;
    try {
      onChange?.(settings);
      return [];
    } catch (error) {
      log.error("the log file cannot be opened, the former is written on", {
        reason: reasonOf(error),
      });
      const changed = LOG.filter((row) => !isSame(this.#settings.get(row), settings.get(row)));
      return changed.map(({ key }) => key);
    }
  }

  /** Listens elsewhere where the settings say so; returns the keys of ports that cannot be had now. */
  async #changePorts(settings: Settings): Promise<ReadonlySet<string>> {
    const { server, log } = this.#options;
    const late = new Set<string>();
    for (const [protocol, row] of PORTS) {
      const address = settings.get(row);
      // One that could not be had before is tried again.
      if (isSame(address, this.#settings.get(row)) && !this.#late.has(row.key)) continue;
      try {
        await server.relisten(protocol, address);
      } catch (error) {
        late.add(row.key);
        log.error("a port cannot be changed, the former stays", {
          setting: row.key,
          reason: reasonOf(error),
        });
      }
    }
    this.#late = late;
    return late;
  }
}

/** Where clients connect to, by protocol. */
const PORTS = [
  ["rtmp", RTMP_PORT],
  ["rtmps", RTMPS_PORT],
  ["rtsp", RTSP_PORT],
  ["rtsps", RTSPS_PORT],
  ["http", HTTP_PORT],
  ["https", HTTPS_PORT],
] as const;

/**
 * `late` are keys of settings that could be applied in general, and were not now. What waits is told again each time, and
 * no more once it is again as it was at the start.
 */
function reportOf(
  after: Settings,
  { before, started, late }: {
    readonly before: Settings;
    readonly started: Settings;
    readonly late: ReadonlySet<string>;
  },
): ReloadReport {
  const isApplied = ({ key, change }: Setting): boolean => change === "reload" && !late.has(key);
  const differs = (from: Settings, row: Setting): boolean => !isSame(from.get(row), after.get(row));
  const applied = SETTINGS.filter((row) => isApplied(row) && differs(before, row));
  const waiting = SETTINGS.filter((row) =>
    !isApplied(row) && (late.has(row.key) || differs(started, row))
  );
  return { applied: applied.map(({ key }) => key), waiting: waiting.map(({ key }) => key) };
}

function tell(log: ServerLog, { applied, waiting }: ReloadReport, by: string): void {
  if (applied.length > 0 || waiting.length === 0) {
    log.info(`configuration read again on ${by}`, { changed: applied.join(" ") || "nothing" });
  }
  if (waiting.length > 0) {
    log.warn("settings that have changed wait for the next start", { settings: waiting.join(" ") });
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, withMaps) === JSON.stringify(b, withMaps);
}

/** JSON has neither maps nor infinities. */
function withMaps(_key: string, value: unknown): unknown {
  if (value instanceof Map) return { map: [...value] };
  return value === Infinity ? "unlimited" : value;
}
