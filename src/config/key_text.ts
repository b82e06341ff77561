import type { KeyStep } from "./setting_fault.ts";

/** A path as people write it; a name with a dot or a slash stays one step by its quotation marks. */
export function keyText(path: readonly KeyStep[]): string {
  return path.map((step, index) => {
    if (typeof step === "number") return `[${step}]`;
    const text = /^[\w-]+$/.test(step) ? step : JSON.stringify(step.slice(0, 80));
    return index === 0 ? text : `.${text}`;
  }).join("");
}
