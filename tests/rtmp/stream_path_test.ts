import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import { MAX_STREAM_PATH_TEXT_LENGTH, resolveStreamPath } from "../../src/rtmp/stream_path.ts";

/** What the client is, the app and tcUrl of its connect, the name in publish or play; the result. */
interface Dialect {
  readonly client: string;
  readonly app?: string;
  readonly tcUrl?: string;
  readonly streamKey: string;
  readonly name: string;
  readonly query?: string;
}

const HOST = "rtmp://h:1935";

const DIALECTS: readonly Dialect[] = [
  // Clients by name are from the recordings, from other servers' tests and their issues
  // (nginx-rtmp#8 #1426, Node-Media-Server#19, mediamtx#242 #4309, livekit/ingress#389).
  { client: "FFmpeg", app: "live", tcUrl: `${HOST}/live`, streamKey: "cam", name: "live/cam" },
  {
    client: "FFmpeg, one segment",
    app: "cam",
    tcUrl: `${HOST}/cam`,
    streamKey: "",
    name: "cam",
  },
  {
    client: "FFmpeg, one segment with a query",
    app: "cam?user=x&pass=y",
    tcUrl: `${HOST}/cam?user=x&pass=y`,
    streamKey: "",
    name: "cam",
    query: "user=x&pass=y",
  },
  {
    client: "FFmpeg, three segments",
    app: "live/room",
    tcUrl: `${HOST}/live/room`,
    streamKey: "cam?user=x",
    name: "live/room/cam",
    query: "user=x",
  },
  {
    client: "FFmpeg, a name that ends in .mp4",
    app: "vod",
    tcUrl: `${HOST}/vod`,
    streamKey: "mp4:shows/one.mp4",
    name: "vod/shows/one.mp4",
  },
  {
    client: "GStreamer rtmp2, which cuts at the last slash",
    app: "live/room/floor",
    tcUrl: `${HOST}/live/room/floor`,
    streamKey: "cam?user=x",
    name: "live/room/floor/cam",
    query: "user=x",
  },
  {
    client: "librtmp, tcUrl without port and with a slash at its end",
    app: "live/",
    tcUrl: "rtmp://h/live/",
    streamKey: "cam",
    name: "live/cam",
  },
  {
    client: "OBS, all in the server field",
    app: "live/cam?user=x&pass=y",
    tcUrl: `${HOST}/live/cam?user=x&pass=y`,
    streamKey: "",
    name: "live/cam",
    query: "user=x&pass=y",
  },
  {
    client: "OBS, query behind the key",
    app: "live",
    tcUrl: `${HOST}/live`,
    streamKey: "cam?user=x&pass=y",
    name: "live/cam",
    query: "user=x&pass=y",
  },
  {
    client: "OBS multitrack, which repeats the query as the key",
    app: "live/cam?user=x",
    tcUrl: `${HOST}/live/cam?user=x`,
    streamKey: "?user=x",
    name: "live/cam",
    query: "user=x",
  },
  {
    client: "OBS, no app in the server field",
    app: "",
    tcUrl: HOST,
    streamKey: "cam?user=x",
    name: "cam",
    query: "user=x",
  },
  {
    client: "Wirecast, an app of three segments, query in the app",
    app: "live/room/floor?user=x",
    tcUrl: `${HOST}/live/room/floor?user=x`,
    streamKey: "cam",
    name: "live/room/floor/cam",
    query: "user=x",
  },
  {
    client: "a query in the tcUrl only",
    app: "live",
    tcUrl: `${HOST}/live?user=x&pass=y`,
    streamKey: "cam",
    name: "live/cam",
    query: "user=x&pass=y",
  },
  {
    client: "JW Player and OBS, slash at the end of the app and at the front of the key",
    app: "live/",
    tcUrl: `${HOST}/live/`,
    streamKey: "/cam",
    name: "live/cam",
  },
  {
    client: "Neko, a quote in the tcUrl and no app",
    tcUrl: `'${HOST}/stream`,
    streamKey: "",
    name: "stream",
  },
  {
    client: "Flash, _definst_",
    app: "live/_definst_",
    tcUrl: `${HOST}/live/_definst_`,
    streamKey: "flv:cam",
    name: "live/cam",
  },
  {
    client: "_definst_ before the key",
    app: "live",
    tcUrl: `${HOST}/live`,
    streamKey: "_definst_/mp4:cam",
    name: "live/cam",
  },
  {
    client: "an IP camera that sends the whole URL as its stream name",
    app: "live",
    tcUrl: `${HOST}/live`,
    streamKey: `${HOST}/live/cam?user=x`,
    name: "live/cam",
    query: "user=x",
  },
  {
    client: "an IP camera that sends its only segment twice",
    app: "97ADC289-456A",
    tcUrl: `${HOST}/97ADC289-456A`,
    streamKey: `${HOST}/97ADC289-456A`,
    name: "97ADC289-456A",
  },
  {
    client: "Riverside, an encoded slash",
    app: "live",
    tcUrl: `${HOST}/live`,
    streamKey: "x%2Fkey%20one",
    name: "live/x/key one",
  },
  {
    client: "Adobe authentication behind another query",
    app: "live?key=val?authmod=adobe&user=x&challenge=1&response=2",
    tcUrl: `${HOST}/live?key=val?authmod=adobe&user=x&challenge=1&response=2`,
    streamKey: "cam",
    name: "live/cam",
    query: "key=val&authmod=adobe&user=x&challenge=1&response=2",
  },
  {
    client: "RootEncoder, an empty query",
    app: "cam?",
    tcUrl: `${HOST}/cam?`,
    streamKey: "",
    name: "cam",
  },
  { client: "no tcUrl", app: "live", streamKey: "cam", name: "live/cam" },
  { client: "a whole URL as the app", app: `${HOST}/live`, streamKey: "cam", name: "live/cam" },
  { client: "rtmps, IPv6", tcUrl: "rtmps://[::1]:443/live", streamKey: "cam", name: "live/cam" },
  { client: "UTF-8", app: "live", streamKey: "%C3%A9t%C3%A9", name: "live/été" },
];

