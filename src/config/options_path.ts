/** Puts a value into options by its path, with dots. */
export function put(options: Record<string, unknown>, path: string, value: unknown): void {
  const segments = path.split(".");
  const last = segments.pop()!;
  let at = options;
  for (const segment of segments) at = (at[segment] ??= {}) as Record<string, unknown>;
  at[last] = value;
}
