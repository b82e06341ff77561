import { type AccessAction, AddressRanges, NamePattern } from "../gate/mod.ts";
import { AccessOptionsError, type AccessRule } from "./options.ts";

/** What a rule is asked about. */
export interface RuledRequest {
  /** What is wanted. */
  readonly action: AccessAction;
  /** Name of the stream; empty for the API. */
  readonly name: string;
  /** Address of the client. */
  readonly address: string;
  /** Who has proved to be whom; `undefined` where nobody has. */
  readonly user: string | undefined;
}

interface Rule {
  readonly allows: boolean;
  readonly actions: ReadonlySet<AccessAction>;
  /** All who have proved who they are, these, or with `undefined` also who has not. */
  readonly users: "*" | ReadonlySet<string> | undefined;
  readonly paths: readonly NamePattern[] | undefined;
  readonly from: AddressRanges | undefined;
}

const ACTIONS: readonly AccessAction[] = ["publish", "play", "talk", "api"];

/** The rules of who may do what: the first that is about a request decides. */
export class AccessRules {
  readonly #rules: readonly Rule[];

  /**
   * Reads rules.
   *
   * @throws {AccessOptionsError} if one of them cannot be read
   */
  constructor(rules: readonly AccessRule[]) {
    this.#rules = rules.map((rule, index) => readRule(rule, `rules[${index}]`));
  }

  /** Whether the request may pass. */
  allows(request: RuledRequest): boolean {
    const rule = this.#rules.find((rule) => isAbout(rule, request));
    return rule?.allows ?? false;
  }

  /**
   * Whether somebody, if it were to prove who it is, might do what nobody may who has proved nothing; with `anywhere`,
   * whatever the stream is.
   */
  couldAllow(
    request: Omit<RuledRequest, "user">,
    { anywhere = false }: { readonly anywhere?: boolean } = {},
  ): boolean {
    const hasPath = ({ paths }: Rule): boolean =>
      anywhere || request.action === "api" ||
      (paths?.some((pattern) => mightMatch(pattern, request.name)) ?? true);
    return this.#rules.some((rule) =>
      rule.allows && rule.users !== undefined && isOfPlace(rule, request) && hasPath(rule)
    );
  }
}

function readRule(rule: AccessRule, at: string): Rule {
  const { allow, deny } = rule;
  if ((allow === undefined) === (deny === undefined)) {
    throw new AccessOptionsError(at, "a rule has either allow or deny");
  }
  const actions = listOf(allow ?? deny!);
  const unknown = actions.find((action) => !ACTIONS.includes(action));
  if (unknown !== undefined || actions.length === 0) {
    throw new AccessOptionsError(
      `${at}.${allow === undefined ? "deny" : "allow"}`,
      `must be of ${ACTIONS.join(", ")}: current value is ${JSON.stringify(unknown ?? [])}`,
    );
  }
  const users = rule.users === undefined ? undefined : listOf(rule.users);
  return {
    allows: allow !== undefined,
    actions: new Set(actions),
    users: users?.includes("*") ? "*" : users && new Set(users),
    paths: rule.paths === undefined
      ? undefined
      : listOf(rule.paths).map((text) => read(`${at}.paths`, () => new NamePattern(text))),
    from: rule.from === undefined
      ? undefined
      : read(`${at}.from`, () => new AddressRanges(listOf(rule.from!))),
  };
}

function read<T>(at: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new AccessOptionsError(at, cause.message, { cause });
  }
}

function listOf<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === "string" ? [value] : value;
}

function isOfPlace(rule: Rule, { action, address }: Omit<RuledRequest, "user">): boolean {
  return rule.actions.has(action) && (rule.from?.has(address) ?? true);
}

function isAbout(rule: Rule, request: RuledRequest): boolean {
  const { action, name, user } = request;
  if (!isOfPlace(rule, request)) return false;
  const { users, paths } = rule;
  const isOfUser = users === undefined ||
    (user !== undefined && (users === "*" || users.has(user)));
  return isOfUser &&
    (action === "api" || (paths?.some((pattern) => pattern.matches(name, { user })) ?? true));
}

/** Whether there can be a user for whom the pattern has the name. */
function mightMatch(pattern: NamePattern, name: string): boolean {
  return name.split("/").some((user) => pattern.matches(name, { user }));
}
