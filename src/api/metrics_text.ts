/** What kind of number a metric is. */
export type MetricType = "counter" | "gauge" | "histogram";

/** One number, with what tells it from others of its name. */
export interface MetricSample {
  /** The number. */
  readonly value: number;
  /** Labels by name. */
  readonly labels?: Readonly<Record<string, string | number>>;
  /** What stands behind the metric's name: `_bucket`, `_sum`, `_count` of a histogram. */
  readonly suffix?: string;
}

/**
 * Writes metrics as Prometheus reads them (text format 0.0.4). Names and units are the caller's: counters end in
 * `_total`, units are seconds and bytes.
 */
export class MetricsText {
  #text = "";

  /** The text so far. */
  get text(): string {
    return this.#text;
  }

  /** Adds a metric, once for each name; without samples it is left out. */
  add(
    name: string,
    { type, help }: { readonly type: MetricType; readonly help: string },
    samples: readonly MetricSample[],
  ): void {
    if (samples.length === 0) return;
    this.#text += `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
    for (const { value, labels = NO_LABELS, suffix = "" } of samples) {
      this.#text += `${name}${suffix}${labelsText(labels)} ${number(value)}\n`;
    }
  }
}

const NO_LABELS: NonNullable<MetricSample["labels"]> = {};

function labelsText(labels: Readonly<Record<string, string | number>>): string {
  if (labels === NO_LABELS) return "";
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${escaped(String(value)).replaceAll('"', '\\"')}"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** What would end a line or a label; most texts have none of it. */
const SPECIAL = /[\\\n"]/;

function escaped(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
