/** Players of each protocol that do what such players do when their server goes away: connect again by the URL they have. */
import { RtmpClient, RtspClient } from "../../src/client/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import type { NodeProcess } from "./node_process.ts";

/** What plays once, until its stream is over for it: each picture is told. */
type Play = (onPicture: () => void, signal: AbortSignal) => Promise<void>;

/** A player that goes on for ever, and keeps the longest time that it was without a picture. */
export class MovingViewer implements AsyncDisposable {
  readonly kind: string;
  longestGapMs = 0;
  pictures = 0;
  /** How often it had to begin anew. */
  plays = 0;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #lastMs: number | undefined;

  constructor(kind: keyof typeof PLAYS, node: NodeProcess, name = "live/cam") {
    this.kind = kind;
    this.#done = this.#run(PLAYS[kind](node, name));
  }

  /** The longest time without a picture so far, the one that goes on too. */
  get gapMs(): number {
    return Math.max(this.longestGapMs, performance.now() - (this.#lastMs ?? performance.now()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #run(play: Play): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      this.plays++;
      try {
        await play(() => this.#see(), signal);
      } catch {
        // It comes again.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #see(): void {
    const nowMs = performance.now();
    if (this.#lastMs !== undefined) {
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastMs);
    }
    this.#lastMs = nowMs;
    this.pictures++;
  }
}

async function watch(
  playback: ReadableStream<MediaUnit>,
  { onPicture, signal }: { readonly onPicture: () => void; readonly signal: AbortSignal },
): Promise<void> {
  const reader = playback.getReader();
  signal.addEventListener("abort", () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { value, done } = await reader.read();
    if (done || signal.aborted) return;
    if (value.kind === "video" && value.role === "media") onPicture();
  }
}

const PLAYS = {
  /** One that knows no reconnect request: it is ended, and connects again. */
  rtmp: ({ port }, name) => async (onPicture, signal) => {
    await using client = await RtmpClient.connect(`rtmp://127.0.0.1:${port}/${name}`);
    await watch(await client.play(), { onPicture, signal });
  },
  /** One that has the next connection play before it leaves the one that it has. */
  "rtmp with reconnect": ({ port }, name) => async (onPicture, signal) => {
    let url = `rtmp://127.0.0.1:${port}/${name}`;
    let leave = new AbortController();
    while (!signal.aborted) {
      const moved = Promise.withResolvers<string>();
      const client = await RtmpClient.connect(url, {
        onStatus: ({ code, information }) => {
          if (code.endsWith("ReconnectRequest")) moved.resolve(String(information["tcUrl"]));
        },
      });
      const left = leave = new AbortController();
      const playing = client.play().then((playback) =>
        watch(playback, { onPicture, signal: AbortSignal.any([signal, left.signal]) })
      ).finally(() => client.close());
      const to = await Promise.race([moved.promise, playing]);
      if (to === undefined) return await playing;
      playing.catch(() => {});
      url = `${to}/${name.split("/").at(-1)}`;
      setTimeout(() => left.abort(), 1000);
    }
    leave.abort();
  },
  rtsp: ({ rtspPort }, name) => async (onPicture, signal) => {
    await using client = await RtspClient.connect(`rtsp://127.0.0.1:${rtspPort}/${name}`);
    await watch(await client.play(), { onPicture, signal });
  },
  "http-flv": ({ httpPort }, name) => async (onPicture, signal) => {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/${name}.flv`, { signal });
    if (!answer.ok) return void await answer.body?.cancel();
    for await (const _ of answer.body!) {
      onPicture();
      // Deno does not end every body whose request was aborted, after a redirection above all.
      if (signal.aborted) return;
    }
  },
  "ll-hls": ({ httpPort }, name) => async (onPicture, signal) => {
    const get = async (url: string | URL) => {
      const answer = await fetch(url, { signal, headers: { "accept-encoding": "identity" } });
      const text = await answer.text();
      if (!answer.ok) throw new Error(text);
      return { url: answer.url, text };
    };
    const start = await get(`http://127.0.0.1:${httpPort}/${name}/index.m3u8`);
    const [main] = /^hls\/\w+\/main\.m3u8$/m.exec(start.text)!;
    let playlist = new URL(main, start.url).href;
    let query = "";
    const seen = new Set<string>();
    while (!signal.aborted) {
      const { url, text } = await get(playlist + query);
      playlist = url.split("?")[0]!;
      const parts = Array.from(
        text.matchAll(/URI="([^"]+\.\d+\.m4s)"(?!,)|#EXT-X-PART:.*URI="([^"]+)"/g),
      );
      for (const [, a, b] of parts.slice(-3)) {
        const part = new URL((a ?? b)!, url).href;
        if (seen.has(part)) continue;
        seen.add(part);
        const answer = await fetch(part, { signal });
        await answer.bytes();
        if (answer.ok) onPicture();
      }
      const first = Number(/#EXT-X-MEDIA-SEQUENCE:(\d+)/.exec(text)![1]);
      const whole = text.match(/^#EXTINF/gm)?.length ?? 0;
      const open = text.slice(text.lastIndexOf("#EXTINF")).match(/^#EXT-X-PART:/gm)?.length ?? 0;
      query = `?_HLS_msn=${first + whole}&_HLS_part=${open}`;
    }
  },
} as const satisfies Record<string, (node: NodeProcess, name: string) => Play>;

/** The kinds of players that there are. */
export const VIEWER_KINDS = Object.keys(PLAYS) as (keyof typeof PLAYS)[];
