import {
  ALL_FOUR_CCS,
  AudioPacketType,
  codecOfFourCc,
  FlvError,
  fourCcOfCodec,
  parseAudioBody,
  parseVideoBody,
  plainIdOfCodec,
  SoundFormat,
  VideoPacketType,
} from "../flv/mod.ts";
import type { Stream } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { CapsEx, type EnhancedCapabilities, MessageType } from "../rtmp/mod.ts";
import type { RtmpExtensions } from "./flv_body_source.ts";
import { chosenTracks, isChosen, type TrackChoice } from "./track_choice.ts";
import { wireMessage } from "./rtmp_wire_format.ts";

/**
 * What players that announce nothing of Enhanced RTMP are sent. Players that announce are sent what they
 * announced.
 *
 * - `strip`: nothing of it that they can do without: one track, codecs by their old ids where they have one,
 *   by FourCC where not, since many can take more than they say.
 * - `pass`: everything.
 * - `strict`: plain RTMP alone; the play of a stream with another codec is refused.
 */
export type EnhancedPolicy = "pass" | "strip" | "strict";

/** The parts of Enhanced RTMP that a player can take. */
export function extensionsOf(
  capabilities: EnhancedCapabilities,
  policy: EnhancedPolicy,
): RtmpExtensions {
  if (!capabilities.announced) {
    const all = policy === "pass";
    return { multitrack: all, modEx: all, fourCcs: all, furtherTracks: all };
  }
  return {
    fourCcs: true,
    multitrack: (capabilities.capsEx & CapsEx.Multitrack) !== 0,
    modEx: (capabilities.capsEx & CapsEx.ModEx) !== 0,
    furtherTracks: takesAll(capabilities),
  };
}

/**
 * Whether a player can take tracks behind the first of their kind, which go by FourCC, whatever their codec, so that none
 * ends its play: see {@linkcode RtmpCodecGuard}.
 */
function takesAll({ capsEx, fourCcs }: EnhancedCapabilities): boolean {
  if ((capsEx & CapsEx.Multitrack) === 0) return false;
  return fourCcs.has("*") || ALL_FOUR_CCS.every((fourCc) => fourCcs.has(fourCc));
}

/** The facts about a player that are known before it plays. */
export interface RtmpPlayerCapabilities {
  /** The capabilities that it has announced. */
  readonly capabilities: EnhancedCapabilities;
  /** The policy for one that has announced nothing. */
  readonly policy: EnhancedPolicy;
  /** The tracks that it has chosen. */
  readonly choice?: TrackChoice | undefined;
}

/** Whether there may be codecs that a player cannot take. */
export function isSelective({ capabilities, policy }: RtmpPlayerCapabilities): boolean {
  return (capabilities.announced || policy === "strict") && !capabilities.fourCcs.has("*");
}

/** The FourCC of a codec of the stream that a player cannot take; `undefined` where there is none. */
export function refusedFourCc(stream: Stream, player: RtmpPlayerCapabilities): string | undefined {
  if (!isSelective(player)) return undefined;
  const { capabilities, policy, choice } = player;
  const { fourCcs } = capabilities;
  const extensions = { ...extensionsOf(capabilities, policy), choice };
  return fourCcsOf(stream, extensions).find((fourCc) => !fourCcs.has(fourCc));
}

/** The FourCCs that the stream's RTMP players meet, as far as its headers tell. */
function fourCcsOf(stream: Stream, extensions: RtmpExtensions): string[] {
  const told = stream.headers.units.flatMap((unit) => fourCcsOfHeader(unit, extensions));
  const tracks = chosenTracks(stream.publication?.tracks ?? [], extensions.choice);
  const converted = tracks.flatMap(({ codec }) =>
    codec === undefined || plainIdOfCodec(codec) !== undefined ? [] : fourCcOfCodec(codec) ?? []
  );
  return [...told, ...converted];
}

function fourCcsOfHeader(
  unit: MediaUnit,
  { multitrack, fourCcs, choice }: RtmpExtensions,
): string[] {
  if (unit.payload.format !== "flv" || unit.kind === "data") return [];
  // Of several tracks a player without multitrack gets track 0 alone.
  return tracksOf(unit.kind, unit.payload.body)
    .filter(({ trackId }) =>
      choice === undefined
        ? multitrack || trackId === 0
        : isChosen(choice, { kind: unit.kind, id: trackId })
    )
    .filter(({ fourCc }) => fourCcs || !hasPlainId(fourCc))
    .map(({ fourCc }) => fourCc);
}

function hasPlainId(fourCc: string): boolean {
  const codec = codecOfFourCc(fourCc);
  return codec !== undefined && plainIdOfCodec(codec) !== undefined;
}

/** The tracks that a body has with a FourCC each. */
function tracksOf(
  kind: "audio" | "video",
  bytes: Uint8Array,
): readonly { readonly trackId: number; readonly fourCc: string }[] {
  try {
    const body = kind === "video" ? parseVideoBody(bytes) : parseAudioBody(bytes);
    return body.form === "enhanced" ? body.tracks : [];
  } catch (error) {
    if (error instanceof FlvError) return [];
    throw error;
  }
}

/**
 * Looks through what a player is about to be sent, message by message, for codecs that it cannot take:
 * a stream may begin with others than it goes on with, and some codecs have no header that would tell of
 * them before.
 */
export class RtmpCodecGuard {
  readonly #fourCcs: ReadonlySet<string>;
  readonly #onRefused: (fourCc: string) => void;
  #isTold = false;

  /** `onRefused` is called once, when all before the first such message has been written. */
  constructor(fourCcs: ReadonlySet<string>, onRefused: (fourCc: string) => void) {
    this.#fourCcs = fourCcs;
    this.#onRefused = onRefused;
  }

  /** The FourCC in the message at `at` of a log's bytes that the player cannot take. */
  refusedAt(bytes: Uint8Array, at: number): string | undefined {
    const { type, head, body } = wireMessage(bytes, at);
    if (head.length === 0) return undefined;
    const first = head[0]!;
    const packetType = first & 0x0f;
    let kind: "audio" | "video";
    let isPlain: boolean;
    if (type === MessageType.Video && (first & 0x80) !== 0) {
      kind = "video";
      isPlain = packetType !== VideoPacketType.Multitrack && packetType !== VideoPacketType.ModEx;
    } else if (type === MessageType.Audio && first >> 4 === SoundFormat.ExHeader) {
      kind = "audio";
      isPlain = packetType !== AudioPacketType.Multitrack && packetType !== AudioPacketType.ModEx;
    } else return undefined;
    // Those of several tracks are spread over the whole body.
    return tracksOf(kind, isPlain ? head : body())
      .find(({ fourCc }) => !this.#fourCcs.has(fourCc))?.fourCc;
  }

  /** Tells that nothing more can be sent; not at once, since the writer is in the middle of its turn. */
  refuse(fourCc: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    queueMicrotask(() => this.#onRefused(fourCc));
  }
}
