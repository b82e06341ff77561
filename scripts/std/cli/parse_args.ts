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
export type Aliases = { [name: string]: string | readonly string[] };

/** The type of a flag's value, before defaults. */
type FlagValue<K, T, TCollectable, TNegatable> =
  | (K extends TCollectable ? T[] : T)
  | (K extends TNegatable ? false : never);

/** Flags that always have a value, because they are boolean or collected. */
type Present<B, S, C, N> =
  & { [K in Extract<B, string>]: FlagValue<K, boolean, C, N> }
  & { [K in Extract<Extract<S, C>, string>]: FlagValue<K, string, C, N> };

/** Flags that are absent unless given. */
type Optional<S, C, N> = { [K in Exclude<Extract<S, string>, C>]?: FlagValue<K, string, C, N> };

/** Gives the flags that have a default its type as well; what is no flag stays unknown. */
type WithDefaults<T, D> = D extends Record<string, unknown> ?
    & Omit<T, keyof D>
    & { [K in keyof D]: K extends keyof T ? D[K] | NonNullable<T[K]> : unknown }
  : T;

/** Adds each flag again under its other names. */
type WithAliases<T, A> = A extends Aliases ? { [K in keyof T as K | AliasNames<K, A>]: T[K] } : T;

type AliasNames<K, A> = K extends keyof A
  ? A[K] extends readonly (infer Name extends string)[] ? Name
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
 * `-abc`. Values of flags not declared as strings become numbers where they look like one. Unlike
 * the real package, a dot in a name means nothing, and `boolean: true` is not understood.
 */
export function parseArgs<
  TDoubleDash extends boolean | undefined = undefined,
  TBooleans extends string | undefined = undefined,
  TStrings extends string | undefined = undefined,
  TCollectable extends string | undefined = undefined,
  TNegatable extends string | undefined = undefined,
  const TDefaults extends Record<string, unknown> | undefined = undefined,
  const TAliases extends Aliases | undefined = undefined,
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
      TAliases
    >
  >;
}

const NUMBER = /^(0x[0-9a-f]+|[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?)$/i;

class Parser {
  readonly #options: ParseOptions;
  readonly #names: Map<string, string[]>;
  readonly #booleans: Set<string>;
  readonly #strings: Set<string>;
  readonly #collected: Set<string>;
  readonly #negatable: Set<string>;
  readonly #result: Record<string, unknown> = {};
  readonly #positionals: (string | number)[] = [];

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
    return new Set([names ?? []].flat().flatMap((name) => this.#names.get(name) ?? [name]));
  }

  parse(args: readonly string[]): void {
    for (let at = 0; at < args.length;) {
      const arg = args[at]!, next = args[at + 1];
      at++;
      if (/^--./.test(arg)) {
        if (this.#long(arg, next)) at++;
      } else if (/^-./.test(arg)) {
        if (this.#short(arg, next)) at++;
      } else {
        this.#positional(arg);
        if (!this.#options.stopEarly) continue;
        this.#positionals.push(...args.slice(at));
        return;
      }
    }
  }

  /** Takes `--name`; returns whether it took `next` as the value. */
  #long(arg: string, next: string | undefined): boolean {
    const [, name, inline] = /^--([^=]+)(?:=(.+))?$/s.exec(arg) ?? [undefined, arg.slice(2)];
    if (inline !== undefined) {
      this.#set(name!, this.#booleans.has(name!) ? inline !== "false" : inline, arg);
      return false;
    }
    const negated = /^no-(.+)$/.exec(name!)?.[1];
    if (negated !== undefined && this.#negatable.has(negated)) {
      this.#assign(negated, false);
      return false;
    }
    return this.#valueFrom(name!, next, { arg, isValue: next !== undefined && !/^-/.test(next) });
  }

  /** Takes `-n`, `-nvalue` or `-abc`; returns whether it took `next` as the value. */
  #short(arg: string, next: string | undefined): boolean {
    const letters = arg.slice(1);
    for (let at = 0; at < letters.length - 1; at++) {
      const letter = letters[at]!, rest = letters.slice(at + 1);
      const inline = /[A-Za-z]/.test(letter) && /^(=.|-?\d|\W)/s.test(rest);
      if (inline) {
        this.#set(letter, rest.replace(/^=/, ""), arg);
        return false;
      }
      this.#set(letter, this.#absentValue(letter), arg);
    }
    const isValue = next !== undefined && !/^--?[^-]/.test(next);
    return this.#valueFrom(letters.at(-1)!, next, { arg, isValue });
  }

  #valueFrom(
    name: string,
    next: string | undefined,
    { arg, isValue }: { arg: string; isValue: boolean },
  ): boolean {
    const isBoolean = this.#booleans.has(name);
    if (isBoolean && (next === "true" || next === "false")) {
      this.#set(name, next === "true", arg);
      return true;
    }
    const takes = isValue && !isBoolean;
    this.#set(name, takes ? next! : this.#absentValue(name), arg);
    return takes;
  }

  #absentValue(name: string): string | boolean {
    return this.#strings.has(name) ? "" : true;
  }

  #set(name: string, value: string | boolean, arg: string): void {
    const known = this.#booleans.has(name) || this.#strings.has(name) || this.#names.has(name);
    const typed = typeof value === "string" && !this.#strings.has(name) && NUMBER.test(value)
      ? Number(value)
      : value;
    if (!known && this.#options.unknown?.(arg, name, value) === false) return;
    this.#assign(name, typed);
  }

  #assign(name: string, value: unknown): void {
    for (const one of this.#names.get(name) ?? [name]) {
      const before = this.#result[one];
      const collects = this.#collected.has(one) && value !== false;
      this.#result[one] = collects ? [...(Array.isArray(before) ? before : []), value] : value;
    }
  }

  #positional(arg: string): void {
    if (this.#options.unknown?.(arg) === false) return;
    this.#positionals.push(!this.#strings.has("_") && NUMBER.test(arg) ? Number(arg) : arg);
  }

  finish(rest: readonly string[]): Record<string, unknown> {
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      for (const one of this.#names.get(name) ?? [name]) this.#result[one] ??= value;
    }
    for (const name of this.#booleans) {
      this.#result[name] ??= this.#collected.has(name) ? [] : false;
    }
    for (const name of this.#strings) if (this.#collected.has(name)) this.#result[name] ??= [];
    return this.#options["--"]
      ? { ...this.#result, _: this.#positionals, "--": [...rest] }
      : { ...this.#result, _: [...this.#positionals, ...rest] };
  }
}
