/** The part of js-yaml, which has no types of its own, that the stand-in uses. */
declare class YAMLException extends Error {}
declare class Type {
  constructor(tag: string, options: object);
}
interface Schema {
  extend(types: { implicit: Type[] }): Schema;
}
export interface JsYaml {
  readonly FAILSAFE_SCHEMA: Schema;
  readonly JSON_SCHEMA: Schema;
  readonly CORE_SCHEMA: Schema;
  readonly DEFAULT_SCHEMA: Schema;
  readonly Type: typeof Type;
  readonly YAMLException: typeof YAMLException;
  load(content: string, options: object): unknown;
  dump(data: unknown, options: object): string;
}
