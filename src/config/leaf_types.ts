import { type ListenAddress, type NumberBounds, parseListenAddress } from "../server/mod.ts";
import { SettingFault, wrong } from "./setting_fault.ts";
import type { LeafType, SettingType } from "./setting.ts";

/** One of several words. */
export function choice<T extends string>(values: readonly T[]): LeafType<T> {
  const type: LeafType<T> = {
    kind: "leaf",
    allowed: values.join(", "),
    json: { enum: values },
    read(value) {
      const found = values.find((allowed) => allowed === value);
      if (found === undefined) throw wrong(value, type);
      return found;
    },
    show: (value) => value,
  };
  return type;
}

/** Yes or no. */
export const TOGGLE: LeafType<boolean> = {
  kind: "leaf",
  allowed: "true or false",
  json: { type: "boolean" },
  read(value) {
    if (value === true || value === "true") return true;
    if (value === false || value === "false") return false;
    throw wrong(value, TOGGLE);
  },
  show: String,
};

/** A text that YAML takes as it stands, and for a text. */
const PLAIN = /^(?!true$|false$|null$)[A-Za-z_/][\w./@+-]*$/;

/** Options of {@linkcode text}. */
export interface TextOptions {
  /** What is allowed, in words. */
  readonly allowed: string;
  /** What the whole text must be like. */
  readonly pattern?: RegExp;
  /** Whether no error may show it. */
  readonly isSecret?: boolean;
}

/** A text that is not empty. */
export function text(options: TextOptions): LeafType<string> {
  const { pattern = /^.+$/s, isSecret = false } = options;
  const type: LeafType<string> = {
    kind: "leaf",
    allowed: options.allowed,
    json: { type: "string", minLength: 1 },
    isSecret,
    read(value) {
      const read = typeof value === "number" ? String(value) : value;
      if (typeof read !== "string" || !pattern.test(read)) throw wrong(value, type);
      return read;
    },
    show: (value) => PLAIN.test(value) ? value : JSON.stringify(value),
  };
  return type;
}

/** One word, or a list of words. */
export function words(
  { values, allowed, isSecret = false, isRight = () => true }: {
    /** The words that there are; any by default. */
    readonly values?: readonly string[];
    /** Whether a word is one of those that are allowed, where these are no list. */
    readonly isRight?: (word: string) => boolean;
    readonly allowed: string;
    readonly isSecret?: boolean;
  },
): LeafType<readonly string[]> {
  const word = values === undefined ? { type: "string", minLength: 1 } : { enum: values };
  const type: LeafType<readonly string[]> = {
    kind: "leaf",
    allowed,
    isSecret,
    json: { anyOf: [word, { type: "array", items: word }] },
    read(value) {
      const list = Array.isArray(value) ? value : [value];
      const odd = list.find((one) =>
        typeof one !== "string" || one === "" || values?.includes(one) === false || !isRight(one)
      );
      if (list.length === 0 || odd !== undefined) throw wrong(odd ?? value, type);
      return list;
    },
    show: (value) => value.length === 1 ? value[0]! : `[${value.join(", ")}]`,
  };
  return type;
}

/** The path of a file, from the working directory on. */
export const FILE: LeafType<string> = text({ allowed: "a FILE", pattern: /^[^\0]+$/ });

/** A number as a server's table bounds it; a text of digits is one too, since the command line has only those. */
export function number(bounds: NumberBounds): LeafType<number> {
  const { min, max, isWhole } = bounds;
  const hasEnd = max !== Infinity;
  const kind = isWhole ? "a whole number" : "a number";
  const type: LeafType<number> = {
    kind: "leaf",
    allowed: hasEnd ? `${kind} from ${min} to ${max}` : `${kind} from ${min} on, or unlimited`,
    json: bounded(bounds, isWhole ? "integer" : "number"),
    read(value) {
      const read = value === "unlimited" ? Infinity : numberOf(value);
      return within(read, { bounds, value, type });
    },
    show: (value) => value === Infinity ? "unlimited" : String(value),
  };
  return type;
}

const TIME_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time, in milliseconds; a number without a unit is of seconds. */
export function time(bounds: NumberBounds): LeafType<number> {
  const { min, max } = bounds;
  const most = max === Infinity ? "on, or unlimited" : `to ${Math.floor(max / 1000)}`;
  const type: LeafType<number> = {
    kind: "leaf",
    allowed: `a time such as 10, 500ms, 10s, 5m or 1h; in seconds from ${min / 1000} ${most}`,
    json: { anyOf: [{ type: "number", minimum: min / 1000 }, { type: "string", pattern: TIME }] },
    read(value) {
      if (value === "unlimited") return within(Infinity, { bounds, value, type });
      return within(withUnit(value, { units: TIME_UNITS, plain: 1000 }), { bounds, value, type });
    },
    show(value) {
      if (value === Infinity) return "unlimited";
      if (value % 3_600_000 === 0 && value > 0) return `${value / 3_600_000}h`;
      if (value % 60_000 === 0 && value > 0) return `${value / 60_000}m`;
      return value % 1000 === 0 ? `${value / 1000}s` : `${value}ms`;
    },
  };
  return type;
}

