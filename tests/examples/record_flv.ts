/**
 * Writes a stream to an FLV file, whatever its publisher speaks, until it ends.
 *
 * `deno run --allow-net --allow-write=out.flv record_flv.ts live/cam out.flv`
 */
import { Server } from "@weir/server";
import { encodeFlvHeader, encodeFlvTag, FlvTagType } from "@weir/server/flv";
import { FlvRemuxer } from "@weir/server/transmux";

const TYPES = { audio: FlvTagType.Audio, video: FlvTagType.Video, data: FlvTagType.Script };

/** The bytes of an FLV file of `name`, until that ends. */
export async function* recordFlv(server: Server, name: string): AsyncGenerator<Uint8Array> {
  const stream = server.stream(name);
  const remuxer = new FlvRemuxer();
  let hasTracks = false;
  yield encodeFlvHeader({ hasAudio: true, hasVideo: true });
  for await (const unit of stream.units({ format: "as-published" })) {
    const { tracks } = stream;
    if (!hasTracks && tracks !== undefined) remuxer.setTracks(tracks);
    hasTracks = true;
    for (const { kind, dtsUs, body } of remuxer.remux(unit)) {
      yield encodeFlvTag({ type: TYPES[kind], timestampMs: Math.round(dtsUs / 1000), body });
    }
  }
}

if (import.meta.main) {
  const [name = "live/cam", path = "out.flv"] = Deno.args;
  await using server = new Server({ rtmp: { port: 1935 }, rtsp: { port: 8554 } });
  await server.listen();
  await Deno.writeFile(path, ReadableStream.from(recordFlv(server, name)));
}
