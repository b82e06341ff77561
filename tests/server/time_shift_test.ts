import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { FlvDecoder } from "../../src/flv/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import type { ServerOptions } from "../../src/server/mod.ts";
import { readFrom } from "../../src/server/time_shift.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer } from "../support/test_server.ts";

const SECONDS = 20;

/** Units of so many seconds: the two of a file, over and over. */
async function units(): Promise<MediaUnit[]> {
  const file = await Deno.readFile(new URL("fixtures/short.flv", import.meta.url));
  const kinds = { 8: "audio", 9: "video", 18: "data" } as const;
  const tags = new FlvDecoder().push(file).filter(({ timestampMs }) => timestampMs < 2000);
  return Array.from({ length: SECONDS / 2 }).flatMap((_, turn) =>
    tags.flatMap(({ type, timestampMs, body }) => {
      const dtsUs = (turn * 2000 + timestampMs) * 1000;
      return unitOfFlv({ kind: kinds[type as 8 | 9 | 18], dtsUs, body }) ?? [];
    })
  );
}

/** A server that keeps `live/cam`, of which the last seconds have come all at once. */
async function kept(options: ServerOptions = {}) {
  const test = await TestServer.start({
    rtmp: false,
    rtsp: { hostname: "127.0.0.1", port: 0 },
    keep: { ms: 60_000 },
    workers: 1,
    ...options,
  });
  const publication = test.server.hub.acquire("live/cam");
  for (const unit of await units()) publication.write(unit);
  publication.commit();
  const get = (path: string) => test.server.fetch(new Request(`http://localhost${path}`));
  // It is written behind the publisher.
  for (let wait = true; wait;) {
    const answer = await get(`/live/cam/clip.mp4?last=60`);
    await answer.body?.cancel();
    const bytes = Number(answer.headers.get("content-length") ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const more = await get(`/live/cam/clip.mp4?last=60`);
    await more.body?.cancel();
    wait = bytes === 0 || bytes !== Number(more.headers.get("content-length"));
  }
  return { test, get };
}

/** Reads the pictures of an answer for a while, as milliseconds. */
async function pictures(answer: Response, ms: number): Promise<number[]> {
  const decoder = new FlvDecoder();
  const times: number[] = [];
  const reader = answer.body!.getReader();
  const timer = setTimeout(() => void reader.cancel(), ms);
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    for (const { type, timestampMs, body } of decoder.push(next.value)) {
      if (type === 9 && body[1] === 1) times.push(timestampMs);
    }
  }
  clearTimeout(timer);
  return times;
}

