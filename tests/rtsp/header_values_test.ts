import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  formatAuthorization,
  formatChallenge,
  formatRange,
  formatRtpInfo,
  formatSessionHeader,
  formatTransports,
  parseAuthorization,
  parseChallenges,
  parseRange,
  parseRtpInfo,
  parseRtspUrl,
  parseSessionHeader,
  parseTransports,
  RtspError,
  type RtspTransport,
} from "../../src/rtsp/mod.ts";

const udp = { protocol: "udp", profile: "AVP", delivery: "unicast" } as const;
const TRANSPORTS: [string, string, RtspTransport, string][] = [
  [
    "quoted mode in capitals",
    'RTP/AVP;unicast;client_port=3456-3457;mode="PLAY"',
    { ...udp, clientPort: [3456, 3457], mode: "play" },
    "RTP/AVP;unicast;client_port=3456-3457;mode=play",
  ],
  [
    "a UDP response",
    "RTP/AVP/UDP;unicast;client_port=3056-3057;server_port=5000-5001",
    { ...udp, clientPort: [3056, 3057], serverPort: [5000, 5001] },
    "RTP/AVP;unicast;client_port=3056-3057;server_port=5000-5001",
  ],
  [
    "multicast",
    "RTP/AVP;multicast;destination=225.219.201.15;port=7000-7001;ttl=127",
    {
      protocol: "udp",
      profile: "AVP",
      delivery: "multicast",
      destination: "225.219.201.15",
      port: [7000, 7001],
      ttl: 127,
    },
    "RTP/AVP;multicast;destination=225.219.201.15;port=7000-7001;ttl=127",
  ],
  [
    "TCP",
    "RTP/AVP/TCP;interleaved=0-1",
    { protocol: "tcp", profile: "AVP", interleaved: [0, 1] },
    "RTP/AVP/TCP;interleaved=0-1",
  ],
  [
    "single ports and an SSRC",
    "RTP/AVP/UDP;unicast;server_port=8052;client_port=14186;ssrc=0B6020AD;mode=PLAY",
    {
      ...udp,
      clientPort: [14186, 14187],
      serverPort: [8052, 8053],
      ssrc: 0x0b6020ad,
      mode: "play",
    },
    "RTP/AVP;unicast;client_port=14186-14187;server_port=8052-8053;ssrc=0B6020AD;mode=play",
  ],
  [
    "mode=receive",
    "RTP/AVP/UDP;unicast;mode=receive;source=127.0.0.1;client_port=14186-14187",
    { ...udp, source: "127.0.0.1", clientPort: [14186, 14187], mode: "record" },
    "RTP/AVP;unicast;source=127.0.0.1;client_port=14186-14187;mode=record",
  ],
  [
    "keys in any order",
    'client_port=3456-3457;RTP/AVP;mode="PLAY";unicast',
    { ...udp, clientPort: [3456, 3457], mode: "play" },
    "RTP/AVP;unicast;client_port=3456-3457;mode=play",
  ],
  [
    "an SSRC of odd length",
    "RTP/AVP/UDP;unicast;client_port=14186;ssrc=4317f;mode=play",
    { ...udp, clientPort: [14186, 14187], ssrc: 0x4317f, mode: "play" },
    "RTP/AVP;unicast;client_port=14186-14187;ssrc=0004317F;mode=play",
  ],
  [
    "Hikvision's blank before the SSRC",
    "RTP/AVP/UDP;unicast;client_port=14186;ssrc= 4317f;mode=play",
    { ...udp, clientPort: [14186, 14187], ssrc: 0x4317f, mode: "play" },
    "RTP/AVP;unicast;client_port=14186-14187;ssrc=0004317F;mode=play",
  ],
  [
    "Dahua's blanks before the SSRC",
    "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=     D93FF",
    {
      protocol: "tcp",
      profile: "AVP",
      delivery: "unicast",
      interleaved: [0, 1],
      ssrc: 0xd93ff,
    },
    "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=000D93FF",
  ],
  [
    "an empty source",
    "RTP/AVP/UDP;unicast;source=;client_port=32560-32561;ssrc=45dcb578",
    { ...udp, clientPort: [32560, 32561], ssrc: 0x45dcb578 },
    "RTP/AVP;unicast;client_port=32560-32561;ssrc=45DCB578",
  ],
  [
    "a decimal SSRC, which is ignored",
    "RTP/AVP;unicast;client_port=14236;source=172.16.8.2;ssrc=1449463210",
    { ...udp, source: "172.16.8.2", clientPort: [14236, 14237] },
    "RTP/AVP;unicast;source=172.16.8.2;client_port=14236-14237",
  ],
  [
    "SAVP",
    "RTP/SAVP/TCP;interleaved=4",
    { protocol: "tcp", profile: "SAVP", interleaved: [4, 5] },
    "RTP/SAVP/TCP;interleaved=4-5",
  ],
];
for (const [what, input, expected, output] of TRANSPORTS) {
  Deno.test(`parseTransports and formatTransports know ${what} (R144)`, () => {
    assertEquals(parseTransports(input), [expected]);
    assertEquals(formatTransports([expected]), output);
    assertEquals(parseTransports(output), [expected]);
  });
}

