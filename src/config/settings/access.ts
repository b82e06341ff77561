import { RANGE_OR_RANGES } from "./addresses.ts";
import { FILE, number, text, time, TOGGLE, words } from "../leaf_types.ts";
import { type GroupType, type GroupValue, type Setting, setting } from "../setting.ts";
import { SettingFault } from "../setting_fault.ts";
import { filesReplaced, type Permission } from "../permission.ts";
import { reaching } from "../reaching.ts";

const ACTION = words({
  values: ["publish", "play", "talk", "api"],
  allowed: "publish, play, talk or api",
});

const NAMES = words({ allowed: "a name, or a list of names" });

const SECRET = text({ allowed: "a secret of at least 16 characters", isSecret: true });

const ACCESS_URL = text({
  allowed: "a URL of http or https",
  pattern: /^https?:\/\/./,
  isSecret: true,
});

/** What a rule says; the rules of paths say it of their own streams. */
export const RULE_SETTINGS: readonly Setting[] = [
  setting({
    key: "allow",
    type: ACTION,
    help: "what may be done; a rule has this or `deny`",
    change: "reload",
  }),
  setting({ key: "deny", type: ACTION, help: "what may not be done", change: "reload" }),
  setting({
    key: "users",
    type: NAMES,
    defaultInWords: "anybody",
    help: 'users that have proved who they are; "*" is all of them',
    change: "reload",
  }),
  setting({
    key: "from",
    type: RANGE_OR_RANGES,
    defaultInWords: "anywhere",
    help: "ranges of addresses",
    change: "reload",
  }),
];

const USER: GroupType = {
  kind: "group",
  settings: [
    setting({
      key: "name",
      type: text({ allowed: "a name without a colon", pattern: /^[^:]+$/ }),
      help: "the name",
      change: "reload",
    }),
    setting({
      key: "password",
      type: text({ allowed: "a password, or its hash", isSecret: true }),
      help: "what `weir hash-password` prints, or the password itself",
      change: "reload",
    }),
    setting({
      key: "ha1",
      type: words({ allowed: "a digest in hexadecimal, or a list of them", isSecret: true }),
      help:
        "digests for clients that cannot show the password, as `weir hash-password --digest` prints",
      change: "reload",
    }),
  ],
  required: ["name"],
};

/** Users and how their passwords are known. */
export const ACCESS_USERS = setting<readonly GroupValue[]>({
  key: "access.users",
  type: { kind: "list", of: USER },
  default: [],
  defaultInWords: "none",
  help:
    "a user: nobody else may then publish or play, unless rules let them; the password is asked for, or in --password-file",
  doc:
    "Where there are no rules, each user may publish, play, and talk to all cameras. A user without a password and a " +
    "digest has a line in `access.passwordFile`.",
  flag: {
    name: "user",
    placeholder: "NAME",
    allowed: "a NAME",
    readEach: (name) => new Map([["name", name]]),
  },
  change: "reload",
});

/** The file of passwords of users that have none. */
export const PASSWORD_FILE = setting({
  key: "access.passwordFile",
  type: FILE,
  help:
    "file of the passwords, or their hashes, of users that have none: one a line, in their order",
  flag: { name: "password-file", placeholder: "FILE" },
  needs: readable,
  change: "reload",
});

/** The rules. */
export const ACCESS_RULES = setting<readonly GroupValue[]>({
  key: "access.rules",
  type: {
    kind: "list",
    of: {
      kind: "group",
      settings: [
        ...RULE_SETTINGS,
        setting({
          key: "paths",
          type: words({ allowed: "a pattern such as live/* or live/{user}/*, or a list of them" }),
          defaultInWords: "all",
          help: "names of streams",
          change: "reload",
        }),
      ],
      check(rule) {
        if (rule.has("allow") === rule.has("deny")) {
          throw new SettingFault("has to have either allow or deny");
        }
      },
    },
  },
  defaultInWords: "users may do all, and nobody else may; where there are none, anybody may",
  help:
    "who may do what: the first rule that is about a request decides, and without one it is refused",
  change: "reload",
});

/** Tokens that may use the API. */
export const API_TOKENS = setting<readonly string[]>({
  key: "access.apiTokens",
  type: { kind: "list", of: SECRET },
  default: [],
  defaultInWords: "none",
  help: "tokens that may use the API, and nothing else",
  change: "reload",
});

/** Files of such tokens. */
export const API_TOKEN_FILE = setting({
  key: "access.apiTokenFile",
  type: FILE,
  help: "file of tokens that may use the API, one a line",
  flag: { name: "api-token-file", placeholder: "FILE" },
  needs: readable,
  change: "reload",
});

/** Publishing keys. */
export const ACCESS_KEYS = setting<readonly GroupValue[]>({
  key: "access.keys",
  type: {
    kind: "list",
    of: {
      kind: "group",
      settings: [
        setting({
          key: "secret",
          type: text({
            allowed: "16 to 128 letters, digits, or - . _ ~",
            pattern: /^[A-Za-z0-9._~-]{16,128}$/,
            isSecret: true,
          }),
          help: "the key, which publishers show where the name of the stream is expected",
          change: "reload",
        }),
        setting({
          key: "streams",
          type: words({ allowed: "the name of a stream, or a list of names" }),
          help: "the streams that may be published by it",
          change: "reload",
        }),
      ],
      required: ["secret", "streams"],
    },
  },
  default: [],
  defaultInWords: "none",
  help: "publishing keys, which are not the public names of streams",
  change: "reload",
});

