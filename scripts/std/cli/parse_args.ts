/** Options of {@linkcode parseArgs}; a flag is named without its dashes. */
export interface ParseOptions<
  TBooleans extends string | undefined = string | undefined,
  TStrings extends string | undefined = string | undefined,
  TCollectable extends string | undefined = string | undefined,
  TNegatable extends string | undefined = string | undefined,
  TDefaults extends Record<string, unknown> | undefined = Record<string, unknown> | undefined,
  TAliases extends Aliases | undefined = Aliases | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /** Whether what follows `--` goes to `result["--"]` rather than to `result._`. */
  "--"?: TDoubleDash;
  /** Other names of flags. */
  alias?: TAliases;
  /** Flags without a value; `false` when absent. */
  boolean?: TBooleans | readonly Extract<TBooleans, string>[];
  /** Values of absent flags. */
  default?: TDefaults;
  /** Whether parsing stops at the first argument that is no flag. */
  stopEarly?: boolean;
  /** Flags whose value stays a string, even if it looks like a number. */
  string?: TStrings | readonly Extract<TStrings, string>[];
  /** Flags that may come more than once; their values become an array. */
  collect?: TCollectable | readonly Extract<TCollectable, string>[];
  /** Flags that `--no-<name>` sets to `false`. */
  negatable?: TNegatable | readonly Extract<TNegatable, string>[];
  /** Called with each argument that is not declared; it is dropped when this returns `false`. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Other names of each flag. */
export type Aliases<TNames extends string = string> = {
  [name: string]: TNames | readonly TNames[];
};

/** The type of a flag's value, before defaults. */
type FlagValue<K, T, TCollectable, TNegatable> =
  | (K extends TCollectable ? T[] : T)
  | (K extends TNegatable ? false : never);

/** Names without a dot; a dot makes nested objects, whose types stay unknown here. */
type Plain<T> = T extends `${string}.${string}` ? never : Extract<T, string>;

/** Flags that always have a value, because they are boolean or collected. */
type Present<B, S, C, N> =
  & { [K in Plain<B>]: FlagValue<K, boolean, C, N> }
  & { [K in Plain<Extract<S, C>>]: FlagValue<K, string, C, N> };

/** Flags that are absent unless given. */
type Optional<S, C, N> = { [K in Exclude<Plain<S>, C>]?: FlagValue<K, string, C, N> };

/** Gives the flags that have a default its type as well; what is no flag stays unknown. */
type WithDefaults<T, D> = D extends Record<string, unknown> ?
    & Omit<T, keyof D>
    & { [K in keyof D]: K extends keyof T ? D[K] | NonNullable<T[K]> : unknown }
  : T;

/** Adds each flag again under its other names. */
type WithAliases<T, A> = A extends Aliases ? { [K in keyof T as K | AliasNames<K, A>]: T[K] } : T;

/** The other names of a flag; a read-only list of them is not understood. */
type AliasNames<K, A> = K extends keyof A ? A[K] extends (infer Name extends string)[] ? Name
  : A[K] extends string ? A[K]
  : never
  : never;

/** What {@linkcode parseArgs} returns. */
export type Args<
  // deno-lint-ignore no-explicit-any
  TArgs extends Record<string, unknown> = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> =
  & TArgs
  & {
    /** The arguments that are no flags. */
    _: (string | number)[];
  }
  & (TDoubleDash extends true ? { "--": string[] } : unknown);

/** The flags' types; anything goes where no flag is declared. */
export type Values<B, S, C, N, D, A> = [B, S, C] extends [undefined, undefined, undefined]
  // deno-lint-ignore no-explicit-any
  ? Record<string, any>
  :
    & Record<string, unknown>
    & WithAliases<WithDefaults<Present<B, S, C, N> & Optional<S, C, N>, D>, A>;

/**
 * Parses command line arguments: `--name value`, `--name=value`, `--name`, `-n value`, `-nvalue`,
 * `-abc`; a dot in a name makes an object in an object. Values of flags not declared as strings
 * become numbers where they look like one. Unlike the real package, `boolean: true` is not
 * understood.
 */
