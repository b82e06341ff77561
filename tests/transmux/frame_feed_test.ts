/** What containers are told, and when, of what publishers of all kinds send. */
import { assert, assertEquals } from "@std/assert";
import type { MediaUnit, Track } from "../../src/media/mod.ts";
import { type FeedEvent, FrameFeed } from "../../src/transmux/mod.ts";
import { bodyOf, flvBodies, load, unitsOfFlv } from "./support.ts";

const video = () => unitsOfFlv(flvBodies(load("h264")));
const audio = () => unitsOfFlv(flvBodies(load("aac")));

/** Words for what came: tracks with their codecs, frames by kind. */
function words(events: readonly FeedEvent[]): string[] {
  const said: string[] = [];
  for (const event of events) {
    const word = event.type === "frame"
      ? event.frame.kind
      : `${event.reason}: ${event.tracks.map(({ codec }) => codec).join(" ")}`;
    if (said.at(-1) !== word) said.push(word);
  }
  return said;
}

function inOrder(...lists: readonly MediaUnit[][]): MediaUnit[] {
  return lists.flat().sort((a, b) => a.dtsUs - b.dtsUs);
}

function take(feed: FrameFeed, units: readonly MediaUnit[]): FeedEvent[] {
  return units.flatMap((unit) => feed.take(unit));
}

function shifted(units: readonly MediaUnit[], byUs: number): MediaUnit[] {
  return units.map((unit) => ({ ...unit, dtsUs: unit.dtsUs + byUs, ptsUs: unit.ptsUs + byUs }));
}

Deno.test("FrameFeed tells all tracks before the first frame", () => {
  const feed = new FrameFeed();
  const events = take(feed, inOrder(video(), audio()));
  assertEquals(words(events)[0], "start: h264 aac");
  assertEquals(events.filter(({ type }) => type === "tracks").length, 1);
  assertEquals(feed.dropped, 0);
});

Deno.test("FrameFeed leaves out what precedes the first key frame", () => {
  const units = video();
  const headless = [units[0]!, ...units.slice(3)];
  const events = take(new FrameFeed({ maxWaitUs: 0 }), headless);
  const [first] = events.flatMap((event) => event.type === "frame" ? [event.frame] : []);
  assert(first === undefined || first.keyFrame);
});

Deno.test("FrameFeed waits for a second track as long as it is told, and tells of it when it comes later", () => {
  const late = shifted(audio(), 3_000_000);
  const long = Array.from(
    { length: 4 },
    (_, index) => shifted(video().slice(1), index * 1_000_000),
  );
  const units = inOrder([video()[0]!], ...long, late);
  const feed = new FrameFeed({ maxWaitUs: 1_500_000 });
  const said = words(take(feed, units));
  assertEquals(said[0], "start: h264");
  assert(said.includes("change: h264 aac"), said.join(", "));
});

Deno.test("FrameFeed with no wait tells of each track with its first frame", () => {
  const units = [...video().slice(0, 2), ...audio().slice(0, 2)];
  const events = take(new FrameFeed({ maxWaitUs: 0 }), units);
  assertEquals(words(events), ["start: h264", "video", "change: h264 aac", "audio"]);
});

Deno.test("FrameFeed does not tell of a track that was announced and never comes", () => {
  const { config, packets } = load("h264");
  const tracks: Track[] = [
    { kind: "video", id: 0, codec: "h264", config },
    { kind: "audio", id: 0, codec: "aac", config: load("aac").config },
  ];
  const units = packets.map(({ dtsUs, ptsUs, key, data }): MediaUnit => ({
    ...{ kind: "video", role: "media", track: 0, dtsUs, ptsUs, keyFrame: key } as const,
    ...{ discardable: false, payload: { format: "access-unit", data } } as const,
  }));
  const feed = new FrameFeed({ maxWaitUs: 300_000 });
  feed.begin(tracks);
  const events = take(feed, units);
  assertEquals(words(events), ["start: h264", "video"]);
  assertEquals(events.length - 1, packets.length);
});

Deno.test("FrameFeed tells the tracks again for another publisher, and where a configuration changes", () => {
  const feed = new FrameFeed({ maxWaitUs: 0 });
  take(feed, video());
  feed.begin();
  const again = take(feed, shifted(video(), 2_000_000));
  assertEquals(words(again)[0], "publisher: h264");
  const header = {
    ...{ kind: "video", dtsUs: 5_000_000 } as const,
    body: bodyOf("h265", { config: true, data: load("h265").config }),
  };
  const changed = [
    ...unitsOfFlv([header]),
    ...shifted(unitsOfFlv(flvBodies(load("h265"))).slice(1), 5_000_000),
  ];
  assertEquals(words(take(feed, changed)), ["change: h265", "video"]);
});

Deno.test("FrameFeed holds no more than it may", () => {
  const units = video();
  const bytes = load("h264").packets.reduce((sum, { data }) => sum + data.length, 0);
  const feed = new FrameFeed({ maxHeldBytes: Math.floor(bytes / 2) });
  assertEquals(words(take(feed, units)), ["start: h264", "video"]);
});