/** A file of publishing keys. */
export const PUBLISH_KEY_FILE = setting({
  key: "access.publishKeyFile",
  type: FILE,
  help: "file of publishing keys, a line each: the key, and the names of its streams",
  flag: { name: "publish-key-file", placeholder: "FILE" },
  needs: readable,
  change: "reload",
});

/** The file that keeps keys which are made while the server runs. */
export const KEYS_FILE = setting({
  key: "access.keysFile",
  type: FILE,
  help: "file that keeps publishing keys which are made while the server runs, as hashes",
  flag: { name: "keys-file", placeholder: "FILE", isRare: true },
  needs: (path) => filesReplaced(path),
  change: "restart",
});

/** Secrets of signed URLs. */
export const SIGNING_SECRETS = setting<readonly string[]>({
  key: "access.signingSecrets",
  type: { kind: "list", of: SECRET },
  default: [],
  defaultInWords: "none",
  help: "secrets of signed URLs: one of them has to have signed",
  change: "reload",
});

/** A file of such secrets. */
export const SIGNING_SECRET_FILE = setting({
  key: "access.signingSecretFile",
  type: FILE,
  help: "file of secrets of signed URLs, one a line",
  flag: { name: "signing-secret-file", placeholder: "FILE", isRare: true },
  needs: readable,
  change: "reload",
});

/** Settings that are options of access as they stand; the others are put together in `access_options.ts`. */
export const ACCESS_OPTIONS: readonly (Setting & { readonly option: string })[] = [
  {
    key: "access.jwt.secret",
    type: text({ allowed: "a key of at least 32 characters", isSecret: true }),
    help: "key that is shared with whoever makes JSON Web Tokens (HS256, HS384, HS512)",
    option: "jwt.secret",
    change: "reload",
  },
  {
    key: "access.jwt.jwks",
    type: ACCESS_URL,
    help: "URL of the public keys of whoever makes JSON Web Tokens; instead of a secret",
    needs: (url) => reaching(url as string),
    option: "jwt.jwks",
    change: "reload",
  },
  {
    key: "access.jwt.algorithms",
    type: NAMES,
    defaultInWords: "those that go with the key",
    help: "algorithms of tokens that are taken",
    option: "jwt.algorithms",
    change: "reload",
  },
  {
    key: "access.jwt.issuer",
    type: text({ allowed: "a text" }),
    defaultInWords: "not looked at",
    help: "who must have made a token (iss)",
    option: "jwt.issuer",
    change: "reload",
  },
  {
    key: "access.jwt.audience",
    type: text({ allowed: "a text" }),
    defaultInWords: "not looked at",
    help: "whom a token must be for (aud)",
    option: "jwt.audience",
    change: "reload",
  },
  {
    key: "access.jwt.claim",
    type: text({ allowed: "the name of a claim" }),
    defaultInWords: "weir_permissions",
    help: "claim of a token that says what is allowed",
    option: "jwt.claim",
    change: "reload",
  },
  {
    key: "access.jwt.userClaim",
    type: text({ allowed: "the name of a claim" }),
    defaultInWords: "sub",
    help: "claim of a token that has the name of the user",
    option: "jwt.userClaim",
    change: "reload",
  },
  {
    key: "access.jwt.allowsNoExpiry",
    type: TOGGLE,
    default: false,
    help: "whether tokens that never expire are taken",
    option: "jwt.allowsNoExpiry",
    change: "reload",
  },
  {
    key: "access.url",
    type: ACCESS_URL,
    help: "URL that is asked about whoever is not known here, as MediaMTX's authHTTPAddress is",
    doc:
      "By POST, with a JSON object of user, password, token, ip, action, path, protocol, id and query. A " +
      "status of 2xx allows, 401 asks for credentials, all else means no.",
    flag: { name: "access-url", placeholder: "URL", isRare: true },
    needs: (url) => reaching(url as string),
    option: "url",
    change: "reload",
  },
  {
    key: "access.urlTimeout",
    type: time({ min: 1, max: 600_000, isWhole: true }),
    default: 5000,
    help: "how long that answer may take",
    option: "urlTimeoutMs",
    change: "reload",
  },
  {
    key: "access.urlConcurrency",
    type: number({ min: 1, max: 600_000, isWhole: true }),
    default: 32,
    help: "questions to that URL at a time",
    option: "urlConcurrency",
    change: "reload",
  },
];

/** Who may do what. */
export const ACCESS: readonly Setting[] = [
  ACCESS_USERS,
  PASSWORD_FILE,
  ACCESS_RULES,
  ACCESS_KEYS,
  PUBLISH_KEY_FILE,
  KEYS_FILE,
  SIGNING_SECRETS,
  SIGNING_SECRET_FILE,
  API_TOKENS,
  API_TOKEN_FILE,
  ...ACCESS_OPTIONS,
];

function readable(path: string): Permission[] {
  return [{ name: "read", path }];
}
