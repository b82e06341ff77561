import { assert, assertEquals, assertThrows } from "@std/assert";
import { RtmpConnectAuthentication, RtmpError } from "../../src/rtmp/mod.ts";
import { decodeHex } from "./hex.ts";

const REJECT = "[ AccessManager.Reject ] :";
const ADOBE = `${REJECT} [ code=403 need auth; authmod=adobe ] : `;
const LLNW = `${REJECT} [ code=403 need auth; authmod=llnw ] : `;

function authentication(
  options: { app?: string; username?: string; password?: string; own?: string } = {},
): RtmpConnectAuthentication {
  const { app = "live", username = "ann", password = "se4cret", own = "00000000" } = options;
  return new RtmpConnectAuthentication({
    app,
    credentials: { username, password },
    random: (length) => {
      assertEquals(length, 4);
      return decodeHex(own);
    },
  });
}

/** What other clients have answered to these questions, recorded. */
const RECORDED: Readonly<
  Record<string, {
    first: string;
    second: string;
    app?: string;
    password: string;
    own: string;
    answer: string;
  }>
> = {
  "FFmpeg 5.1, Adobe": {
    first: ADOBE,
    second:
      `${REJECT} [ authmod=adobe ] : ?reason=needauth&user=ann&salt=s4lt+x==&challenge=chAl/==&opaque=opQ+==`,
    // It does not decode what a URL escapes.
    password: "p4ss%20w",
    own: "d6d8f947",
    answer:
      "live?authmod=adobe&user=ann&challenge=d6d8f947&response=xrRtkobmvSIgeClXNpXstA==&opaque=opQ+==",
  },
  "FFmpeg 5.1, Adobe without an opaque value": {
    first: ADOBE,
    second:
      `${REJECT} [ authmod=adobe ] : ?reason=needauth&user=ann&salt=s4lt+x==&challenge=chAl/==`,
    password: "p4ss%20w",
    own: "6544bdc6",
    answer: "live?authmod=adobe&user=ann&challenge=6544bdc6&response=3W7/wAD1G9bnkqt2s/zdHw==",
  },
  "GStreamer 1.22, Adobe": {
    first: ADOBE,
    second:
      `${REJECT} [ authmod=adobe ] : ?reason=needauth&user=ann&salt=s4lt+x==&challenge=chAl/==&opaque=opQ+==`,
    password: "p4ss w",
    own: "d194fbb9",
    answer:
      "live?authmod=adobe&user=ann&challenge=d194fbb9&response=spdUm6otUt39ayrceHgAoQ==&opaque=opQ+==",
  },
  "FFmpeg 5.1, Limelight": {
    first: LLNW,
    second: `${REJECT} [ authmod=llnw ] : ?reason=needauth&user=ann&nonce=n0nce123`,
    password: "p4ss%20w",
    own: "404dc907",
    answer:
      "live?authmod=llnw&user=ann&nonce=n0nce123&cnonce=404dc907&nc=00000001&response=e34eceb5cb0e616e22204a285e48480c",
  },
  "FFmpeg 5.1, Limelight with an instance": {
    first: LLNW,
    second: `${REJECT} [ authmod=llnw ] : ?reason=needauth&user=ann&nonce=n0nce123`,
    app: "live/inst",
    password: "p4ss%20w",
    own: "fdff16c4",
    answer:
      "live/inst?authmod=llnw&user=ann&nonce=n0nce123&cnonce=fdff16c4&nc=00000001&response=a5e418771f2bb9a33bdecbf319fac52a",
  },
};

for (
  const [client, { first, second, answer, app = "live", ...known }] of Object.entries(RECORDED)
) {
  Deno.test(`RtmpConnectAuthentication answers as was recorded of ${client}`, () => {
    const connecting = authentication({ app, ...known });
    assertEquals([connecting.app, connecting.isAsked], [app, false]);
    assert(connecting.refused(first));
    const dialect = first === ADOBE ? "adobe" : "llnw";
    assertEquals(connecting.app, `${app}?authmod=${dialect}&user=ann`);
    assert(connecting.refused(second));
    assertEquals([connecting.app, connecting.isAsked], [answer, true]);
  });
}

Deno.test("RtmpConnectAuthentication keeps the query that app has, and a user's name in one piece", () => {
  const connecting = authentication({ app: "live?key=1", username: "a&b=c d@e+f" });
  assert(connecting.refused(ADOBE));
  assertEquals(connecting.app, "live?key=1&authmod=adobe&user=a%26b%3Dc%20d@e+f");
});

Deno.test("RtmpConnectAuthentication answers a challenge that comes at once, or with the question", () => {
  const atOnce = authentication();
  assert(atOnce.refused(`${REJECT} [ authmod=adobe ] : ?reason=needauth&user=&salt=s&challenge=c`));
  assert(atOnce.app.includes("&response="));
  // As Wowza has it.
  const both = `${REJECT} [ code=403 need auth; authmod=adobe ] : /live : ?reason=needauth&` +
    "user=&salt=6MnrBnKW&challenge=7C5OrwQg&opaque=vbi2V";
  const connecting = authentication();
  assert(connecting.refused(both));
  assertEquals(connecting.app, "live?authmod=adobe&user=ann");
  assert(connecting.refused(both));
  assert(connecting.app.endsWith("&opaque=vbi2V"));
});

Deno.test("RtmpConnectAuthentication leaves other refusals alone", () => {
  for (const description of ["", "No such application", `${REJECT} [ code=403 not here ]`]) {
    const connecting = authentication();
    assertEquals([connecting.refused(description), connecting.app], [false, "live"]);
  }
});

Deno.test("RtmpConnectAuthentication ends after one answer, however the server asks, and tells no secret", () => {
  const challenge = `${REJECT} [ authmod=adobe ] : ?reason=needauth&user=ann&salt=s&challenge=c`;
  const ends: Readonly<Record<string, readonly string[]>> = {
    "a wrong password": [ADOBE, challenge, `${REJECT} [ authmod=adobe ] : ?reason=authfailed`],
    "an unknown user": [ADOBE, `${REJECT} [ authmod=adobe ] : ?reason=nosuchuser&user=ann`],
    "a failure without a dialect": [ADOBE, challenge, `${REJECT} : ?reason=authfailed`],
    "the same question again": [ADOBE, ADOBE],
    "another challenge": [ADOBE, challenge, challenge],
    "the question behind the answer": [ADOBE, challenge, ADOBE],
    "a dialect that is none": [`${REJECT} [ code=403 need auth; authmod=kerberos ]`],
  };
  for (const [end, descriptions] of Object.entries(ends)) {
    const connecting = authentication();
    for (const description of descriptions.slice(0, -1)) {
      assert(connecting.refused(description), end);
    }
    const error = assertThrows(() => connecting.refused(descriptions.at(-1)!), RtmpError);
    assertEquals(error.code, "unauthorized", end);
    assert(!/ann|se4cret|response=/.test(Deno.inspect(error)), error.message);
  }
  const nobody = new RtmpConnectAuthentication({ app: "live", random: () => new Uint8Array(4) });
  const error = assertThrows(() => nobody.refused(ADOBE), RtmpError, "user name");
  assertEquals(error.code, "unauthorized");
});
