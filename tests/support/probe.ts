/** What FFmpeg finds in a file that was made here. */
import { assertEquals } from "@std/assert";
import { TemporaryFolder } from "./media_file.ts";
import { run } from "./process.ts";

/** A packet that ffprobe has found. */
export interface ProbedPacket {
  readonly kind: string;
  /** Index of its stream in the file. */
  readonly stream: number;
  readonly ptsMs: number;
  readonly dtsMs: number;
  readonly size: number;
  readonly key: boolean;
  /** MD5 of its bytes. */
  readonly md5: string;
}

/** A stream that ffprobe has found. */
export interface ProbedStream {
  readonly codec: string;
  readonly kind: string;
  readonly width?: number;
  readonly height?: number;
  readonly sampleRate?: number;
  readonly channels?: number;
  readonly tag: string;
}

export interface Probed {
  readonly streams: readonly ProbedStream[];
  readonly packets: readonly ProbedPacket[];
}

/** Has ffprobe list `bytes`, and ffmpeg decode them; neither may have a complaint. */
export async function probe(
  bytes: Uint8Array,
  { extension, decode = true }: { readonly extension: string; readonly decode?: boolean },
): Promise<Probed> {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/probed.${extension}`;
  await Deno.writeFile(path, bytes);
  const probed = await probeFile(path);
  if (decode) {
    const { stderr } = await run("ffmpeg", [
      ...["-nostdin", "-hide_banner", "-v", "warning", "-i", path, "-f", "null", "-"],
    ]);
    // It says so of all sound whose container tells no layout.
    const said = stderr.replaceAll(/^Guessed Channel Layout.*\n/gm, "");
    assertEquals(said, "", "ffmpeg has something to say of what it decodes");
  }
  return probed;
}

/** Has ffprobe list the file or address `path`. */
export async function probeFile(path: string): Promise<Probed> {
  const { code, stdout, stderr } = await run("ffprobe", [
    ...["-v", "warning", "-show_streams", "-show_packets", "-show_data_hash", "md5"],
    ...["-of", "json", path],
  ]);
  assertEquals([code, stderr], [0, ""], "ffprobe has something to say");
  return readProbe(new TextDecoder().decode(stdout));
}

// deno-lint-ignore no-explicit-any
function readProbe(json: string, { streams, packets }: any = JSON.parse(json)): Probed {
  return {
    // deno-lint-ignore no-explicit-any
    streams: streams.map((stream: any) => ({
      codec: stream.codec_name,
      kind: stream.codec_type,
      tag: stream.codec_tag_string,
      ...(stream.width === undefined ? {} : { width: stream.width, height: stream.height }),
      ...(stream.sample_rate === undefined
        ? {}
        : { sampleRate: Number(stream.sample_rate), channels: stream.channels }),
    })),
    // deno-lint-ignore no-explicit-any
    packets: packets.map((packet: any) => ({
      kind: packet.codec_type,
      stream: packet.stream_index,
      ptsMs: Number(packet.pts_time) * 1000,
      dtsMs: Number(packet.dts_time) * 1000,
      size: Number(packet.size),
      key: packet.flags.startsWith("K"),
      md5: packet.data_hash.replace(/^MD5:/, ""),
    })),
  };
}
