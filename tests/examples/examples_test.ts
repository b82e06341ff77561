import { assertEquals } from "@std/assert";
import { Server } from "@weir/server";
import { classifyVideo, FlvDecoder, FlvTagType } from "@weir/server/flv";
import { copyWithoutAudio } from "./copy_without_audio.ts";
import { countKeyFrames } from "./count_key_frames.ts";
import { publishFlv } from "./publish_flv.ts";
import { recordFlv } from "./record_flv.ts";

/** Two seconds with a key frame every 12 pictures: see tests/server/server_stream_test.ts. */
const FILE = new URL("../server/fixtures/short.flv", import.meta.url);

Deno.test("the examples publish an FLV file, count, copy without audio, and record it", async () => {
  const source = await Deno.readFile(FILE);
  await using server = new Server({ hub: { lingerMs: 0 } });
  const counted = countKeyFrames(server, "live/cam");
  const copied = copyWithoutAudio(server, "live/cam", "live/silent");
  const silent = Array.fromAsync(server.stream("live/silent").units());
  const recorded = Array.fromAsync(recordFlv(server, "live/cam"));
  await publishFlv(server, "live/cam", ReadableStream.from([source]));
  await copied;

  const tagsOf = (bytes: Uint8Array, type: number) =>
    new FlvDecoder().push(bytes).filter((tag) => tag.type === type);
  const video = tagsOf(source, FlvTagType.Video);
  assertEquals(await counted, video.filter(({ body }) => classifyVideo(body).keyFrame).length);
  assertEquals((await silent).filter(({ kind }) => kind === "audio"), []);
  const flv = new Uint8Array(await new Blob(await recorded as BlobPart[]).arrayBuffer());
  const pictures = (tags: typeof video) =>
    tags.filter(({ body }) => classifyVideo(body).role === "media");
  assertEquals(pictures(tagsOf(flv, FlvTagType.Video)), pictures(video));
  assertEquals(tagsOf(flv, FlvTagType.Audio), tagsOf(source, FlvTagType.Audio));
});
