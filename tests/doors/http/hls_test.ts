/** HLS over HTTP: who is counted, who is sent away, and what caches are told. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { concat } from "@std/bytes/concat";
import type { AuthenticationAnswer, AuthenticationRequest, Ticket } from "../../../src/gate/mod.ts";
import type { CodecName, MediaUnit } from "../../../src/media/mod.ts";
import { HlsViewers } from "../../../src/doors/http/hls_viewers.ts";
import { checkPlaylist, readPlaylist } from "../../support/hls_rules.ts";
import { probe } from "../../support/probe.ts";
import { until } from "../../support/test_server.ts";
import { load } from "../../transmux/support.ts";
import { Portless, TestPublisher, unitsOf } from "./played_stream.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** The units of a publisher that goes on for so many times its fixture. */
function longUnits(codec: CodecName, times: number): MediaUnit[] {
  const { packets } = load(codec);
  const stepUs = packets.length * 40_000;
  return Array.from({ length: times }, (_, index) => {
    const units = unitsOf([codec], { startUs: index * stepUs });
    return index === 0 ? units : units.filter(({ role }) => role === "media");
  }).flat();
}

function playersOf({ server }: Portless): Ticket[] {
  return [...server.tickets.values()].filter(({ info }) => info.action === "play");
}

/** A server with a stream of some seconds, and a player of it. */
async function playing(): Promise<{
  readonly weir: Portless;
  readonly publisher: TestPublisher;
  readonly folder: string;
  readonly index: string;
}> {
  const weir = new Portless();
  const publisher = new TestPublisher(weir.server, "live/cam");
  const units = longUnits("h264", 6);
  publisher.send(units.slice(0, 73));
  const asked = weir.ask("/live/cam/index.m3u8");
  // The packager begins at the newest key frame that there is.
  await until(() => weir.server.tickets.size === 2);
  publisher.send(units.slice(73));
  const response = await asked;
  await until(() => weir.server.stream("live/cam").statistics?.publisher?.units === units.length);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/vnd.apple.mpegurl");
  assertMatch(response.headers.get("cache-control")!, /no-store/);
  const index = await response.text();
  const uri = index.split("\n").find((line) => line.endsWith("main.m3u8"))!;
  return { weir, publisher, index, folder: `/live/cam/${uri.slice(0, -"main.m3u8".length)}` };
}

Deno.test("browsers are told of MP3 beside a picture in pieces, all others and caches of it in segments", async () => {
  for (const sessions of ["viewer", "shared"] as const) {
    await using weir = new Portless({ hls: { sessions } });
    const publisher = new TestPublisher(weir.server, "live/cam");
    const units = [...longUnits("h264", 6), ...longUnits("mp3", 30)]
      .toSorted((a, b) => a.dtsUs - b.dtsUs);
    const half = units.findIndex(({ dtsUs }) => dtsUs > 500_000);
    publisher.send(units.slice(0, half));
    const askAs = async (agent: string) => {
      const headers = { "user-agent": agent };
      const text = await (await weir.ask("/live/cam/index.m3u8", { headers })).text();
      return Array.from(text.matchAll(/\w+\.m3u8/g), ([name]) => name);
    };
    const asked = askAs("Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0");
    await until(() => weir.server.tickets.size === 2);
    publisher.send(units.slice(half));
    const whole = ["audio1.m3u8", "main.m3u8"];
    assertEquals(await asked, sessions === "shared" ? whole : ["pieces1.m3u8", "near.m3u8"]);
    assertEquals(await askAs("Lavf/60.16.100"), whole);
    await publisher.end();
  }
});

Deno.test("a player of HLS is one player, however many requests it makes", async () => {
  const { weir, publisher, folder } = await playing();
  await using _ = weir;
  const text = await (await weir.ask(`${folder}main.m3u8`)).text();
  const playlist = readPlaylist(text);
  checkPlaylist(playlist);
  const [segment] = playlist.segments;
  const pieces: Uint8Array[] = [];
  for (const uri of [segment!.map!, segment!.uri]) {
    const response = await weir.ask(`${folder}${uri}`);
    assertEquals(response.headers.get("content-type"), "video/mp4");
    assertMatch(response.headers.get("cache-control")!, /max-age=3600, immutable/);
    assertEquals(response.headers.get("access-control-allow-origin"), "*");
    pieces.push(await response.bytes());
  }
  const { packets } = await probe(concat(pieces), { extension: "mp4" });
  assert(packets[0]!.key);
  const players = playersOf(weir);
  assertEquals(players.length, 1);
  assertEquals(players[0]!.info.protocol, "http-hls");
  const [connection] = weir.server.connections.filter(({ protocol }) => protocol === "http-hls");
  const sent = text.length + pieces.reduce((sum, { length }) => sum + length, 0);
  assert(connection!.bytesSent >= sent, `${connection!.bytesSent} of ${sent}`);
  await publisher.end();
});

