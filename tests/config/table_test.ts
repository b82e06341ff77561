import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml/parse";
import {
  exampleText,
  parseConfig,
  type Setting,
  SETTINGS,
  Settings,
  settingsSchema,
  shownSettings,
} from "../../src/config/mod.ts";

/** All rows, those in entries of lists and maps too. */
function* allRows(rows: readonly Setting[], path = ""): Generator<{ key: string; row: Setting }> {
  for (const row of rows) {
    const key = path === "" ? row.key : `${path}.${row.key}`;
    yield { key, row };
    let { type } = row;
    while (type.kind === "list" || type.kind === "map") type = type.of;
    if (type.kind === "group") yield* allRows(type.settings, key);
  }
}

Deno.test("what a setting is by default can be written in a file, and is read as the same", () => {
  for (const { key, row: { type, default: value } } of allRows(SETTINGS)) {
    if (type.kind !== "leaf" || value === undefined) continue;
    assertEquals(type.read(parse(type.show(value), { schema: "core" })), value, key);
  }
});

Deno.test("settings are told apart by key and by option, and each says what it is for", () => {
  const keys = Array.from(allRows(SETTINGS), ({ key }) => key);
  assertEquals(new Set(keys).size, keys.length);
  const flags = SETTINGS.flatMap(({ flag }) => flag?.name ?? []);
  assertEquals(new Set(flags).size, flags.length);
  for (const { key, row: { help } } of allRows(SETTINGS)) {
    assert(/^[a-zA-Z][^\n]{3,199}[^.]$/.test(help), `${key}: ${help}`);
  }
});

Deno.test("settings are shown that are in force, and not those that wait for the next start", async () => {
  const of = async (text: string) =>
    new Settings({ file: await parseConfig(text, SETTINGS, { path: "weir.yaml" }) });
  const started = await of("{workers: 2, hls: {part: 100ms}}");
  const later = await of("{workers: 3, hls: {part: 400ms}, cluster: {node: a}}");
  const shown = shownSettings(later, { started });
  assertEquals([shown["workers"], shown["hls.part"]], ["2", "400ms"]);
  assert(!("cluster.node" in shown));
});

Deno.test("the example has every setting, and is a configuration of defaults as it is printed", async () => {
  const text = exampleText(SETTINGS);
  const { values } = await parseConfig(text, SETTINGS, { path: "weir.yaml" });
  assertEquals(values.size, 0);
  for (const { key } of SETTINGS) {
    const name = key.split(".").at(-1);
    assert(new RegExp(`^# +${name}:|^# ${name}:`, "m").test(text), key);
  }
});

Deno.test("the schema for editors knows every key, and no others", async () => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly anyOf?: readonly Schema[];
    readonly additionalProperties?: boolean;
  }
  const schema = await settingsSchema(SETTINGS) as Schema;
  assertEquals(schema.additionalProperties, false);
  for (const { key } of SETTINGS) {
    let at: Schema | undefined = schema;
    for (const step of key.split(".")) {
      const section: Schema | undefined = at?.anyOf?.find(({ properties }) => properties) ?? at;
      at = section?.properties?.[step];
    }
    assert(at !== undefined, key);
  }
});
