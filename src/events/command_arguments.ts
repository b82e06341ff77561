import type { ServerEventDetails, ServerEventName } from "./server_events.ts";

/** What placeholders stand for. */
export interface ArgumentValues {
  /** The event's own data. */
  readonly detail: ServerEventDetails[ServerEventName];
  /** The server's own URLs. */
  readonly urls: Readonly<Record<"rtmp" | "rtsp", string>>;
}

/**
 * Puts values into the arguments of a program, each into its own: no value makes two of one. `undefined` where one would
 * make an option of an argument that is none as it is written: names come from clients.
 */
export function filledArguments(
  run: readonly string[],
  { detail, urls }: ArgumentValues,
): string[] | undefined {
  const stream = "stream" in detail ? detail.stream : "";
  const cut = stream.indexOf("/");
  const connection = "connection" in detail ? detail.connection : undefined;
  const values: Readonly<Record<string, string>> = {
    stream,
    app: cut < 0 ? "" : stream.slice(0, cut),
    name: stream.slice(cut + 1),
    user: "user" in detail ? detail.user ?? "" : "",
    address: connection?.address ?? "",
    protocol: connection?.protocol ?? "",
    connection: connection === undefined ? "" : String(connection.id),
    path: "path" in detail ? detail.path : "",
    ...urls,
  };
  const filled = run.map((argument) =>
    argument.replaceAll(
      /\{(\w+)\}/g,
      (all, name) => Object.hasOwn(values, name) ? values[name]! : all,
    )
  );
  const isOption = (text: string): boolean => /^[-/@]/.test(text);
  const hasNewOption = filled.some((text, index) => isOption(text) && !isOption(run[index]!));
  return hasNewOption ? undefined : filled;
}
