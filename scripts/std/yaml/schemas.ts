import yaml from "./js_yaml.ts";

/** Which tags a document may use; see YAML 1.2, chapter 10. */
export type SchemaType = "failsafe" | "json" | "core" | "default";

/**
 * Integers that do not begin with a digit from 1 to 9, in the notations of YAML 1.1: `0o17` is text
 * and `017` is 15, unlike in js-yaml of today. Others are told apart from text as floats are.
 */
const int = new yaml.Type("tag:yaml.org,2002:int", {
  kind: "scalar",
  resolve: (text: string | null) =>
    text !== null && /^[-+]?0(b[01_]*[01]|x[\dA-Fa-f_]*[\dA-Fa-f]|[0-7_]*[0-7])?$/.test(text),
  construct(text: string) {
    const digits = text.replaceAll("_", "").replace(/^[-+]/, "").slice(1);
    const radix = { b: 2, x: 16 }[digits[0]!] ?? 8;
    const value = parseInt(radix === 8 ? `0${digits}` : digits.slice(1), radix);
    return value !== 0 && text.startsWith("-") ? -value : value;
  },
  predicate: (value: unknown) => Number.isInteger(value) && !Object.is(value, -0),
  represent: (value: number) => value.toString(),
});

const float = new yaml.Type("tag:yaml.org,2002:float", {
  kind: "scalar",
  resolve: (text: string | null) =>
    text !== null && !text.endsWith("_") &&
    /^([-+]?(0|[1-9][\d_]*)(\.[\d_]*)?(e[-+]?\d+)?|\.[\d_]+(e[-+]?\d+)?)$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/
      .test(text.replace(/E(?=[-+]?\d+$)/, "e")),
  construct(text: string) {
    const plain = text.replaceAll("_", "").toLowerCase();
    if (plain === ".nan") return NaN;
    return plain.endsWith(".inf") ? (plain[0] === "-" ? -Infinity : Infinity) : parseFloat(plain);
  },
  predicate: (value: unknown) =>
    typeof value === "number" && (value % 1 !== 0 || Object.is(value, -0)),
  represent(value: number) {
    if (Number.isNaN(value)) return ".nan";
    if (!Number.isFinite(value)) return value < 0 ? "-.inf" : ".inf";
    return Object.is(value, -0) ? "-0.0" : value.toString().replace(/^(-?\d+)e/, "$1.e");
  },
});

/** The schemas by name. */
export const schemas: Readonly<Record<SchemaType, object>> = {
  failsafe: yaml.FAILSAFE_SCHEMA,
  json: yaml.JSON_SCHEMA.extend({ implicit: [int, float] }),
  core: yaml.CORE_SCHEMA.extend({ implicit: [int, float] }),
  default: yaml.DEFAULT_SCHEMA.extend({ implicit: [int, float] }),
};
