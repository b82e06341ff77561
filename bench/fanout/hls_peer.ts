/**
 * Viewers of low-latency HLS that do what players do: each asks for the next playlist and for the part that is hinted
 * at, both before these are there, of the picture and, where it is apart, of the sound.
 */
import { parseFragment, splitBoxes } from "../../src/mp4/mod.ts";
import { type Cookies, type HttpAnswer, HttpClient, resolvedPath } from "./http_client.ts";
import type { Meter } from "./meter.ts";
import { markInPicture } from "./test_stream.ts";

/** A server begins to package a stream when it is asked for. */
const TRIES = 50;
const TRY_AGAIN_MS = 200;

/** When the last picture of each part was made, which all viewers need and one finds out. */
const stamps = new Map<string, number>();

/** Opens a viewer; resolves when its first part with pictures has come. */
export async function playHls(
  name: string,
  { port, meter }: { readonly port: number; readonly meter: Meter },
): Promise<void> {
  const openedMs = performance.now();
  const cookies: Cookies = new Map();
  const client = await HttpClient.open(port, cookies);
  const index = await getInTime(client, `/live/${name}/index.m3u8`);
  client.close();
  const text = new TextDecoder().decode(index.body);
  const variant = /^#EXT-X-STREAM-INF:.*\n([^#\s].*)$/m.exec(text)?.[1];
  if (variant === undefined) throw new Error(`There is no variant stream in ${text}`);
  const sound = /^#EXT-X-MEDIA:TYPE=AUDIO.*URI="([^"]+)"/m.exec(text)?.[1];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.then(() => meter.joins.push(performance.now() - openedMs));
  const follow = (uri: string, onPart: PartListener) =>
    followRendition({ port, cookies, path: resolvedPath(uri, index.path), meter, onPart })
      .catch((error) => {
        meter.failures++;
        reject(error);
      });
  void follow(variant, (part, { uri, holdBackMs }) => {
    const nowMs = performance.now();
    let stampMs = stamps.get(uri);
    if (stampMs === undefined) stamps.set(uri, stampMs = stampOf(part));
    if (meter.isCounting) {
      meter.parts++;
      if (nowMs - stampMs > holdBackMs) meter.lateParts++;
    }
    meter.picture({ stampMs });
    resolve();
  });
  if (sound !== undefined) void follow(sound, () => {});
  await promise;
}

/** Is told of a part that has come. */
type PartListener = (
  part: Uint8Array,
  about: { readonly uri: string; readonly holdBackMs: number },
) => void;

/** Follows a media playlist for ever, from its newest part on. */
async function followRendition(
  { port, cookies, path, meter, onPart }: {
    readonly port: number;
    readonly cookies: Cookies;
    readonly path: string;
    readonly meter: Meter;
    readonly onPart: PartListener;
  },
): Promise<void> {
  const playlists = await HttpClient.open(port, cookies);
  const files = await HttpClient.open(port, cookies);
  const get = async (client: HttpClient, wanted: string): Promise<Uint8Array | undefined> => {
    const { status, body, bytes } = await client.get(wanted);
    if (meter.isCounting) {
      meter.requests++;
      meter.bytes += bytes;
      if (status !== 200) meter.failures++;
    }
    return status === 200 ? body : undefined;
  };
  const first = await getInTime(playlists, path);
  let playlist = readPlaylist(first.body);
  for (let newest = playlist.parts.at(-1);;) {
    const { parts, hint, holdBackMs, next } = playlist;
    const wanted = [...parts.slice(parts.indexOf(newest ?? "") + 1), hint];
    const reloading = get(playlists, `${path}${path.includes("?") ? "&" : "?"}${next}`);
    for (const uri of wanted) {
      const part = await get(files, resolvedPath(uri, path));
      if (part !== undefined) onPart(part, { uri, holdBackMs });
    }
    newest = hint;
    const reloaded = await reloading;
    if (reloaded !== undefined) playlist = readPlaylist(reloaded);
  }
}

/** What a viewer needs of a media playlist. */
interface PartPlaylist {
  readonly parts: readonly string[];
  /** The part that is to come. */
  readonly hint: string;
  readonly holdBackMs: number;
  /** The query by which a server answers with the playlist in which that part is (RFC 8216bis, 6.2.5.2). */
  readonly next: string;
}

function readPlaylist(body: Uint8Array): PartPlaylist {
  const text = new TextDecoder().decode(body);
  const parts: string[] = [];
  let number = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)/m.exec(text)?.[1] ?? 0);
  number += Number(/^#EXT-X-SKIP:.*SKIPPED-SEGMENTS=(\d+)/m.exec(text)?.[1] ?? 0);
  let partsOfNumber = 0;
  for (const [, tag, attributes] of text.matchAll(/^#(EXTINF|EXT-X-PART):(.*)$/gm)) {
    if (tag === "EXTINF") {
      number++;
      partsOfNumber = 0;
    } else {
      parts.push(/URI="([^"]+)"/.exec(attributes!)![1]!);
      partsOfNumber++;
    }
  }
  const hint = /^#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/m.exec(text)?.[1];
  const holdBack = /PART-HOLD-BACK=([\d.]+)/.exec(text)?.[1];
  if (hint === undefined || holdBack === undefined) {
    throw new Error(`This is no playlist of low-latency HLS: ${text}`);
  }
  const skip = text.includes("CAN-SKIP-UNTIL=") ? "&_HLS_skip=YES" : "";
  const next = `_HLS_msn=${number}&_HLS_part=${partsOfNumber}${skip}`;
  return { parts, hint, holdBackMs: Number(holdBack) * 1000, next };
}

/** When the last picture of a part was made. */
function stampOf(part: Uint8Array): number {
  const box = splitBoxes(part).find(({ type }) => type === "moof");
  if (box === undefined) throw new Error("A part has no moof");
  const fragment = part.subarray(box.offset);
  const { tracks } = parseFragment(fragment.subarray(0, box.headerBytes + box.content.length), []);
  for (const { samples } of tracks) {
    const { offset, size } = samples.at(-1)!;
    const mark = markInPicture(fragment.subarray(offset, offset + size));
    if (mark !== undefined) return mark.stampMs;
  }
  throw new Error("A part has no picture");
}

async function getInTime(client: HttpClient, path: string): Promise<HttpAnswer> {
  for (let tries = 1;; tries++) {
    const answer = await client.get(path);
    if (answer.status === 200) return answer;
    if (tries === TRIES) throw new Error(`${path} is answered by ${answer.status}`);
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
  }
}