export function parseArgs<
  TDoubleDash extends boolean | undefined = undefined,
  TBooleans extends string | undefined = undefined,
  TStrings extends string | undefined = undefined,
  TCollectable extends string | undefined = undefined,
  TNegatable extends string | undefined = undefined,
  TDefaults extends Record<string, unknown> | undefined = undefined,
  TAliases extends Aliases<TAliasNames> | undefined = undefined,
  TAliasNames extends string = string,
>(
  args: string[],
  options: ParseOptions<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases,
    TDoubleDash
  > = {},
): Args<
  Values<TBooleans, TStrings, TCollectable, TNegatable, TDefaults, TAliases>,
  TDoubleDash
> {
  const terminator = args.indexOf("--");
  const parser = new Parser(options as ParseOptions);
  parser.parse(terminator < 0 ? args : args.slice(0, terminator));
  return parser.finish(terminator < 0 ? [] : args.slice(terminator + 1)) as ReturnType<
    typeof parseArgs<
      TDoubleDash,
      TBooleans,
      TStrings,
      TCollectable,
      TNegatable,
      TDefaults,
      TAliases,
      TAliasNames
    >
  >;
}

class Parser {
  readonly #options: ParseOptions;
  /** All names of a flag that has several, by each of them. */
  readonly #names: Map<string, readonly string[]>;
  readonly #booleans: Set<string>;
  readonly #strings: Set<string>;
  readonly #collected: Set<string>;
  readonly #negatable: Set<string>;
  readonly #result: { [name: string]: unknown; _: (string | number)[] } = { _: [] };

  constructor(options: ParseOptions) {
    this.#options = options;
    this.#names = new Map();
    for (const [name, others] of Object.entries(options.alias ?? {})) {
      const all = [name, ...[others].flat()];
      for (const one of all) this.#names.set(one, all);
    }
    this.#booleans = this.#declared(options.boolean);
    this.#strings = this.#declared(options.string);
    this.#collected = this.#declared(options.collect);
    this.#negatable = this.#declared(options.negatable);
  }

  /** All names of the flags that an option of `parseArgs` lists. */
  #declared(names: string | readonly string[] | undefined): Set<string> {
    const listed = [names ?? []].flat().filter((name) => name !== "");
    return new Set(listed.flatMap((name) => this.#names.get(name) ?? [name]));
  }

  parse(args: readonly string[]): void {
    for (let at = 0; at < args.length;) {
      const arg = args[at]!, next = args[at + 1];
      at++;
      if (/^--./s.test(arg)) {
        if (this.#long(arg, next)) at++;
      } else if (/^-./s.test(arg)) {
        if (this.#short(arg, next)) at++;
      } else {
        this.#positional(arg);
        if (!this.#options.stopEarly) continue;
        this.#result._.push(...args.slice(at));
        return;
      }
    }
  }

  /** Takes `--name`; returns whether it took `next` as the value. */
  #long(arg: string, next: string | undefined): boolean {
    const [, no, name, inline] = /^--(no-)?(.+?)(?:=(.*))?$/s.exec(arg)!;
    if (inline !== undefined) {
      this.#set(name!, this.#booleans.has(name!) ? inline !== "false" : inline, arg);
      return false;
    }
    if (no !== undefined && this.#negatable.has(name!)) {
      this.#set(name!, false, arg, { collects: false });
      return false;
    }
    const isValue = next !== undefined && !next.startsWith("-");
    return this.#valueFrom(`${no ?? ""}${name}`, next, { arg, isValue });
  }

  /** Takes `-n`, `-nvalue` or `-abc`; returns whether it took `next` as the value. */
  #short(arg: string, next: string | undefined): boolean {
    for (let at = 1; at < arg.length - 1; at++) {
      const letter = arg[at]!, rest = arg.slice(at + 1);
      const inline = shortValue(letter, rest);
      this.#set(letter, inline ?? this.#absentValue(letter), arg);
      if (inline !== undefined && rest !== "-") return false;
    }
    const last = arg.at(-1)!;
    if (last === "-") return false;
    const isValue = next !== undefined && !/^--?[^-]/.test(next);
    return this.#valueFrom(last, next, { arg, isValue });
  }

  /** Gives a flag the argument after it, if that is a value, which an empty one never is. */
  #valueFrom(
    name: string,
    next: string | undefined,
    { arg, isValue }: { arg: string; isValue: boolean },
  ): boolean {
    if (next && isValue && !this.#isBoolean(name)) {
      this.#set(name, next, arg);
      return true;
    }
    if (next === "true" || next === "false") {
      this.#set(name, next === "true", arg);
      return true;
    }
    this.#set(name, this.#absentValue(name), arg);
    return false;
  }

  #isBoolean(name: string): boolean {
    return (this.#names.get(name) ?? [name]).some((one) => this.#booleans.has(one)) ||
      this.#booleans.has(name);
  }

  #absentValue(name: string): string | boolean {
    return this.#strings.has(name) ? "" : true;
  }