Deno.test("a player of HLS that is kicked cannot go on", async () => {
  const { weir, publisher, folder } = await playing();
  await using _ = weir;
  assertEquals((await weir.ask(`${folder}main.m3u8`)).status, 200);
  playersOf(weir)[0]!.kick("go");
  await until(() => weir.server.connections.every(({ protocol }) => protocol !== "http-hls"));
  const refused = await weir.ask(`${folder}main.m3u8`);
  assertEquals(refused.status, 403);
  assertEquals((await refused.json()).code, "session");
  await publisher.end();
});

Deno.test("who comes with a token of nobody is asked for what all players are", async () => {
  const weir = new Portless({
    hooks: {
      authenticate: ({ credentials }) =>
        credentials.kind === "token" ? { allow: "anonymous" } : { refuse: "no" },
    },
  });
  await using _ = weir;
  const publisher = new TestPublisher(weir.server, "live/cam");
  publisher.send(longUnits("h264", 3));
  const token = "0123456789abcdef0123456789abcdef";
  assertEquals((await weir.ask(`/live/cam/hls/${token}/main.m3u8`)).status, 403);
  assertEquals((await weir.ask("/live/cam/hls/nobody/main.m3u8")).status, 403);
  const asked = weir.ask(`/live/cam/hls/${token}/main.m3u8?token=x`);
  await until(() => playersOf(weir).length > 0);
  publisher.send(longUnits("h264", 6).slice(73));
  assertEquals((await asked).status, 200);
  await publisher.end();
});

Deno.test("a token that a client has named itself lets in nobody else, one that the server has made does", async () => {
  const authenticate = ({ connection }: AuthenticationRequest): AuthenticationAnswer =>
    connection.remoteAddress === "192.0.2.7" ? { allow: "anonymous" } : { refuse: "no" };
  await using weir = new Portless({ hooks: { authenticate } });
  const stranger = async (path: string) => {
    const request = new Request(`http://weir.test${path}`);
    const answer = await weir.server.fetch(request, { remoteAddr: { hostname: "203.0.113.9" } });
    await answer.body?.cancel();
    return answer.status;
  };
  const publisher = new TestPublisher(weir.server, "live/cam");
  const units = longUnits("h264", 6);
  publisher.send(units.slice(0, 73));
  // A page of the stranger's can have the browser of somebody who may play ask for this.
  const named = "/live/cam/hls/0123456789abcdef0123456789abcdef/";
  const asked = [weir.ask(`${named}main.m3u8`), weir.ask("/live/cam/index.m3u8")];
  await until(() => playersOf(weir).length === 2);
  publisher.send(units.slice(73));
  const [playlist, index] = await Promise.all(asked);
  assertEquals([playlist!.status, index!.status], [200, 200]);
  const [segment] = readPlaylist(await playlist!.text()).segments;
  for (const file of ["main.m3u8", segment!.map!, segment!.uri]) {
    assertEquals(await stranger(named + file), 403, file);
    const own = await weir.ask(named + file);
    await own.body?.cancel();
    assertEquals(own.status, 200, file);
  }
  // Who is on the way has another address every now and then.
  const uri = (await index!.text()).split("\n").find((line) => line.endsWith("main.m3u8"))!;
  assertEquals(await stranger(`/live/cam/${uri}`), 200);
  assertEquals(playersOf(weir).length, 2);
  await publisher.end();
});

