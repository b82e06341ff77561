import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import { formatRtmpUrl, formatTcUrl, parseRtmpUrl, type RtmpUrl } from "../../src/rtmp/url.ts";

const LOCAL = { scheme: "rtmp", host: "localhost", port: 1935 } as const;

const URLS: readonly (RtmpUrl & { text: string })[] = [
  { text: "rtmp://localhost", ...LOCAL, app: "", key: "" },
  { text: "rtmp://localhost/", ...LOCAL, app: "", key: "" },
  { text: "rtmp://localhost/live", ...LOCAL, app: "live", key: "" },
  { text: "rtmp://localhost/live/cam", ...LOCAL, app: "live", key: "cam" },
  { text: "RTMP://LocalHost:1936/live/cam", ...LOCAL, port: 1936, app: "live", key: "cam" },
  {
    text: "rtmps://localhost/live/cam",
    ...LOCAL,
    scheme: "rtmps",
    port: 443,
    app: "live",
    key: "cam",
  },
  { text: "rtmps://localhost:1935/a/b", ...LOCAL, scheme: "rtmps", app: "a", key: "b" },
  { text: "rtmp://[::1]/live/cam", ...LOCAL, host: "::1", app: "live", key: "cam" },
  {
    text: "rtmp://[2001:DB8::1]:8/a/b",
    ...LOCAL,
    host: "2001:db8::1",
    port: 8,
    app: "a",
    key: "b",
  },
  // Two segments of app, as FFmpeg and librtmp cut it.
  { text: "rtmp://localhost/live/room/cam", ...LOCAL, app: "live/room", key: "cam" },
  { text: "rtmp://localhost/live/_definst_/cam", ...LOCAL, app: "live/_definst_", key: "cam" },
  { text: "rtmp://localhost/live/room/a/b", ...LOCAL, app: "live/room", key: "a/b" },
  {
    text: "rtmp://localhost/vod/mp4:shows/one.mp4",
    ...LOCAL,
    app: "vod",
    key: "mp4:shows/one.mp4",
  },
  // Queries.
  { text: "rtmp://localhost/live?user=x", ...LOCAL, app: "live?user=x", key: "" },
  { text: "rtmp://localhost/live?user=x/cam", ...LOCAL, app: "live?user=x", key: "cam" },
  { text: "rtmp://localhost/live/cam?t=a/b+c==", ...LOCAL, app: "live", key: "cam?t=a/b+c==" },
  { text: "rtmp://localhost/a/b/c?u=http://x/y", ...LOCAL, app: "a/b", key: "c?u=http://x/y" },
  { text: "rtmp://localhost?user=x", ...LOCAL, app: "?user=x", key: "" },
  // Slashes at odd places.
  { text: "rtmp://localhost//live//cam/", ...LOCAL, app: "live", key: "cam" },
  // Percent-encoding is the server's to undo.
  { text: "rtmp://localhost/live/cam%201", ...LOCAL, app: "live", key: "cam%201" },
  // Credentials.
  { text: "rtmp://ann@localhost/a/b", ...LOCAL, username: "ann", app: "a", key: "b" },
  {
    text: "rtmp://ann:p%40ss%3a@localhost/a/b",
    ...LOCAL,
    username: "ann",
    password: "p@ss:",
    app: "a",
    key: "b",
  },
  {
    text: "rtmp://a:b:c@d@localhost/a/b",
    ...LOCAL,
    username: "a",
    password: "b:c@d",
    app: "a",
    key: "b",
  },
];

for (const { text, ...expected } of URLS) {
  Deno.test(`parseRtmpUrl reads ${text} (M060)`, () => {
    const url = parseRtmpUrl(text);
    assertEquals(url, expected);
    assertEquals(parseRtmpUrl(formatRtmpUrl(url)), url);
  });
}

const BAD_URLS: readonly (readonly [string, string])[] = [
  ["", "rtmp://"],
  ["live/cam", "rtmp://"],
  ["rtmp:/localhost/live", "rtmp://"],
  ["http://localhost/live/cam", "http"],
  ["rtmpt://localhost/live/cam", "rtmpt"],
  ["rtmp:///live/cam", "host"],
  ["rtmp://:1935/live/cam", "host"],
  ["rtmp://[::1/live/cam", "host"],
  ["rtmp://[::g]/live/cam", "host"],
  ["rtmp://::1/live/cam", "host"],
  ["rtmp://a<b/live/cam", "host"],
  ["rtmp://localhost:/live/cam", "port"],
  ["rtmp://localhost:0/live/cam", "port"],
  ["rtmp://localhost:65536/live/cam", "port"],
  ["rtmp://localhost:1e3/live/cam", "port"],
  ["rtmp://localhost:-1/live/cam", "port"],
  ["rtmp://a%zz@localhost/live/cam", "credentials"],
  ["rtmp://localhost/live/cam live=1", "white space"],
  ["rtmp://localhost/live/\0cam", "control"],
];

for (const [text, reason] of BAD_URLS) {
  Deno.test(`parseRtmpUrl refuses ${JSON.stringify(text)} and says why (M060)`, () => {
    const error = assertThrows(() => parseRtmpUrl(text), RtmpError);
    assertEquals(error.code, "url");
    assertStringIncludes(error.message, reason);
  });
}

Deno.test("parseRtmpUrl's errors do not repeat a password or a stream key", () => {
  for (const text of ["rtmp://ann:secret@localhost:0/live/secret", "rtmp://a:secret%z@h/secret"]) {
    const error = assertThrows(() => parseRtmpUrl(text), RtmpError);
    assert(!error.message.includes("secret"), error.message);
  }
});

Deno.test("formatRtmpUrl leaves out the scheme's own port, and keeps any other (M060)", () => {
  const url = { ...LOCAL, app: "live", key: "cam?x=1" };
  assertEquals(formatRtmpUrl(url), "rtmp://localhost/live/cam?x=1");
  assertEquals(formatRtmpUrl({ ...url, port: 443 }), "rtmp://localhost:443/live/cam?x=1");
  assertEquals(
    formatRtmpUrl({ ...url, scheme: "rtmps", port: 443 }),
    "rtmps://localhost/live/cam?x=1",
  );
  assertEquals(
    formatRtmpUrl({ ...url, host: "::1", username: "a b", password: "/:@" }),
    "rtmp://a%20b:%2F%3A%40@[::1]/live/cam?x=1",
  );
});

Deno.test("formatTcUrl has neither credentials nor stream name (M060)", () => {
  const url = parseRtmpUrl("rtmp://ann:secret@[::1]:1936/live/room/cam?token=secret");
  assertEquals(formatTcUrl(url), "rtmp://[::1]:1936/live/room");
});

Deno.test("every text is an RTMP URL that formats to one with the same parts, or an RtmpError", () => {
  const piece = fc.constantFrom(
    "rtmp",
    "://",
    "/",
    "?",
    "@",
    ":",
    "[",
    "]",
    "a",
    "%41",
    "..",
    "1",
    "é",
  );
  const text = fc.oneof(fc.string(), fc.array(piece).map((all) => `rtmp://h${all.join("")}`));
  fc.assert(
    fc.property(text, (text) => {
      let url: RtmpUrl;
      try {
        url = parseRtmpUrl(text);
      } catch (error) {
        assert(error instanceof RtmpError && error.code === "url");
        return;
      }
      assertEquals(parseRtmpUrl(formatRtmpUrl(url)), url);
    }),
    { seed: 60, numRuns: 2000 },
  );
});