Deno.test("parseTransports reads several, passes over what is not RTP, commas in quotes too (R144)", () => {
  assertEquals(
    parseTransports(
      'MP2T/H2221/UDP;unicast;client_port=1-2, RTP/AVP;mode="PLAY,RECORD";client_port=3456-3457,' +
        " RTP/AVP/TCP;unicast;interleaved=0-1",
    ).map(({ protocol, clientPort }) => [protocol, clientPort]),
    [["udp", [3456, 3457]], ["tcp", undefined]],
  );
});

for (
  const [input, status] of [
    ["", 400],
    [";;", 400],
    ["invalid;unicast;client_port=14186-14187", 400],
    ["RAW/RAW/UDP;unicast", 461],
    ["RTP/AVP;unicast;interleaved=aa-14187", 400],
    ["RTP/AVP;unicast;interleaved=255", 400],
    ["RTP/AVP;unicast;ttl=aa", 400],
    ["RTP/AVP;unicast;ttl=256", 400],
    ["RTP/AVP;unicast;port=1-2-3", 400],
    ["RTP/AVP;unicast;client_port=-1", 400],
    ["RTP/AVP;unicast;client_port=65535", 400],
    ["RTP/AVP;unicast;server_port=99999999", 400],
    ["RTP/AVP;unicast;mode=aa", 400],
  ] as const
) {
  Deno.test(`parseTransports refuses "${input}" with ${status} (R059)`, () => {
    assertEquals(assertThrows(() => parseTransports(input), RtspError).status, status);
  });
}

Deno.test("parseSessionHeader knows id and timeout, with and without blanks (R145)", () => {
  assertEquals(parseSessionHeader("A3eqwsafq3rFASqew"), { id: "A3eqwsafq3rFASqew" });
  assertEquals(parseSessionHeader("A3eq;timeout=47"), { id: "A3eq", timeoutS: 47 });
  assertEquals(parseSessionHeader("A3eq; timeout=47"), { id: "A3eq", timeoutS: 47 });
  assertEquals(parseSessionHeader("A3eq;other=1; Timeout = 9;more"), { id: "A3eq", timeoutS: 9 });
  assertEquals(parseSessionHeader("A3eq;timeout=x"), { id: "A3eq" });
  assertThrows(() => parseSessionHeader(""), RtspError);
  assertThrows(() => parseSessionHeader(";timeout=5"), RtspError);
  assertEquals(formatSessionHeader({ id: "a", timeoutS: 55 }), "a;timeout=55");
  assertEquals(formatSessionHeader({ id: "a" }), "a");
});