Deno.test("playlists and files have tags, and are sent again only where they have changed", async () => {
  const { weir, publisher, folder } = await playing();
  await using _ = weir;
  const playlist = await weir.ask(`${folder}main.m3u8`);
  const tag = playlist.headers.get("etag")!;
  assertMatch(playlist.headers.get("cache-control")!, /^public, max-age=1/);
  const text = await playlist.text();
  const again = await weir.ask(`${folder}main.m3u8`, { headers: { "if-none-match": tag } });
  assertEquals([again.status, await again.text()], [304, ""]);
  const { segments } = readPlaylist(text);
  const file = await weir.ask(`${folder}${segments[0]!.uri}`);
  await file.body?.cancel();
  const same = await weir.ask(`${folder}${segments[0]!.uri}`, {
    headers: { "if-none-match": `"other", ${file.headers.get("etag")}` },
  });
  assertEquals(same.status, 304);
  const packed = await weir.ask(`${folder}main.m3u8`, {
    headers: { "accept-encoding": "gzip, br" },
  });
  assertEquals(packed.headers.get("content-encoding"), "gzip");
  assert(packed.headers.get("etag") !== tag, "a cache would take the one for the other");
  assertEquals(new TextDecoder().decode(gunzipSync(await packed.bytes())), text);
  const waited = await weir.ask(`${folder}main.m3u8?_HLS_msn=${segments.at(-1)!.msn}`);
  await waited.body?.cancel();
  assertMatch(waited.headers.get("cache-control")!, /^public, max-age=12,/);
  const head = await weir.ask(`${folder}main.m3u8`, { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  const any = await weir.ask(`${folder}main.m3u8`, { headers: { "if-none-match": "*" } });
  assertEquals([any.status, await any.text()], [304, ""]);
  await publisher.end();
});

Deno.test("a cache may fetch a segment in slices", async () => {
  const { weir, publisher, folder } = await playing();
  await using _ = weir;
  const { segments } = readPlaylist(await (await weir.ask(`${folder}main.m3u8`)).text());
  const url = `${folder}${segments[0]!.uri}`;
  const whole = await weir.ask(url);
  const bytes = await whole.bytes();
  assertEquals(whole.headers.get("accept-ranges"), "bytes");
  const slice = await weir.ask(url, { headers: { range: "bytes=100-299" } });
  assertEquals(slice.status, 206);
  assertEquals(slice.headers.get("content-range"), `bytes 100-299/${bytes.length}`);
  assertEquals(slice.headers.get("etag"), whole.headers.get("etag"));
  assertEquals(await slice.bytes(), bytes.subarray(100, 300));
  const beyond = await weir.ask(url, { headers: { range: `bytes=${bytes.length}-` } });
  await beyond.body?.cancel();
  assertEquals([beyond.status, beyond.headers.get("cache-control")], [416, "no-store"]);
  const other = { range: "bytes=0-9", "if-range": '"other"' };
  const changed = await weir.ask(url, { headers: other });
  assertEquals([changed.status, (await changed.bytes()).length], [200, bytes.length]);
  await publisher.end();
});

Deno.test("requests for HLS that make no sense have a clear answer", async () => {
  const { weir, publisher, folder } = await playing();
  await using _ = weir;
  const cases: readonly (readonly [string, number])[] = [
    ["main.m3u8?_HLS_msn=x", 400],
    ["main.m3u8?_HLS_part=1", 400],
    ["main.m3u8?_HLS_msn=1000000000000", 400],
    ["main.m3u8?_HLS_msn=99999999999999999999", 400],
    ["other.m3u8", 404],
    ["main.nobody.0.m4s", 404],
    ["audio1.m3u8", 404],
    ["x.txt", 404],
  ];
  for (const [file, status] of cases) {
    const response = await weir.ask(`${folder}${file}`);
    await response.body?.cancel();
    assertEquals(response.status, status, file);
  }
  const put = await weir.ask("/live/cam/index.m3u8", { method: "PUT" });
  await put.body?.cancel();
  assertEquals(put.status, 405);
  await publisher.end();
});

Deno.test("a player that waits for too much at once is told so", async () => {
  const { weir, publisher, folder } = await playing();
  await using _ = weir;
  const { segments } = readPlaylist(await (await weir.ask(`${folder}main.m3u8`)).text());
  const next = segments.at(-1)!.msn + 1;
  const asked = Array.from({ length: 40 }, () => weir.ask(`${folder}main.m3u8?_HLS_msn=${next}`));
  await publisher.end();
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  assertEquals(new Set(statuses), new Set([200, 429]));
  assertEquals(statuses.filter((status) => status === 200).length, 16);
});

Deno.test("a stream that ends says so in its playlist", async () => {
  const { weir, publisher, folder } = await playing();
  await using _ = weir;
  const { segments } = readPlaylist(await (await weir.ask(`${folder}main.m3u8`)).text());
  const asked = weir.ask(`${folder}main.m3u8?_HLS_msn=${segments.at(-1)!.msn + 1}`);
  await publisher.end();
  const last = readPlaylist(await (await asked).text());
  assert(last.isEnded);
  assert(last.segments.length >= segments.length);
});

Deno.test("a stream that HLS has no name for is refused in words", async () => {
  await using weir = new Portless();
  const publisher = new TestPublisher(weir.server, "live/cam", {
    tracks: [{ kind: "audio", id: 0, codec: "pcma", config: undefined }],
  });
  publisher.send(Array.from({ length: 200 }, (_, index): MediaUnit => ({
    ...{ kind: "audio", role: "media", track: 0, keyFrame: true, discardable: true } as const,
    ...{ dtsUs: index * 20_000, ptsUs: index * 20_000 },
    payload: { format: "access-unit", data: new Uint8Array(160) },
  })));
  const response = await weir.ask("/live/cam/index.m3u8");
  assertEquals(response.status, 406);
  assertMatch((await response.json()).reason, /players of HLS know no pcma/);
  assertEquals(playersOf(weir), []);
  await publisher.end();
});

Deno.test("with hls.always a stream is packaged before anybody watches, and no longer than it lasts", async () => {
  await using weir = new Portless({
    ...{ rtmp: false, rtsp: false, http: LOCAL },
    hls: { always: true, segmentMs: 400 },
  });
  await weir.server.listen();
  const publisher = new TestPublisher(weir.server, "live/cam");
  const units = longUnits("h264", 4);
  publisher.send(units);
  await until(() => weir.server.stream("live/cam").statistics?.publisher?.units === units.length);
  const index = await weir.ask("/live/cam/index.m3u8");
  assertEquals(index.status, 200);
  const uri = (await index.text()).split("\n").find((line) => line.endsWith("main.m3u8"))!;
  const playlist = readPlaylist(await (await weir.ask(`/live/cam/${uri}`)).text());
  // It began with the first key frame, not with the newest.
  assert(playlist.segments.length >= 6, `${playlist.segments.length} segments`);
  await publisher.end();
});

Deno.test("a viewer that asks for nothing for 20 s is one no longer", async () => {
  const { weir, publisher } = await playing();
  await using _ = weir;
  const viewers = new HlsViewers();
  let nowMs = 0;
  let released = 0;
  let lasting: { tick?(): void } | undefined;
  const ends: unknown[] = [];
  const exchange = {
    bytesSent: 0,
    last: (given: typeof lasting) => void (lasting = given),
    finish: (end: unknown) => void ends.push(end),
  };
  const ticket = { start: () => true, end: () => {} };
  const parts = { token: "t", name: "live/cam", packager: {}, release: () => void released++ };
  // deno-lint-ignore no-explicit-any
  const viewer = viewers.add({ ...parts, exchange, ticket } as any, { now: () => nowMs });
  nowMs = 19_000;
  await viewer.answer(() => Promise.resolve(new Response()), () => nowMs);
  nowMs = 38_999;
  lasting!.tick!();
  assertEquals([viewers.get("t", "live/cam"), ends.length], [viewer, 0]);
  assertEquals(viewers.get("t", "live/other"), undefined);
  nowMs = 39_000;
  lasting!.tick!();
  assertEquals([viewers.get("t", "live/cam"), ends.length, released], [undefined, 1, 1]);
  assertEquals(viewers.wasSentAway("t"), false, "it may come back");
  await publisher.end();
});

Deno.test("players that share their addresses are one, and a cache may keep what they are sent", async () => {
  await using weir = new Portless({ hls: { sessions: "shared", segmentMs: 400 } });
  const publisher = new TestPublisher(weir.server, "live/cam");
  const units = longUnits("h264", 6);
  publisher.send(units.slice(0, 73));
  const asked = [0, 1, 2].map(() => weir.ask("/live/cam/index.m3u8"));
  await until(() => playersOf(weir).length > 0);
  publisher.send(units.slice(73));
  const answers = await Promise.all(asked);
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  assertEquals(new Set(texts).size, 1);
  assertMatch(answers[0]!.headers.get("cache-control")!, /^public, max-age=2/);
  assertEquals(playersOf(weir).length, 1);
  // Each of many caches waits for the next part.
  const url = `/live/cam/${texts[0]!.trim().split("\n").at(-1)!}`;
  const { segments } = readPlaylist(await (await weir.ask(url)).text());
  const waiting = Array.from(
    { length: 40 },
    () => weir.ask(`${url}?_HLS_msn=${segments.at(-1)!.msn + 1}`),
  );
  await publisher.end();
  const statuses = (await Promise.all(waiting)).map(({ status }) => status);
  assertEquals(new Set(statuses), new Set([200]));
});
