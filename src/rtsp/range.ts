import { RtspError } from "./errors.ts";

/** A SMPTE time code (RFC 2326, 3.5). */
export interface SmpteTime {
  /** Hours, 0 to 99. */
  readonly hours: number;
  /** Minutes, 0 to 99 as written. */
  readonly minutes: number;
  /** Seconds, 0 to 99 as written. */
  readonly seconds: number;
  /** Frames. */
  readonly frames: number;
  /** Hundredths of a frame. */
  readonly subframes: number;
}

/** A `Range` header (RFC 2326, 12.29); a side that is `undefined` is open. */
export type RtspRange =
  | {
    /** Normal play time: seconds since the start, or `now` for a live stream. */
    readonly unit: "npt";
    readonly start: number | "now" | undefined;
    readonly end: number | undefined;
    /** When to carry it out, in milliseconds since 1970. */
    readonly timeMs?: number;
  }
  | {
    readonly unit: "smpte" | "smpte-30-drop" | "smpte-25";
    readonly start: SmpteTime | undefined;
    readonly end: SmpteTime | undefined;
    /** When to carry it out, in milliseconds since 1970. */
    readonly timeMs?: number;
  }
  | {
    /** Absolute time, in milliseconds since 1970. */
    readonly unit: "clock";
    readonly start: number | undefined;
    readonly end: number | undefined;
    /** When to carry it out, in milliseconds since 1970. */
    readonly timeMs?: number;
  };

/**
 * Reads a `Range` header.
 *
 * @throws {RtspError} `malformed-range`, which a server answers with 457
 *
 * @example
 * ```ts
 * import { parseRange } from "@weir/server/rtsp";
 *
 * console.log(parseRange("npt=0:01:05.5-")); // { unit: "npt", start: 65.5, end: undefined }
 * ```
 */
export function parseRange(text: string): RtspRange {
  const [range = "", ...parameters] = text.split(";").map((part) => part.trim());
  const equals = range.indexOf("=");
  const dash = range.indexOf("-", equals);
  if (equals < 0 || dash < 0) throw malformed(text);
  const unit = range.slice(0, equals).trimEnd();
  const from = range.slice(equals + 1, dash);
  const to = range.slice(dash + 1);
  const time = parameters.map(timeOf).find(Boolean);
  const when = time === undefined ? {} : { timeMs: parseClock(time, text) };
  const side = <T>(value: string, parse: (value: string, whole: string) => T) =>
    value.trim() === "" ? undefined : parse(value.trim(), text);
  switch (unit.toLowerCase()) {
    case "npt": {
      const end = side(to, parseNpt);
      if (end === "now") throw malformed(text);
      return { unit: "npt", start: side(from, parseNpt), end, ...when };
    }
    case "clock":
      return { unit: "clock", start: side(from, parseClock), end: side(to, parseClock), ...when };
    case "smpte":
    case "smpte-30-drop":
    case "smpte-25": {
      const start = side(from, parseSmpte);
      const name = unit.toLowerCase() as "smpte" | "smpte-30-drop" | "smpte-25";
      return { unit: name, start, end: side(to, parseSmpte), ...when };
    }
    default:
      throw malformed(text);
  }
}

/**
 * Writes a `Range` header.
 *
 * @example
 * ```ts
 * import { formatRange } from "@weir/server/rtsp";
 *
 * console.log(formatRange({ unit: "npt", start: "now", end: undefined })); // npt=now-
 * ```
 */
export function formatRange(range: RtspRange): string {
  const when = range.timeMs === undefined ? "" : `;time=${formatClock(range.timeMs)}`;
  switch (range.unit) {
    case "npt":
      return `npt=${formatNpt(range.start)}-${formatNpt(range.end)}${when}`;
    case "clock":
      return `clock=${formatClock(range.start)}-${formatClock(range.end)}${when}`;
    default:
      return `${range.unit}=${formatSmpte(range.start)}-${formatSmpte(range.end)}${when}`;
  }
}

/** The value of a parameter if it is `time=`. */
function timeOf(parameter: string): string | undefined {
  const [name = "", ...value] = parameter.split("=");
  return name.trim().toLowerCase() === "time" ? value.join("=").trim() : undefined;
}

function parseNpt(text: string, whole: string): number | "now" {
  if (text.toLowerCase() === "now") return "now";
  if (/^\d{1,12}(\.\d*)?$/.test(text)) return Number(text);
  const parts = /^(\d{1,9}):(\d{1,2}):(\d{1,2}(?:\.\d*)?)$/.exec(text);
  if (parts === null) throw malformed(whole);
  return Number(parts[1]) * 3600 + Number(parts[2]) * 60 + Number(parts[3]);
}

function formatNpt(value: number | "now" | undefined): string {
  return value === undefined ? "" : String(value);
}

function parseSmpte(text: string, whole: string): SmpteTime {
  const parts = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,2}))?)?$/.exec(text);
  if (parts === null) throw malformed(whole);
  const [hours, minutes, seconds, frames, subframes] = parts.slice(1).map((part) =>
    Number(part ?? 0)
  );
  return {
    hours: hours!,
    minutes: minutes!,
    seconds: seconds!,
    frames: frames!,
    subframes: subframes!,
  };
}

function formatSmpte(time: SmpteTime | undefined): string {
  if (time === undefined) return "";
  const two = (value: number) => String(value).padStart(2, "0");
  const { hours, minutes, seconds, frames, subframes } = time;
  const text = `${two(hours)}:${two(minutes)}:${two(seconds)}`;
  if (frames === 0 && subframes === 0) return text;
  return `${text}:${two(frames)}${subframes === 0 ? "" : `.${two(subframes)}`}`;
}

function parseClock(text: string, whole: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\.\d{1,9})?Z$/i.exec(text.trim());
  if (parts === null) throw malformed(whole);
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  const whenMs = Date.UTC(year!, month! - 1, day, hour, minute, second);
  return whenMs + Math.round(Number(parts[7] ?? 0) * 1000);
}

function formatClock(timeMs: number | undefined): string {
  if (timeMs === undefined) return "";
  return new Date(timeMs).toISOString().replaceAll(/[:-]/g, "").replace(/\.000Z$/, "Z");
}

function malformed(text: string): RtspError {
  const message = `no range: "${text.slice(0, 80)}"`;
  return new RtspError("malformed-range", message, { status: 457 });
}
