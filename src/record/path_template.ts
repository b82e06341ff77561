import { nameOfPath, pathOfName } from "./name_path.ts";

/** What a file of a recording is of, as its path tells. */
export interface SegmentPlace {
  /** Name of the stream. */
  readonly name: string;
  /** When the segment begins: milliseconds since 1970. */
  readonly startUnixMs: number;
}

/** What may stand in braces, and what stands there then; times are UTC. */
const FIELDS: Readonly<Record<string, string>> = {
  name: "(?<name>.+?)",
  date: "(?<date>\\d{4}-\\d{2}-\\d{2})",
  time: "(?<time>\\d{2}-\\d{2}-\\d{2}-\\d{3})",
  unix: "(?<unix>\\d{10,}-\\d{3})",
};

/** What stands behind a path that was there already; no name has it. */
const AGAIN = /~\d+$/;

/**
 * The paths of a recording's files, without the ending of their format: `{name}` is the stream's name as
 * {@linkcode pathOfName} has it, `{date}` and `{time}` when the file begins, in UTC (`2026-11-27`, `09-30-00-250`),
 * `{unix}` the same as seconds since 1970 (`1795771800-250`).
 *
 * @example
 * ```ts
 * import { PathTemplate } from "@weir/server/record";
 *
 * const template = new PathTemplate("{name}/{date}/{time}");
 * const path = template.pathOf({ name: "live/cam", startUnixMs: 1_795_771_800_250 });
 * console.log(path); // live/cam/2026-11-27/09-30-00-250
 * console.log(template.placeOf(path)?.name); // live/cam
 * ```
 */
export class PathTemplate {
  /** The template as it was written. */
  readonly text: string;
  readonly #pattern: RegExp;

  /**
   * Reads a template.
   *
   * @throws {TypeError} if it lacks `{name}`, or `{unix}` or both `{date}` and `{time}`; has one twice, or another; or
   * leads out of its folder
   */
  constructor(text: string) {
    this.text = text;
    const names = Array.from(text.matchAll(/\{([^{}]*)\}/g), ([, name]) => name!);
    const fixed = text.replaceAll(/\{[^{}]*\}/g, "");
    const unknown = names.find((name) => !(name in FIELDS));
    if (unknown !== undefined) this.#fail(`{${unknown}} is none of {name}, {date}, {time}, {unix}`);
    if (new Set(names).size < names.length) this.#fail("each may stand there once");
    if (!names.includes("name")) this.#fail("it lacks {name}");
    if (!names.includes("unix") && !(names.includes("date") && names.includes("time"))) {
      this.#fail("it lacks {unix}, or {date} and {time}");
    }
    if (!/^[\w./ -]*$/.test(fixed)) {
      this.#fail("beside these, letters, digits and . _ - / are allowed");
    }
    const isOutside = text.split("/").some((part) => part === "" || part === "." || part === "..");
    if (isOutside) this.#fail("no part of the path may be empty, . or ..");
    this.#pattern = new RegExp(
      `^${text.replaceAll(/[.]/g, "\\.").replaceAll(/\{([^{}]*)\}/g, (_, name) => FIELDS[name]!)}$`,
    );
  }

  /** The path of a segment, without its ending; `again` tells how many others had it before. */
  pathOf({ name, startUnixMs }: SegmentPlace, again = 0): string {
    const iso = new Date(startUnixMs).toISOString();
    const unix = `${Math.floor(startUnixMs / 1000)}-${iso.slice(20, 23)}`;
    const values: Readonly<Record<string, string>> = {
      name: pathOfName(name),
      date: iso.slice(0, 10),
      time: iso.slice(11, 23).replaceAll(/[:.]/g, "-"),
      unix,
    };
    const path = this.text.replaceAll(/\{([^{}]*)\}/g, (_, field: string) => values[field]!);
    return again === 0 ? path : `${path}~${again}`;
  }

  /** What a path without its ending is of; `undefined` where it is none of the template's. */
  placeOf(path: string): SegmentPlace | undefined {
    const found = this.#pattern.exec(path.replace(AGAIN, ""));
    if (found === null) return undefined;
    const { name: folder, date, time, unix } = found.groups as Readonly<Record<string, string>>;
    const name = nameOfPath(folder!);
    const startUnixMs = unix === undefined
      ? Date.parse(`${date}T${time!.slice(0, 8).replaceAll("-", ":")}.${time!.slice(9)}Z`)
      : Number(unix.replace("-", ""));
    return name === undefined || !Number.isFinite(startUnixMs) ? undefined : { name, startUnixMs };
  }

  #fail(why: string): never {
    throw new TypeError(
      `Cannot name files as ${why}: current value is ${JSON.stringify(this.text)}`,
    );
  }
}
