// Not in `deno.json`: `deno task` downloads at once what is named there.
// deno-lint-ignore no-import-prefix
// @ts-types="./js_yaml_types.d.ts"
import yaml from "npm:js-yaml@^4.1.0";

export default yaml;