Deno.test("a live stream is played from some time ago on over HTTP, which says when that was", async () => {
  const { test, get } = await kept();
  await using _ = test;
  const nowMs = Date.now();
  const answer = await get("/live/cam.flv?from=-10");
  assertEquals(answer.status, 200);
  assertAlmostEquals(Date.parse(answer.headers.get("x-start")!), nowMs - 10_000, 1200);
  const times = await pictures(answer, 1000);
  // At its own pace, and not all that has come.
  assert(times.length > 15 && times.length < 45, String(times.length));
  assertEquals(times, times.toSorted((a, b) => a - b));
  const caughtUp = await pictures(await get("/live/cam.flv?from=-10&catchup=1"), 1000);
  assert(caughtUp.length > 80 && caughtUp.length < 130, String(caughtUp.length));
  // Where nothing is so old, from the oldest on.
  const oldest = await get("/live/cam.flv?from=-3000");
  assertAlmostEquals(Date.parse(oldest.headers.get("x-start")!), nowMs - SECONDS * 1000, 1500);
  await oldest.body!.cancel();
  const hls = await get("/live/cam/index.m3u8?from=-15");
  assertEquals(hls.status, 200);
  assertAlmostEquals(Date.parse(hls.headers.get("x-start")!), Date.now() - 15_000, 1500);
  const [, media] = /^(hls\/.*)$/m.exec(await hls.text())!;
  const playlist = await (await get(`/live/cam/${media}`)).text();
  assertMatch(playlist, /#EXTINF/);
  const [, date] = /#EXT-X-PROGRAM-DATE-TIME:(.*)/.exec(playlist)!;
  assertAlmostEquals(Date.parse(date!), Date.now() - 15_000, 1500);
});

Deno.test("times that are none, and streams of which nothing is kept, are refused in words", async () => {
  const { test, get } = await kept();
  await using _ = test;
  const said = async (path: string): Promise<string> => {
    const answer = await get(path);
    return `${answer.status} ${(await answer.json()).reason}`;
  };
  for (const from of ["", "90", "-", "-1e9", "yesterday", "-1%00", "2026-13-40T00:00:00Z"]) {
    assertMatch(await said(`/live/cam.flv?from=${from}`), /^400 "from" is wrong: allowed are /);
  }
  assertMatch(await said("/live/other.flv?from=-5"), /^404 Nothing is kept of live\/other/);
  assertMatch(
    await said(`/live/cam.ts?from=${new Date(Date.now() + 60_000).toISOString()}`),
    /^400 "from" is wrong/,
  );
  await using without = await TestServer.start();
  const answer = await without.server.fetch(new Request("http://localhost/live/cam.flv?from=-5"));
  assertMatch(
    `${answer.status} ${await answer.text()}`,
    /^404 .*Nothing is kept of live\/cam from that time on/,
  );
});

Deno.test("an RTSP player asks for a time by Range: clock (RFC 2326, 3.7)", async () => {
  const { test } = await kept();
  await using _ = test;
  const port = test.server.addresses.find(({ protocol }) => protocol === "rtsp")!.port;
  const nowMs = Date.now();
  const clock = new Date(nowMs - 10_000).toISOString().replaceAll(/[-:]/g, "");
  const url = `rtsp://127.0.0.1:${port}/live/cam`;
  const session = async (peer: RtspPeer) => {
    const { body } = await peer.request("DESCRIBE", { url });
    const [, control] = /a=control:(?!\*)(\S+)/.exec(new TextDecoder().decode(body))!;
    const setUp = await peer.request("SETUP", {
      url: `${url}/${control}`,
      headers: { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" },
    });
    assertEquals(setUp.status, 200);
    const [, ssrc] = /ssrc=([0-9A-F]{8})/i.exec(setUp.headers.get("Transport")!)!;
    return { Session: setUp.headers.get("Session")!.split(";")[0]!, ssrc: ssrc! };
  };
  using peer = await RtspPeer.dial(port);
  const { ssrc, ...headers } = await session(peer);
  const wrong = await peer.request("PLAY", { url, headers: { ...headers, Range: "clock=noon-" } });
  assertEquals(wrong.status, 457);
  const played = await peer.request("PLAY", {
    url,
    headers: { ...headers, Range: `clock=${clock}-`, Scale: "2" },
  });
  assertEquals(played.status, 200);
  assertEquals(played.headers.get("Scale"), "1");
  const [, start] = /^clock=(\d{8}T\d{6}(?:\.\d+)?Z)-$/.exec(played.headers.get("Range")!)!;
  const iso = start!.replace(/(....)(..)(..)T(..)(..)/, "$1-$2-$3T$4:$5:");
  assertAlmostEquals(Date.parse(iso), nowMs - 10_000, 1200);
  for (;;) {
    const { channel, payload } = await peer.nextFrame();
    if (channel !== 0) continue;
    // The source is the one that SETUP has told of.
    assertEquals(payload.subarray(8, 12).toHex(), ssrc.toLowerCase());
    break;
  }
  // Once it plays, it is where it is.
  const moved = await peer.request("PLAY", {
    url,
    headers: { ...headers, Range: `clock=${clock}-` },
  });
  assertEquals(moved.status, 457);
  assertEquals((await peer.request("TEARDOWN", { url, headers })).status, 200);
  // By the URL it is the same, and what was asked for so is described as it was.
  using byUrl = await RtspPeer.dial(port);
  const described = await byUrl.request("DESCRIBE", { url: `${url}?from=-10` });
  assertEquals(described.status, 200);
  assertEquals((await byUrl.request("DESCRIBE", { url: `${url}?from=soon` })).status, 400);
});

Deno.test("when a player wants to begin is seconds before now, or a time", () => {
  const now = Date.UTC(2026, 10, 27, 10);
  assertEquals(readFrom("-90", now), now - 90_000);
  assertEquals(readFrom("-0.5", now), now - 500);
  assertEquals(readFrom("2026-11-27T09:30:00Z", now), now - 1_800_000);
  assertEquals(readFrom(String(now - 1000), now), now - 1000);
  for (
    const wrong of ["", "-", "90", "now", "-1e3", "20261127", "2026-11-27", String(now + 5000)]
  ) {
    assertEquals(readFrom(wrong, now), undefined, wrong);
  }
});