  #set(
    name: string,
    value: string | boolean,
    arg: string,
    { collects = true }: { collects?: boolean } = {},
  ): void {
    const known = [this.#booleans, this.#strings, this.#names, this.#collected]
      .some((names) => names.has(name));
    if (!known && this.#options.unknown?.(arg, name, value) === false) return;
    const isNumber = typeof value === "string" && !this.#strings.has(name) && looksNumeric(value);
    const typed = isNumber ? Number(value) : value;
    const collected = collects && this.#collected.has(name);
    for (const one of this.#allNames(name)) assign(this.#result, one, typed, { collected });
  }

  /** The name that was given, and then the others. */
  #allNames(name: string): Set<string> {
    return new Set([name, ...this.#names.get(name) ?? []]);
  }

  #positional(arg: string): void {
    if (this.#options.unknown?.(arg) === false) return;
    this.#result._.push(!this.#strings.has("_") && looksNumeric(arg) ? Number(arg) : arg);
  }

  finish(rest: string[]): Record<string, unknown> {
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (isAssigned(this.#result, name)) continue;
      for (const one of this.#allNames(name)) assign(this.#result, one, value);
    }
    for (const name of this.#booleans) {
      if (isAssigned(this.#result, name)) continue;
      assign(this.#result, name, this.#collected.has(name) ? [] : false);
    }
    for (const name of this.#strings) {
      if (this.#collected.has(name) && !isAssigned(this.#result, name)) {
        assign(this.#result, name, []);
      }
    }
    if (this.#options["--"]) this.#result["--"] = rest;
    else this.#result._.push(...rest);
    return this.#result;
  }
}

/** The value of `letter` in `rest`, which follows it in the same argument, if it has one there. */
function shortValue(letter: string, rest: string): string | undefined {
  if (rest === "-") return rest;
  if (rest === "=") return "";
  if (/[A-Za-z]/.test(letter)) {
    const assigned = /=(.+)/.exec(rest)?.[1];
    if (assigned !== undefined) return assigned;
    if (/-?\d+(\.\d*)?(e-?\d+)?$/.test(rest)) return rest;
  }
  return rest.length > 1 && /^\W/.test(rest) ? rest : undefined;
}

function looksNumeric(text: string): boolean {
  return /\S/.test(text) && Number.isFinite(Number(text));
}

type Tree = { [name: string]: unknown };

/** Whether `key` of `object` leads to what all objects share, which nobody may change by arguments. */
function isShared(object: Tree, key: string): boolean {
  return key === "__proto__" || (key === "constructor" && typeof object[key] === "function");
}

/** Puts `value` where the dotted `name` leads, making the objects on the way. */
function assign(
  root: Tree,
  name: string,
  value: unknown,
  { collected = false }: { collected?: boolean } = {},
): void {
  const path = name.split("."), key = path.pop()!;
  let object = root;
  for (const step of path) {
    if (isShared(object, step)) return;
    object = (object[step] ??= {}) as Tree;
  }
  if (isShared(object, key)) return;
  const before = object[key];
  if (!collected) object[key] = value;
  else if (Array.isArray(before)) before.push(value);
  else object[key] = before ? [before, value] : [value];
}

function isAssigned(root: Tree, name: string): boolean {
  let object: unknown = root;
  for (const step of name.split(".")) {
    if (!Object.hasOwn(object as Tree, step)) return false;
    object = (object as Tree)[step];
  }
  return true;
}