const at = (hours: number, minutes: number, seconds: number, frames = 0, subframes = 0) => ({
  hours,
  minutes,
  seconds,
  frames,
  subframes,
});
const RANGES: [string, ReturnType<typeof parseRange>, string?][] = [
  ["npt=now-", { unit: "npt", start: "now", end: undefined }],
  ["npt=0-634.625", { unit: "npt", start: 0, end: 634.625 }],
  ["npt=123.45-125", { unit: "npt", start: 123.45, end: 125 }],
  ["npt=-20", { unit: "npt", start: undefined, end: 20 }],
  ["npt = 12:05:35.3-", { unit: "npt", start: 43535.3, end: undefined }, "npt=43535.3-"],
  ["smpte=10:12:33:20-", { unit: "smpte", start: at(10, 12, 33, 20), end: undefined }],
  ["smpte=10:07:33-", { unit: "smpte", start: at(10, 7, 33), end: undefined }],
  ["smpte-25=10:07:00-10:07:33:05.01", {
    unit: "smpte-25",
    start: at(10, 7, 0),
    end: at(10, 7, 33, 5, 1),
  }],
  ["smpte-30-drop=00:00:01-", { unit: "smpte-30-drop", start: at(0, 0, 1), end: undefined }],
  ["clock=19961108T142300Z-19961108T143520Z", {
    unit: "clock",
    start: Date.UTC(1996, 10, 8, 14, 23),
    end: Date.UTC(1996, 10, 8, 14, 35, 20),
  }],
  ["clock=19960213T143205.250Z-", {
    unit: "clock",
    start: Date.UTC(1996, 1, 13, 14, 32, 5, 250),
    end: undefined,
  }],
  ["npt=10-;time=19970123T143720Z", {
    unit: "npt",
    start: 10,
    end: undefined,
    timeMs: Date.UTC(1997, 0, 23, 14, 37, 20),
  }],
];
for (const [input, expected, output] of RANGES) {
  Deno.test(`parseRange and formatRange know "${input}" (R146)`, () => {
    assertEquals(parseRange(input), expected);
    assertEquals(formatRange(expected), output ?? input);
  });
}
for (
  const input of [
    "",
    "npt",
    "npt=x-",
    "npt=0-now",
    "clock=1-2",
    "smpte=1-2",
    "frames=1-2",
    "npt=0-;time=x",
  ]
) {
  Deno.test(`parseRange refuses "${input}" with 457 (R146)`, () => {
    assertEquals(assertThrows(() => parseRange(input), RtspError).status, 457);
  });
}

Deno.test("an RTP-Info of blanks costs no time", () => {
  const start = performance.now();
  const [entry] = parseRtpInfo(`url=a${" ".repeat(2000)}b`);
  assertEquals(entry?.url.length, 2002);
  // Tried blank by blank it takes more than a second.
  assert(performance.now() - start < 200);
  assertEquals(parseRtpInfo("url= a ; , url=b,"), [{ url: "a" }, { url: "b" }]);
});

Deno.test("parseRtpInfo knows what cameras write (R147)", () => {
  assertEquals(
    parseRtpInfo(
      "url=rtsp://192.0.2.53/axis-media/media.amp/trackID=1;seq=58477;rtptime=1020884293, " +
        "url=rtsp://192.0.2.53/axis-media/media.amp/trackID=2;seq=15727;rtptime=4171661503",
    ),
    [
      {
        url: "rtsp://192.0.2.53/axis-media/media.amp/trackID=1",
        sequence: 58477,
        rtpTime: 1020884293,
      },
      {
        url: "rtsp://192.0.2.53/axis-media/media.amp/trackID=2",
        sequence: 15727,
        rtpTime: 4171661503,
      },
    ],
  );
  assertEquals(parseRtpInfo("url=trackID=0;seq=12447;rtptime=12447"), [
    { url: "trackID=0", sequence: 12447, rtpTime: 12447 },
  ]);
  assertEquals(
    parseRtpInfo("url=trackID=1;rtptime=5;ssrc=56597976,url=trackID=2;seq=4;ssrc=ee839a80"),
    [
      { url: "trackID=1", rtpTime: 5 },
      { url: "trackID=2", sequence: 4 },
    ],
  );
  assertEquals(parseRtpInfo("url=rtsp://h/cam?a=1,b;c=2;seq=9"), [
    { url: "rtsp://h/cam?a=1,b;c=2", sequence: 9 },
  ]);
  assertEquals(parseRtpInfo("url=x;seq=65536;rtptime=4294967296"), [{ url: "x" }]);
  assertEquals(parseRtpInfo(""), []);
  assertEquals(parseRtpInfo("seq=1"), []);
  assertEquals(
    formatRtpInfo([{ url: "a", sequence: 1, rtpTime: 2 }, { url: "b" }]),
    "url=a;seq=1;rtptime=2,url=b",
  );
});

