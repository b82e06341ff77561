import { assertEquals, assertThrows } from "@std/assert";
import {
  findAnnouncedTrack,
  formatRtspUrl,
  parseRtspUrl,
  resolveControl,
  RtspError,
  splitStreamUrl,
  splitTrackUrl,
} from "../../src/rtsp/mod.ts";
import { parseSdp } from "../../src/sdp/mod.ts";

Deno.test("parseRtspUrl knows ports, credentials, IPv6 with zone and odd paths (R142)", () => {
  assertEquals(parseRtspUrl("rtsp://host/path?q=1&r=2"), {
    scheme: "rtsp",
    host: "host",
    port: 554,
    path: "/path",
    query: "q=1&r=2",
  });
  assertEquals(parseRtspUrl("RTSPS://host:8555").port, 8555);
  assertEquals(parseRtspUrl("rtsps://host/").port, 322);
  assertEquals(parseRtspUrl("rtsp://[fe80::1%25eth0]:554/s").host, "fe80::1%eth0");
  assertEquals(parseRtspUrl("rtsp://[fe80::1%eth0]/s").host, "fe80::1%eth0");
  const { username, password, host } = parseRtspUrl("rtsp://admin:p%40ss@w#rd@host:8554/s");
  assertEquals([username, password, host], ["admin", "p@ss@w#rd", "host"]);
  assertEquals(parseRtspUrl("rtsp://a:100%@h/s").password, "100%");
  const camera = "rtsp://192.0.2.1:554/user=tmp&password=BagRep1!&channel=1&stream=0.sdp";
  assertEquals(parseRtspUrl(camera).path, "/user=tmp&password=BagRep1!&channel=1&stream=0.sdp");
  assertEquals(parseRtspUrl("rtsp://host?q=1"), {
    scheme: "rtsp",
    host: "host",
    port: 554,
    path: "",
    query: "q=1",
  });
});

for (
  const url of [
    "",
    "*",
    "/path",
    "rtsp:opaque",
    "http://host/s",
    "rtsp://host/s#fragment",
    "rtsp://host#fragment",
    "rtsp://",
    "rtsp:///s",
    "rtsp://host:99999/s",
    "rtsp://host:x/s",
    "rtsp://[::1/s",
    "rtsp://ho st/s",
  ]
) {
  Deno.test(`parseRtspUrl refuses "${url}" (R142)`, () => {
    assertEquals(assertThrows(() => parseRtspUrl(url), RtspError).code, "malformed-url");
  });
}

Deno.test("parseRtspUrl does not repeat a password in its error", () => {
  const error = assertThrows(() => parseRtspUrl("rtsp://me:secret@host:99999/s"), RtspError);
  assertEquals(error.message.includes("secret"), false);
});

Deno.test("formatRtspUrl writes credentials only when asked, and default ports never", () => {
  const url = parseRtspUrl("rtsp://me:p%40ss@[fe80::1%25eth0]:554/s?q=1");
  assertEquals(formatRtspUrl(url), "rtsp://[fe80::1%25eth0]/s?q=1");
  assertEquals(
    formatRtspUrl(url, { credentials: true }),
    "rtsp://me:p%40ss@[fe80::1%25eth0]/s?q=1",
  );
  assertEquals(formatRtspUrl(parseRtspUrl("rtsps://h:554/")), "rtsps://h:554/");
});

for (
  const [base, control, expected] of [
    ["rtsp://h/s", "trackID=1", "rtsp://h/s/trackID=1"],
    ["rtsp://h/s/", "trackID=1", "rtsp://h/s/trackID=1"],
    ["rtsp://h/s?q=1", "trackID=1", "rtsp://h/s?q=1/trackID=1"],
    ["rtsp://h/s", "*", "rtsp://h/s"],
    ["rtsp://h/s", undefined, "rtsp://h/s"],
    ["rtsp://h/s", "?ctype=video", "rtsp://h/s?ctype=video"],
    ["rtsp://nat:8554/s", "rtsp://10.0.0.5/s/track1?x=1", "rtsp://nat:8554/s/track1?x=1"],
  ] as const
) {
  Deno.test(`resolveControl makes ${expected} of ${control}`, () => {
    assertEquals(formatRtspUrl(resolveControl(parseRtspUrl(base), control)), expected);
  });
}

