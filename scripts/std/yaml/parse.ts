import yaml from "./js_yaml.ts";
import { schemas, type SchemaType } from "./schemas.ts";

export type { SchemaType };

/** Options of {@linkcode parse}. */
export interface ParseOptions {
  /** Which tags the document may use; `default` (core, dates, binary, merges) by default. */
  schema?: SchemaType;
  /** Whether a key given twice takes its last value, as in JSON, or is an error; `false`. */
  allowDuplicateKeys?: boolean;
  /** Called with each warning. */
  onWarning?: (error: Error) => void;
}

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