Deno.test("parseChallenges knows what cameras write (R046)", () => {
  assertEquals(parseChallenges(['Basic realm="4419b63f5e51"']), [
    { scheme: "basic", realm: "4419b63f5e51" },
  ]);
  assertEquals(parseChallenges(['Digest realm="a",nonce="1337",  stale=FALSE']), [
    { scheme: "digest", realm: "a", nonce: "1337", stale: false },
  ]);
  assertEquals(
    parseChallenges([
      'Digest realm="Please, log in",nonce="75",opaque="",stale=TRUE,algorithm=md5',
    ]),
    [{
      scheme: "digest",
      realm: "Please, log in",
      nonce: "75",
      opaque: "",
      stale: true,
      algorithm: "MD5",
    }],
  );
  assertEquals(
    parseChallenges(['Digest realm="a", nonce="b", qop="auth,auth-int", Basic realm="c"'])
      .map(({ scheme }) => scheme),
    ["digest", "basic"],
  );
});

Deno.test("parseChallenges passes over what it cannot use (R046)", () => {
  for (
    const value of ["", "Basic", "Digest nonce=x", 'Digest realm="x"', "NTLM abc", "Basic realm"]
  ) {
    assertEquals(parseChallenges([value]), [], value);
  }
});

Deno.test("parseAuthorization knows Basic and Digest, and names what is missing (R046)", () => {
  assertEquals(parseAuthorization("Basic bXl1c2VyOm15OnBhc3M="), {
    scheme: "basic",
    username: "myuser",
    password: "my:pass",
  });
  const shown = parseAuthorization(
    'Digest username="", realm="IPCAM", nonce="5d17", uri="rtsp://h/s", response="c072"',
  );
  assertEquals(shown.username, "");
  assertEquals(parseAuthorization(formatAuthorization(shown)), shown);
  for (
    const value of [
      "",
      "Basic",
      "Basic !!!",
      "Basic bXl1c2Vy",
      "Bearer x",
      'Digest username="a", realm="b", nonce="c", uri="d"',
      'Digest username="a", realm="b", uri="d", response="e"',
      'Digest username="a", nonce="c", uri="d", response="e"',
    ]
  ) {
    assertEquals(
      assertThrows(() => parseAuthorization(value), RtspError).code,
      "malformed-authorization",
    );
  }
});

Deno.test("a challenge with quotes in its realm survives", () => {
  const challenge = { scheme: "digest", realm: 'a "b" \\ c', nonce: "n", stale: true } as const;
  assertEquals(parseChallenges([formatChallenge(challenge)]), [challenge]);
});

Deno.test("no header value ever gives another error than RtspError", () => {
  const letters = fc.constantFrom(
    ...'=;,-"\\ :/.0123456789nptclock'.split(""),
    "RTP/AVP",
    "Digest ",
    "Basic ",
    "url=",
    "rtsp://",
    "client_port=",
    "%",
    "[",
    "@",
  );
  const value = fc.array(letters, { maxLength: 25 }).map((parts) => parts.join(""));
  const parsers = [
    parseTransports,
    parseSessionHeader,
    parseRange,
    parseRtpInfo,
    parseAuthorization,
    parseRtspUrl,
    (text: string) => parseChallenges([text]),
  ];
  fc.assert(
    fc.property(value, (text) => {
      for (const parse of parsers) {
        try {
          parse(text);
        } catch (error) {
          assertInstanceOf(error, RtspError);
        }
      }
    }),
    { seed: 13, numRuns: 1500 },
  );
});
