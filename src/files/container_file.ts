import type {
  EncodedPacket,
  InputAudioTrack,
  InputTrack,
  InputVideoTrack,
} from "npm:mediabunny@1.61.0";
import type { MediaUnit, Track } from "../media/mod.ts";
import {
  codecOfFile,
  type ContainedTrack,
  containedTrack,
  type FlvBody,
  FlvRemuxer,
} from "../transmux/mod.ts";
import { DecodingTimes } from "./decoding_times.ts";
import { loadMediabunny, type MediabunnyModule } from "./mediabunny.ts";

/** A track of the file, with what weir knows it as. */
interface FileTrack extends ContainedTrack {
  readonly input: InputTrack;
}

/**
 * Yields the media of a container file, in decoding order, as the bodies of FLV.
 *
 * @throws {Error} when the container is not known, or has no track that weir can publish
 */
export async function* readContainerFile(file: Deno.FsFile): AsyncGenerator<FlvBody> {
  const bunny = await loadMediabunny();
  const { size } = await file.stat();
  using input = new bunny.Input({
    formats: bunny.ALL_FORMATS,
    source: new bunny.CustomSource({
      getSize: () => size,
      read: (start, end) => readRange(file, start, end),
      prefetchProfile: "fileSystem",
    }),
  });
  const tracks = [
    await fileTrack(bunny, await input.getPrimaryVideoTrack()),
    await fileTrack(bunny, await input.getPrimaryAudioTrack()),
  ].filter((track) => track !== undefined);
  if (tracks.length === 0) throw new Error("it has no track of a codec that weir carries");
  const remuxer = new FlvRemuxer();
  remuxer.setTracks(tracks.map(({ track }) => track));
  for await (const unit of inDecodingOrder(tracks.map((track) => units(bunny, track)))) {
    yield* remuxer.remux(unit);
  }
}

async function readRange(file: Deno.FsFile, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  await file.seek(start, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) {
    const length = await file.read(bytes.subarray(at));
    if (length === null) throw new Error("the file has become shorter");
    at += length;
  }
  return bytes;
}

async function fileTrack(
  bunny: MediabunnyModule,
  input: InputVideoTrack | InputAudioTrack | null,
): Promise<FileTrack | undefined> {
  const named = await input?.getCodec();
  const codec = named ? codecOfFile(named) : undefined;
  if (input === null || codec === undefined) return undefined;
  const described = await input.getDecoderConfig();
  const config = described?.description && bytesOf(described.description);
  const facts = described !== null && "sampleRate" in described
    ? { sampleRate: described.sampleRate, channels: described.numberOfChannels }
    : {};
  const track: Track = {
    kind: input.isVideoTrack() ? "video" : "audio",
    id: 0,
    codec,
    config: config ?? undefined,
    ...facts,
  };
  const first = await new bunny.EncodedPacketSink(input).getFirstPacket();
  return first === null ? undefined : { input, ...containedTrack(track, first.data) };
}

function bytesOf(source: AllowSharedBufferSource): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

/** The units of a track; the container's reader tells presentation times alone. */
async function* units(bunny: MediabunnyModule, file: FileTrack): AsyncGenerator<MediaUnit> {
  const { track } = file;
  const times = new DecodingTimes<EncodedPacket>();
  const unit = ({ item, dtsUs, ptsUs }: ReturnType<typeof times.flush>[number]): MediaUnit => ({
    kind: track.kind,
    role: "media",
    track: track.id,
    dtsUs,
    ptsUs,
    keyFrame: item.type === "key",
    discardable: false,
    payload: { format: "access-unit", data: file.accessUnit(item.data) },
  });
  for await (const packet of new bunny.EncodedPacketSink(file.input).packets()) {
    for (const timed of times.push(packet, packet.microsecondTimestamp)) yield unit(timed);
  }
  for (const timed of times.flush()) yield unit(timed);
}

/** Merges tracks by their decoding times. */
async function* inDecodingOrder(
  tracks: readonly AsyncGenerator<MediaUnit>[],
): AsyncGenerator<MediaUnit> {
  const heads = await Promise.all(tracks.map(async (track) => ({
    track,
    next: await track.next(),
  })));
  for (;;) {
    const open = heads.filter(({ next }) => !next.done);
    if (open.length === 0) return;
    const first = open.reduce((a, b) =>
      (b.next.value as MediaUnit).dtsUs < (a.next.value as MediaUnit).dtsUs ? b : a
    );
    yield first.next.value as MediaUnit;
    first.next = await first.track.next();
  }
}
