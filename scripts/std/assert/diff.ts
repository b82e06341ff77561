/** How failed assertions show values, and the difference between two of them. */

/** Shows `value` in full, properties in alphabetical order, so that equal values look the same. */
export function show(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    sorted: true,
    trailingComma: true,
    compact: value instanceof Uint8Array,
    iterableLimit: Infinity,
    strAbbreviateSize: Infinity,
  });
}

/** Past this many pairs of differing lines, the lines are not matched to each other. */
const MAX_PAIRS = 1_000_000;
/** At most this many lines before and after a difference are shown. */
const CONTEXT_LINES = 8;
/** At most this many differing lines are shown. */
const MAX_LINES = 200;

/** Shows how `actual` differs from `expected`, a line each: `-` is actual, `+` is expected. */
export function difference(actual: unknown, expected: unknown): string {
  const a = lines(actual), b = lines(expected);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  const shorter = Math.min(a.length, b.length) - start;
  while (end < shorter && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middle = pair(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const shown = [
    ...a.slice(Math.max(0, start - CONTEXT_LINES), start).map((line) => `    ${line}`),
    ...middle.slice(0, MAX_LINES),
    ...(middle.length > MAX_LINES ? [`    … ${middle.length - MAX_LINES} more lines`] : []),
    ...a.slice(a.length - end).slice(0, CONTEXT_LINES).map((line) => `    ${line}`),
  ];
  return `    [Diff] Actual (-) / Expected (+)\n\n${shown.join("\n")}`;
}

function lines(value: unknown): string[] {
  return typeof value === "string" ? value.split("\n") : show(value).split("\n");
}

/** Matches lines by their longest common subsequence. */
function pair(a: string[], b: string[]): string[] {
  const removed = (line: string) => `-   ${line}`;
  const added = (line: string) => `+   ${line}`;
  if (a.length * b.length > MAX_PAIRS) return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j]
        ? common[(i + 1) * width + j + 1]! + 1
        : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const out: string[] = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push(`    ${a[i]}`);
      i++, j++;
    } else if (
      j >= b.length ||
      (i < a.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      out.push(removed(a[i++]!));
    } else {
      out.push(added(b[j++]!));
    }
  }
  return out;
}
