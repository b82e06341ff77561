import type { JsYaml } from "./js_yaml_types.d.ts";

/**
 * Not written where it is imported, and not in `deno.json`: Deno downloads what a program names there as it
 * starts, whether or not it is ever used.
 */
const PACKAGE = "npm:js-yaml@^4.1.0";

const { default: yaml } = await import(PACKAGE) as { readonly default: JsYaml };

export default yaml;
