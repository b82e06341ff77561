/**
 * Publishes an FLV file as a live stream, at its own pace.
 *
 * `deno run --allow-net --allow-read=in.flv publish_flv.ts in.flv live/cam`
 */
import { Server } from "@weir/server";
import { FlvDecoder, FlvTagType } from "@weir/server/flv";
import type { MediaUnit } from "@weir/server/media";
import { unitOfFlv } from "@weir/server/transmux";

const KINDS = new Map<number, MediaUnit["kind"]>([
  [FlvTagType.Audio, "audio"],
  [FlvTagType.Video, "video"],
  [FlvTagType.Script, "data"],
]);

/** Publishes the FLV file that `bytes` gives as `name`; resolves when all was sent. */
export async function publishFlv(
  server: Server,
  name: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  await server.publish(name, ReadableStream.from(pacedUnits(bytes)));
}

async function* pacedUnits(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<MediaUnit> {
  const decoder = new FlvDecoder();
  const startedAt = performance.now();
  for await (const piece of bytes) {
    for (const { type, timestampMs, body } of decoder.push(piece)) {
      const kind = KINDS.get(type);
      const unit = kind && unitOfFlv({ kind, dtsUs: timestampMs * 1000, body });
      if (unit === undefined) continue;
      const aheadMs = timestampMs - (performance.now() - startedAt);
      if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
      yield unit;
    }
  }
}

if (import.meta.main) {
  const [path = "in.flv", name = "live/cam"] = Deno.args;
  await using server = new Server({ rtmp: { port: 1935 }, rtsp: { port: 8554 } });
  await server.listen();
  using file = await Deno.open(path);
  await publishFlv(server, name, file.readable);
}
