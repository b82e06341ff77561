import { FileChannel } from "../files/mod.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";
import { publishUnits } from "./server_stream.ts";

/** The files that are published as streams. Of several workers each has its part of them. */
export function fileChannels({ options, part, workers, shell }: ServerCore): ServerAgent[] {
  const sources = workers === 1 ? options.sources ?? [] : [];
  const own = sources.filter(({ name }) => part?.seesTo?.(name) ?? true);
  const { gate, log, clock } = shell;
  return own.map((source) => {
    const channel = new FileChannel(source, {
      clock,
      log,
      publish: (name, units, { signal }) =>
        publishUnits(gate, units, { name, signal, protocol: "file" }),
    });
    return {
      open: () => channel.check(),
      start: () => channel.start(),
      stop: () => channel.stop(),
    };
  });
}
