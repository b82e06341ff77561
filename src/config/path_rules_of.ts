import type { PathRule, RelayOptions } from "../server/mod.ts";
import { ruleOf as accessRuleOf } from "./access_options.ts";
import type { GroupValue } from "./setting.ts";
import { PATH_RULE, pathRecordings, pathRelays } from "./settings/paths.ts";
import { ruleOf } from "./settings/recording.ts";

/** Makes the rules of a server of what the section `paths` says. */
export function pathRulesOf(paths: ReadonlyMap<string, GroupValue>): PathRule[] {
  return Array.from(paths, ([pattern, rule]) => {
    const options = PATH_RULE.flatMap(({ key, option }) =>
      typeof option === "string" && rule.has(key) ? [[option, rule.get(key)] as const] : []
    );
    const access = rule.get("access") as readonly GroupValue[] | undefined;
    return {
      pattern,
      ...Object.fromEntries(options),
      ...(access === undefined ? {} : { access: access.map(accessRuleOf) }),
      ...relaysOf(pathRelays(pattern, rule)),
      ...recordOf(pattern, rule),
    };
  });
}

function relaysOf(relays: readonly RelayOptions[]): Pick<PathRule, "pull" | "push"> {
  const ofMode = (wanted: RelayOptions["mode"]) =>
    relays.filter(({ mode }) => mode === wanted).map(({ mode: _, name: __, ...relay }) => relay);
  const [[pull], push] = [ofMode("pull"), ofMode("push")];
  return { ...(pull === undefined ? {} : { pull }), ...(push.length === 0 ? {} : { push }) };
}

function recordOf(pattern: string, rule: GroupValue): Pick<PathRule, "record"> {
  const [values] = pathRecordings(new Map([[pattern, rule]]));
  if (values === undefined) return {};
  const { name: _, ...record } = ruleOf(values);
  return { record };
}
