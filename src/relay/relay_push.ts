import { openStreamQueue } from "../hub/mod.ts";
import type { RelayEnd } from "./relay_context.ts";
import type { RelayVisit } from "./relay_visit.ts";
import { isForwarded, type RelayWay } from "./relay_way.ts";

/** Publishes to the remote server what is published here. */
export const push: RelayWay = async (parts, connection, { left, onBegun }) => {
  const { context: { hub, clock, log }, account, stop: signal } = parts;
  const stream = hub.get(parts.options().name);
  if (stream === undefined || !isForwarded(stream)) return "unpublished";
  const sink = await connection.publish(stream, { clock, log, signal });
  if (sink === undefined || !stream.isLive) return "unpublished";
  let end: RelayEnd = "unpublished";
  let isOver = false;
  const { queue, close } = openStreamQueue(stream);
  left.addEventListener("abort", () => {
    end = "moved";
    isOver = true;
    close();
  });
  let visit: RelayVisit | undefined;
  try {
    visit = await parts.enter();
    await visit.play(() => {
      isOver = true;
      end = "kicked";
      close();
    });
    account.started();
    onBegun();
    // A failing send tells of the end; while there is nothing to send, this does.
    void sink.ended.then(close);
    const droppedBefore = account.dropped;
    for (;;) {
      const next = isOver ? undefined : queue.next();
      if (next !== undefined) {
        const { unit, tag: publication } = next;
        if (!await sink.send({ unit, publication })) {
          end = "tracks-changed";
          break;
        }
        account.relayed(unit);
      } else if (queue.isEnded) break;
      else await queue.more();
      account.dropped = droppedBefore + queue.dropped;
    }
    await sink.close();
    return end;
  } finally {
    close();
    visit?.leave(parts.whyOver(end));
  }
};
