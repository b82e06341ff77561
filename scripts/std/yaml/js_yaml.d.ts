/** The part of js-yaml, which has no types of its own, that the stand-in uses. */
declare class YAMLException extends Error {}
interface JsYaml {
  readonly FAILSAFE_SCHEMA: object;
  readonly JSON_SCHEMA: object;
  readonly CORE_SCHEMA: object;
  readonly DEFAULT_SCHEMA: object;
  readonly YAMLException: typeof YAMLException;
  load(content: string, options: object): unknown;
  dump(data: unknown, options: object): string;
}
declare const yaml: JsYaml;
export default yaml;