for (const { client, name, query = "", ...request } of DIALECTS) {
  Deno.test(`resolveStreamPath understands ${client} (M060)`, () => {
    const path = resolveStreamPath(request);
    assertEquals([path.name, path.query.toString()], [name, query]);
    assertEquals([path.app, path.key].filter((part) => part !== "").join("/"), name);
  });
}

Deno.test("resolveStreamPath prefers the parameters nearest to the stream name (M060)", () => {
  const { query } = resolveStreamPath({
    app: "live?token=of-app&user=x",
    tcUrl: `${HOST}/live?token=of-url`,
    streamKey: "cam?token=of-key",
  });
  assertEquals(query.get("token"), "of-key");
  assertEquals(query.getAll("token"), ["of-key", "of-app", "of-url"]);
  assertEquals(query.get("user"), "x");
});

const BAD_REQUESTS = [
  { app: "", streamKey: "", reason: "names no stream" },
  { app: "/", streamKey: "///?a=b", reason: "names no stream" },
  { app: "live", streamKey: "100%", reason: "percent-encoding" },
  { app: "live", streamKey: "%ff%fe", reason: "percent-encoding" },
  { app: "li%zzve", streamKey: "cam", reason: "percent-encoding" },
  { app: "live", streamKey: "x".repeat(MAX_STREAM_PATH_TEXT_LENGTH + 1), reason: "8193" },
  { app: "/".repeat(MAX_STREAM_PATH_TEXT_LENGTH + 1), streamKey: "cam", reason: "8193" },
];

for (const { reason, ...request } of BAD_REQUESTS) {
  const shown = `${request.app} + ${request.streamKey}`.slice(0, 40);
  Deno.test(`resolveStreamPath refuses ${JSON.stringify(shown)}: ${reason} (M060)`, () => {
    const error = assertThrows(() => resolveStreamPath(request), RtmpError);
    assertEquals(error.code, "url");
    assertStringIncludes(error.message, reason);
  });
}

Deno.test("whatever a client sends gives a name, or an RtmpError", () => {
  const piece = fc.constantFrom(
    "/",
    "..",
    ".",
    "%2e",
    "%2f",
    "%5c",
    "%",
    "?",
    "a",
    "\0",
    ":",
    "mp4:",
    "'",
  );
  const text = fc.oneof(fc.string(), fc.array(piece).map((all) => all.join("")));
  fc.assert(
    fc.property(text, text, text, (app, tcUrl, streamKey) => {
      try {
        const { name } = resolveStreamPath({ app, tcUrl, streamKey });
        assert(name !== "");
      } catch (error) {
        assert(error instanceof RtmpError && error.code === "url", String(error));
      }
    }),
    { seed: 60, numRuns: 3000 },
  );
});
