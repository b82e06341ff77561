/**
 * Counts the key frames of a stream until it ends.
 *
 * `deno run --allow-net count_key_frames.ts live/cam`
 */
import { Server } from "@weir/server";

/** Returns the number of key frames that `name` has until it ends. */
export async function countKeyFrames(server: Server, name: string): Promise<number> {
  let keyFrames = 0;
  for await (const unit of server.stream(name).units({ tracks: ["video"] })) {
    if (unit.role === "media" && unit.keyFrame) keyFrames++;
  }
  return keyFrames;
}

if (import.meta.main) {
  await using server = new Server({ rtmp: { port: 1935 }, rtsp: { port: 8554 } });
  await server.listen();
  console.log(await countKeyFrames(server, Deno.args[0] ?? "live/cam"));
}
