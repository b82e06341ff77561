/**
 * Copies a stream to another name, without its audio, for as long as it lasts.
 *
 * `deno run --allow-net copy_without_audio.ts live/cam live/silent`
 */
import { Server } from "@weir/server";

/** Copies the video of `from` to `to`; resolves when `from` has ended. */
export async function copyWithoutAudio(server: Server, from: string, to: string): Promise<void> {
  const units = server.stream(from).units({ format: "as-published", tracks: ["video"] });
  await server.publish(to, units);
}

if (import.meta.main) {
  await using server = new Server({ rtmp: { port: 1935 }, rtsp: { port: 8554 } });
  await server.listen();
  await copyWithoutAudio(server, Deno.args[0] ?? "live/cam", Deno.args[1] ?? "live/silent");
}
