import { WebRtcError } from "./errors.ts";
import type { SdpMedia } from "../sdp/mod.ts";

/** What a description's fragment tells of a peer's side of ICE (RFC 8840, 9): `application/trickle-ice-sdpfrag`. */
export interface IceFragment {
  /** The peer's name fragment; absent where it tells of none. */
  readonly fragment?: string;
  /** The password that goes with it. */
  readonly password?: string;
}

/** What the fragment of the side that answers tells. */
export interface IceFragmentOptions {
  /** The name fragment and the password of this side. */
  readonly ice: { readonly fragment: string; readonly password: string };
  /** Where it can be reached by UDP. */
  readonly candidates: readonly { readonly hostname: string; readonly port: number }[];
  /** The media section whose transport all share, and its name in the group. */
  readonly media: Pick<SdpMedia, "kind" | "protocol"> & {
    readonly mid: string;
    readonly payloadType: number;
  };
}

/** An attribute of a description. */
interface Attribute {
  readonly name: string;
  readonly value?: string;
}

/** What a side of ICE's lite says of itself, in an answer and, as it must be the same (RFC 9725, 4.3.3), in a fragment. */
export const ICE_OPTIONS: readonly Attribute[] = [
  { name: "ice-lite" },
  { name: "ice-options", value: "trickle ice2" },
];

/** A host's own address, of the first component (RFC 8445, 5.1.2). */
const HOST_PRIORITY = 2 ** 24 * 126 + 2 ** 8 * 65_535 + 255;

/** The addresses of a side, and that there are no others. */
export function candidateAttributes(
  candidates: IceFragmentOptions["candidates"],
): readonly Attribute[] {
  return [
    ...candidates.map(({ hostname, port }, index) => ({
      name: "candidate",
      value: `${index + 1} 1 udp ${HOST_PRIORITY - index * 256} ${hostname} ${port} typ host`,
    })),
    { name: "end-of-candidates" },
  ];
}

/**
 * Reads a fragment.
 *
 * @throws {WebRtcError} `malformed-fragment` if a line is none of a description, or there is none
 */
export function parseIceFragment(text: string): IceFragment {
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  if (lines.length === 0) throw malformed("it is empty");
  const wrong = lines.find((line) => !/^[am]=./.test(line));
  if (wrong !== undefined) throw malformed(`${JSON.stringify(wrong.slice(0, 80))} is none of it`);
  const fragment = valueOf(lines, "ice-ufrag");
  const password = valueOf(lines, "ice-pwd");
  return {
    ...(fragment === undefined ? {} : { fragment }),
    ...(password === undefined ? {} : { password }),
  };
}

/** Writes the fragment of the side that answers. */
export function formatIceFragment({ ice, candidates, media }: IceFragmentOptions): string {
  const { kind, protocol, mid, payloadType } = media;
  const attributes: readonly Attribute[] = [
    ...(mid === "" ? [] : [{ name: "mid", value: mid }]),
    { name: "ice-ufrag", value: ice.fragment },
    { name: "ice-pwd", value: ice.password },
    ...candidateAttributes(candidates),
  ];
  return [
    ...ICE_OPTIONS.map(lineOf),
    `m=${kind} 9 ${protocol} ${payloadType}`,
    ...attributes.map(lineOf),
    "",
  ].join("\r\n");
}

function lineOf({ name, value }: Attribute): string {
  return value === undefined ? `a=${name}` : `a=${name}:${value}`;
}

function valueOf(lines: readonly string[], name: string): string | undefined {
  const start = `a=${name}:`;
  return lines.find((line) => line.startsWith(start))?.slice(start.length).trim() || undefined;
}

function malformed(why: string): WebRtcError {
  return new WebRtcError("malformed-fragment", `The candidates cannot be read: ${why}`);
}
