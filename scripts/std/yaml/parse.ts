// @ts-types="./js_yaml.d.ts"
import yaml from "js-yaml";

/** Which tags a document may use; see YAML 1.2, chapter 10. */
export type SchemaType = "failsafe" | "json" | "core" | "default";

/** Options of {@linkcode parse}. */
export interface ParseOptions {
  /** Which tags the document may use; `default` (core, dates, binary, merges) by default. */
  schema?: SchemaType;
  /** Whether a key given twice takes its last value, as in JSON, or is an error; `false`. */
  allowDuplicateKeys?: boolean;
  /** Called with each warning. */
  onWarning?: (error: Error) => void;
}

const schemas = {
  failsafe: yaml.FAILSAFE_SCHEMA,
  json: yaml.JSON_SCHEMA,
  core: yaml.CORE_SCHEMA,
  default: yaml.DEFAULT_SCHEMA,
};

/**
 * Parses a YAML document.
 *
 * @throws {SyntaxError} if it is malformed; the message names line and column
 */
export function parse(content: string, options: ParseOptions = {}): unknown {
  try {
    const value: unknown = yaml.load(content, {
      schema: schemas[options.schema ?? "default"],
      json: options.allowDuplicateKeys ?? false,
      ...(options.onWarning && { onWarning: options.onWarning }),
    });
    return value ?? null;
  } catch (error) {
    if (error instanceof yaml.YAMLException) {
      throw new SyntaxError(error.message, { cause: error });
    }
    throw error;
  }
}