const TIME = "^(\\d+(\\.\\d+)?(ms|s|m|h|d)?|unlimited|\\$\\{.*)$";

const BYTE_UNITS = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;

/** A number of bytes. */
export function bytes(bounds: NumberBounds): LeafType<number> {
  const { min, max } = bounds;
  const most = max === Infinity ? "on, or unlimited" : `to ${max}`;
  const type: LeafType<number> = {
    kind: "leaf",
    allowed: `a size such as 8MiB, 500kB or 1GB; in bytes from ${min} ${most}`,
    json: {
      anyOf: [{ type: "integer", minimum: min }, {
        type: "string",
        pattern: "^(\\d+(\\.\\d+)?([kMGT]B|[KMGT]iB|B)?|unlimited|\\$\\{.*)$",
      }],
    },
    read(value) {
      const read = value === "unlimited"
        ? Infinity
        : withUnit(value, { units: BYTE_UNITS, plain: 1 });
      return within(Math.round(read), { bounds, value, type });
    },
    show(value) {
      if (value === Infinity) return "unlimited";
      const unit = (["GiB", "MiB", "KiB"] as const).find((unit) =>
        value > 0 && value % BYTE_UNITS[unit] === 0
      );
      return unit === undefined ? String(value) : `${value / BYTE_UNITS[unit]}${unit}`;
    },
  };
  return type;
}

const RATE_UNITS = { k: 1e3, M: 1e6, G: 1e9 } as const;

/** A number of bits a second. */
export function bitrate(bounds: NumberBounds): LeafType<number> {
  const type: LeafType<number> = {
    kind: "leaf",
    allowed: "a bitrate such as 8M or 500k, in bits a second, or unlimited",
    json: {
      anyOf: [{ type: "number", minimum: bounds.min }, {
        type: "string",
        pattern: "^(\\d+(\\.\\d+)?[kMG]?|unlimited|\\$\\{.*)$",
      }],
    },
    read(value) {
      const read = value === "unlimited"
        ? Infinity
        : withUnit(value, { units: RATE_UNITS, plain: 1 });
      return within(read, { bounds, value, type });
    },
    show(value) {
      if (value === Infinity) return "unlimited";
      if (value > 0 && value % 1e6 === 0) return `${value / 1e6}M`;
      return value > 0 && value % 1000 === 0 ? `${value / 1000}k` : String(value);
    },
  };
  return type;
}

/** Where to listen: `[HOST:]PORT`, or `off`, which is false. */
export const LISTEN_ADDRESS: LeafType<ListenAddress | false> = {
  kind: "leaf",
  allowed: "[HOST:]PORT or off",
  json: {
    anyOf: [
      { type: "integer", minimum: 0, maximum: 65_535 },
      { type: "string", minLength: 1 },
      { const: false },
    ],
  },
  read(value) {
    if (value === "off" || value === false) return false;
    try {
      return parseListenAddress(typeof value === "number" ? String(value) : String(textOf(value)));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw wrong(value, LISTEN_ADDRESS);
    }
  },
  show(value) {
    if (value === false) return "off";
    const { hostname, port } = value;
    if (hostname === undefined) return `:${port}`;
    return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  },
};

/** A type whose values are read further by a function, which throws what it likes where they are wrong. */
export function checked<T>(type: LeafType<T>, check: (value: T) => void): LeafType<T> {
  return {
    ...type,
    read(value) {
      const read = type.read(value);
      try {
        check(read);
      } catch (error) {
        if (error instanceof SettingFault) throw error;
        throw wrong(value, type);
      }
      return read;
    },
  };
}

/** Whether a type is one that stands for a value by itself. */
export function isLeaf<T>(type: SettingType<T>): type is LeafType<T> {
  return type.kind === "leaf";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
}

function withUnit(
  value: unknown,
  { units, plain }: { readonly units: Readonly<Record<string, number>>; readonly plain: number },
): number {
  if (typeof value === "number") return value * plain;
  if (typeof value !== "string") return NaN;
  const parts = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(value);
  if (parts === null) return NaN;
  const [, digits, unit] = parts;
  if (unit === "") return Number(digits) * plain;
  return Object.hasOwn(units, unit!) ? Number(digits) * units[unit!]! : NaN;
}

function within(
  read: number,
  { bounds: { min, max, isWhole }, value, type }: {
    readonly bounds: NumberBounds;
    readonly value: unknown;
    readonly type: LeafType<number>;
  },
): number {
  const isFine = read >= min && read <= max &&
    (!isWhole || Number.isInteger(read) || read === Infinity);
  if (!isFine) throw wrong(value, type);
  return read;
}

/** The JSON Schema of a number; a text may name an environment variable, or have no bound. */
function bounded({ min, max }: NumberBounds, type: "integer" | "number"): LeafType["json"] {
  return {
    anyOf: [
      { type, minimum: min, ...(max === Infinity ? {} : { maximum: max }) },
      { type: "string", pattern: "^(\\d+(\\.\\d+)?|unlimited|\\$\\{.*)$" },
    ],
  };
}
