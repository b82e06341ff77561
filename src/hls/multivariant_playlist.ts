/** A variant: a media playlist with all that players must know before they choose it. */
export interface HlsVariant {
  /** Where its media playlist is, relative to this one. */
  readonly uri: string;
  /** The most bits a second that a segment takes, of audio that is chosen beside too. */
  readonly bandwidthBps: number;
  /** The bits a second of all segments together; not told by default. */
  readonly averageBandwidthBps?: number;
  /** The codecs of its tracks, each as RFC 6381 names it. */
  readonly codecs: readonly string[];
  /** Size of the picture, in pixels. */
  readonly resolution?: { readonly width: number; readonly height: number };
  /** Pictures a second. */
  readonly frameRate?: number;
  /** The group of audio renditions that goes with it. */
  readonly audioGroup?: string;
}

/** A sound that players may choose. */
export interface HlsAudioRendition {
  /** The group that it is of. */
  readonly group: string;
  /** What people see; unique in the group. */
  readonly name: string;
  /** Where its media playlist is; absent where it is in that of the variant. */
  readonly uri?: string;
  /** Whether it is the one that plays where nobody chooses. */
  readonly isDefault: boolean;
  /** Number of channels. */
  readonly channels?: number;
}

/** What a multivariant playlist says. */
export interface HlsMultivariantPlaylist {
  /** The variants; the first is the one that players begin with. */
  readonly variants: readonly HlsVariant[];
  /** The sounds to choose from. None by default. */
  readonly audio?: readonly HlsAudioRendition[];
}

const VERSION = 9;

/**
 * Writes a multivariant playlist (RFC 8216bis, 4.4.6).
 *
 * @example
 * ```ts
 * import { writeMultivariantPlaylist } from "@weir/server/hls";
 *
 * const text = writeMultivariantPlaylist({
 *   variants: [{ uri: "main.m3u8", bandwidthBps: 3_000_000, codecs: ["avc1.64001f", "mp4a.40.2"] }],
 * });
 * console.log(text.includes('CODECS="avc1.64001f,mp4a.40.2"')); // true
 * ```
 */
export function writeMultivariantPlaylist(
  { variants, audio = [] }: HlsMultivariantPlaylist,
): string {
  const lines = ["#EXTM3U", `#EXT-X-VERSION:${VERSION}`];
  for (const { group, name, uri, isDefault, channels } of audio) {
    lines.push(attributes("EXT-X-MEDIA", {
      TYPE: "AUDIO",
      "GROUP-ID": quoted(group),
      NAME: quoted(name),
      DEFAULT: isDefault ? "YES" : "NO",
      AUTOSELECT: "YES",
      CHANNELS: channels === undefined ? undefined : quoted(String(channels)),
      URI: uri === undefined ? undefined : quoted(uri),
    }));
  }
  for (const variant of variants) {
    const { resolution, frameRate, averageBandwidthBps, audioGroup, codecs } = variant;
    lines.push(attributes("EXT-X-STREAM-INF", {
      BANDWIDTH: String(Math.max(1, Math.ceil(variant.bandwidthBps))),
      "AVERAGE-BANDWIDTH": averageBandwidthBps === undefined
        ? undefined
        : String(Math.max(1, Math.ceil(averageBandwidthBps))),
      CODECS: codecs.length === 0 ? undefined : quoted(codecs.join(",")),
      RESOLUTION: resolution && `${resolution.width}x${resolution.height}`,
      "FRAME-RATE": frameRate?.toFixed(3),
      AUDIO: audioGroup === undefined ? undefined : quoted(audioGroup),
    }));
    lines.push(variant.uri);
  }
  return `${lines.join("\n")}\n`;
}

function attributes(tag: string, values: Readonly<Record<string, string | undefined>>): string {
  const told = Object.entries(values).filter(([, value]) => value !== undefined);
  return `#${tag}:${told.map(([name, value]) => `${name}=${value}`).join(",")}`;
}

/** A quoted string has no quotation marks and no line breaks (4.2). */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\r\n]/g, "'")}"`;
}