const TRACKS: [string, string, string, string | undefined, number][] = [
  ["R070", "rtsp://h:8554/s/trackID=0", "/s", undefined, 0],
  ["R071", "rtsp://h:8554/s?q=1/trackID=0", "/s", "q=1", 0],
  ["R071", "rtsp://h:8554/s/?q=1/trackID=0", "/s", "q=1", 0],
  ["R072", "rtsp://h:8554/s/trackID=0?q=1", "/s", "q=1", 0],
  ["R072", "rtsp://h:8554/s?q=1/trackID=0?q=1", "/s", "q=1", 0],
  ["R073", "rtsp://h:8554/s/", "/s", undefined, 0],
  ["R073", "rtsp://h:8554/s?q=1/", "/s", "q=1", 0],
  ["R073", "rtsp://h:8554/s/?q=1", "/s", "q=1", 0],
  ["R074", "rtsp://h:8554/a/b/trackID=2", "/a/b", undefined, 2],
  ["R074", "rtsp://h:8554/a/b?q=1/trackID=2", "/a/b", "q=1", 2],
  ["R074", "rtsp://h:8554/a/b/trackID=2?q=1", "/a/b", "q=1", 2],
  ["R074", "rtsp://h:8554/a/b/", "/a/b", undefined, 0],
  ["R075", "rtsp://h:8554/trackID=0", "", undefined, 0],
  ["R075", "rtsp://h:8554//trackID=0", "/", undefined, 0],
  ["R078", "rtsp://h:8554/", "/", undefined, 0],
  ["R078", "rtsp://h:8554//", "/", undefined, 0],
  ["R078", "rtsp://h:8554/?/", "/", "", 0],
];
for (const [id, url, path, query, track] of TRACKS) {
  Deno.test(`splitTrackUrl reads ${url} (${id})`, () => {
    assertEquals(splitTrackUrl(parseRtspUrl(url)), { path, query, track });
  });
}

for (
  const [url, status] of [
    ["rtsp://h/s", 459],
    ["rtsp://h", 459],
    ["rtsp://h?", 459],
    ["rtsp://h/s?q=1", 459],
    ["rtsp://h/trackID=", 404],
    ["rtsp://h/trackID=-1", 404],
    ["rtsp://h/trackID=1e1", 404],
    ["rtsp://h/trackID=99999999999999999999", 404],
    ["rtsp://h/s?q=1/trackID=x", 404],
  ] as const
) {
  Deno.test(`splitTrackUrl refuses ${url} with ${status} (R050, R062, R078)`, () => {
    assertEquals(assertThrows(() => splitTrackUrl(parseRtspUrl(url)), RtspError).status, status);
  });
}

Deno.test("splitStreamUrl drops a trailing slash and nothing else (R075, R076)", () => {
  const split = (url: string) => Object.values(splitStreamUrl(parseRtspUrl(url)));
  assertEquals(split("rtsp://h/s"), ["/s", undefined]);
  assertEquals(split("rtsp://h/s/"), ["/s", undefined]);
  assertEquals(split("rtsp://h/s?q=1/"), ["/s", "q=1"]);
  assertEquals(split("rtsp://h/s/?q=1"), ["/s", "q=1"]);
  assertEquals(split("rtsp://h/"), ["/", undefined]);
  assertEquals(split("rtsp://h"), ["", undefined]);
});

const announcement = (url: string, ...controls: (string | undefined)[]) => ({
  announced: parseRtspUrl(url),
  description: parseSdp(
    controls.map((one) => `m=audio 0 RTP/AVP 0\n${one === undefined ? "" : `a=control:${one}\n`}`)
      .join(""),
  ),
});
const ANNOUNCED: [string, string, (string | undefined)[], number | undefined][] = [
  ["rtsp://h/s", "rtsp://h/s/streamid=1", ["streamid=0", "streamid=1"], 1],
  ["rtsp://h/s", "rtsp://h/s/bbb=ccc", ["fff=ggg", "bbb=ccc"], 1],
  ["rtsp://h/s/", "rtsp://h/s/streamid=0", ["streamid=0"], 0],
  ["rtsp://h/s?testing=0", "rtsp://h/s?testing=0/fff=ggg", ["fff=ggg"], 0],
  ["rtsp://h/s?testing=0", "rtsp://h/s/fff=ggg?testing=0", ["fff=ggg"], 0],
  ["rtsp://h/s?q=1", "rtsp://h/s?q=1/fff=ggg?q=1", ["fff=ggg"], 0],
  ["rtsp://h/s", "rtsp://h/s/trackID=1", ["rtsp://h/s/trackID=0", "rtsp://h/s/trackID=1"], 1],
  ["rtsp://h/s", "rtsp://other/s/trackID=0", ["rtsp://127.0.0.1:8554/s/trackID=0"], 0],
  ["rtsp://h/s", "rtsp://h/s", [undefined], 0],
  ["rtsp://h/s", "rtsp://h/s/", [undefined], 0],
  ["rtsp://h/s", "rtsp://h/t/streamid=0", ["streamid=0"], undefined],
  ["rtsp://h/s", "rtsp://h/s/streamid=9", ["streamid=0"], undefined],
  ["rtsp://h/s", "rtsp://h/s/x", ["rtsp:broken"], undefined],
];
for (const [announced, setup, controls, expected] of ANNOUNCED) {
  Deno.test(`findAnnouncedTrack finds ${setup} among ${controls.join()} of ${announced} (R077)`, () => {
    assertEquals(
      findAnnouncedTrack(parseRtspUrl(setup), announcement(announced, ...controls)),
      expected,
    );
  });
}
