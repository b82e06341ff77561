import { createHash } from "node:crypto";
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  buildAuthorization,
  formatAuthorization,
  parseAuthorization,
  parseChallenges,
  RtspServerAuthenticator,
} from "../../src/rtsp/mod.ts";

const credentials = { username: "myuser", password: "mypass" };
const url = "rtsp://myhost/mypath?key=val/trackID=3";

Deno.test("buildAuthorization gives the response that RFC 2617, 3.5, gives", () => {
  const challenges = parseChallenges([
    'Digest realm="testrealm@host.com", qop="auth,auth-int", ' +
    'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
  ]);
  const header = buildAuthorization(challenges, {
    method: "GET",
    url: "/dir/index.html",
    credentials: { username: "Mufasa", password: "Circle Of Life" },
    cnonce: "0a4f113b",
  })!;
  const shown = parseAuthorization(header);
  assert(shown.scheme === "digest");
  assertEquals(shown.response, "6629fae49393a05397450978507c4ef1");
  assertEquals(shown.opaque, "5ccc069c403ebaf9f0171e9517f40e41");
});

Deno.test("buildAuthorization gives the responses that RFC 7616, 3.9.1, gives", () => {
  const common = 'realm="http-auth@example.org", qop="auth, auth-int", ' +
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"';
  const expected = {
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    MD5: "8ca523f5e9506fed4657c9700eebdbec",
  };
  for (const [algorithm, response] of Object.entries(expected)) {
    const header = buildAuthorization(
      parseChallenges([`Digest ${common}, algorithm=${algorithm}`]),
      {
        method: "GET",
        url: "/dir/index.html",
        credentials: { username: "Mufasa", password: "Circle of Life" },
        cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
      },
    )!;
    const shown = parseAuthorization(header);
    assert(shown.scheme === "digest");
    assertEquals(shown.response, response);
  }
});

Deno.test("MD5 is offered first, and SHA-256 only on demand (R044)", () => {
  const nonce = "8b84a3b789283a8b";
  const values = new RtspServerAuthenticator({ nonce, issuedMs: 0 }).challenges();
  assertMatch(values[0]!, /^Digest realm="weir", nonce="8b84a3b789283a8b"$/);
  assertEquals(values[1], 'Basic realm="weir"');
  const all = new RtspServerAuthenticator({
    nonce,
    issuedMs: 0,
    methods: ["digest-md5", "digest-sha-256"],
  }).challenges();
  assertMatch(all[1]!, /algorithm="SHA-256"/);
});

for (const method of ["basic", "digest-md5", "digest-sha-256"] as const) {
  const server = new RtspServerAuthenticator({ nonce: "ab", issuedMs: 0, methods: [method] });
  const request = { method: "SETUP", url };
  const build = (shown = credentials, how: typeof request = request) =>
    buildAuthorization(parseChallenges(server.challenges()), { ...how, credentials: shown });
  const verify = (authorization: string | undefined, how: typeof request = request) =>
    server.verify({ ...how, authorization }, { credentials, nowMs: 1 });

  Deno.test(`${method}: no credentials are missing, the right ones granted (R040)`, () => {
    assertEquals(verify(undefined), "missing");
    assertEquals(verify(build()), "granted");
  });

  Deno.test(`${method}: credentials that nobody asked for are missing, not wrong (R041)`, () => {
    const other = method === "basic" ? "digest-md5" : "basic";
    const offer = new RtspServerAuthenticator({ nonce: "ab", issuedMs: 0, methods: [other] });
    const unasked = buildAuthorization(parseChallenges(offer.challenges()), {
      ...request,
      credentials,
    });
    for (const header of ["", "Bearer eyJhbGciOiJub25lIn0.e30.", "Negotiate YII=", unasked]) {
      assertEquals(verify(header), "missing");
    }
  });

  Deno.test(`${method}: the digest of a password is enough to know it by`, () => {
    const md5 = "ed3fa6c6f4a9ae2e9f3d6b5f6b1f5f4e";
    for (const [algorithm, length] of [["md5", 32], ["sha256", 64]] as const) {
      const ha1 = createHash(algorithm).update("myuser:weir:mypass").digest("hex");
      const known = { username: "myuser", ha1: ha1.toUpperCase() };
      const shown = { ...request, authorization: build() };
      const isUsable = method === "basic" || method.startsWith("digest-sha") === (length === 64);
      const verdict = server.verify(shown, { credentials: known, nowMs: 1 });
      assertEquals(verdict, isUsable ? "granted" : "wrong");
      const other = { ...request, authorization: build({ ...credentials, password: "other" }) };
      assertEquals(server.verify(other, { credentials: known, nowMs: 1 }), "wrong");
      for (const broken of ["", md5, "z".repeat(length), ha1 + "0"]) {
        const stored = { username: "myuser", ha1: broken };
        assertEquals(server.verify(shown, { credentials: stored, nowMs: 1 }), "wrong");
      }
    }
  });

  Deno.test(`${method}: a wrong user, password or header is wrong (R042, R046)`, () => {
    assertEquals(verify(build({ ...credentials, username: "other" })), "wrong");
    assertEquals(verify(build({ ...credentials, password: "other" })), "wrong");
    const broken = method === "basic" ? "Basic !!" : "Digest x";
    assertEquals(verify(broken), "wrong");
  });

  if (method !== "basic") {
    Deno.test(`${method}: a digest that names another realm is wrong, though it is right for that (R042)`, () => {
      const foreign = new RtspServerAuthenticator({
        nonce: "ab",
        issuedMs: 0,
        methods: [method],
        realm: "elsewhere",
      });
      const authorization = buildAuthorization(parseChallenges(foreign.challenges()), {
        ...request,
        credentials,
      });
      const shown = { ...request, authorization };
      assertEquals(foreign.verify(shown, { credentials, nowMs: 1 }), "granted");
      assertEquals(verify(authorization), "wrong");
    });

    Deno.test(`${method}: a digest that names another user is wrong, though its response is right (R042)`, () => {
      const authorization = build()!;
      const named = authorization.replace('username="myuser"', 'username="other"');
      assert(named !== authorization);
      assertEquals([verify(authorization), verify(named)], ["granted", "wrong"]);
    });
  }

  if (method !== "basic") {
    Deno.test(`${method}: the digest of another URL or method is wrong (R042)`, () => {
      const other = build(credentials, { method: "SETUP", url: "rtsp://myhost/other/trackID=3" });
      assertEquals(verify(other), "wrong");
      assertEquals(verify(build(credentials, { method: "PLAY", url })), "wrong");
    });
  }
}

const DIALECTS: [string, string, string][] = [
  ["the URL itself", url, "granted"],
  ["the stream with a slash (VLC)", "rtsp://myhost/mypath?key=val/", "granted"],
  ["the stream without (HappyTime)", "rtsp://myhost/mypath?key=val", "granted"],
  ["a relative path (Bosch BVMS)", "/mypath?key=val/trackID=3", "granted"],
  ["a relative path without slash", "mypath?key=val", "granted"],
  ["another stream", "rtsp://myhost/otherpath?key=val/", "wrong"],
  ["the server", "rtsp://myhost/", "wrong"],
];
for (const [what, uri, verdict] of DIALECTS) {
  Deno.test(`a SETUP's digest for ${what} is ${verdict} (R043)`, () => {
    const server = new RtspServerAuthenticator({ nonce: "ab", issuedMs: 0 });
    const authorization = buildAuthorization(parseChallenges(server.challenges()), {
      method: "SETUP",
      url: uri,
      credentials,
    });
    const request = { method: "SETUP", url, authorization };
    assertEquals(server.verify(request, { credentials, nowMs: 1 }), verdict);
  });
}

Deno.test("a DESCRIBE's digest must be for its own URL, not for the one above (R043)", () => {
  const server = new RtspServerAuthenticator({ nonce: "ab", issuedMs: 0 });
  const digest = (uri: string) =>
    buildAuthorization(parseChallenges(server.challenges()), {
      method: "DESCRIBE",
      url: uri,
      credentials,
    });
  const verify = (uri: string) =>
    server.verify(
      { method: "DESCRIBE", url: "rtsp://h/live/cam", authorization: digest(uri) },
      { credentials, nowMs: 1 },
    );
  assertEquals(verify("rtsp://h/live/cam/"), "granted");
  assertEquals(verify("rtsp://h/live"), "wrong");
});

Deno.test("an expired or foreign nonce is stale only to who knows the password (R044)", () => {
  const server = new RtspServerAuthenticator({ nonce: "ab", issuedMs: 1000, lifetimeMs: 500 });
  const build = (nonce: string, password: string) =>
    buildAuthorization([{ scheme: "digest", realm: "weir", nonce }], {
      method: "PLAY",
      url,
      credentials: { ...credentials, password },
    });
  const verify = (authorization: string | undefined, nowMs: number) =>
    server.verify({ method: "PLAY", url, authorization }, { credentials, nowMs });
  assertEquals(verify(build("ab", "mypass"), 1499), "granted");
  assertEquals(verify(build("ab", "mypass"), 1500), "stale");
  assertEquals(verify(build("cd", "mypass"), 1001), "stale");
  assertEquals(verify(build("ab", "other"), 1500), "wrong");
  assertMatch(server.challenges({ stale: true })[0]!, /stale="TRUE"/);
});

Deno.test("a method that is not offered is asked for again in another, however right", () => {
  const server = new RtspServerAuthenticator({ nonce: "ab", issuedMs: 0, methods: ["digest-md5"] });
  const authorization = formatAuthorization({ scheme: "basic", ...credentials });
  const request = { method: "PLAY", url, authorization };
  assertEquals(server.verify(request, { credentials, nowMs: 1 }), "missing");
});

Deno.test("buildAuthorization prefers SHA-256, then MD5, then Basic, and knows its limits", () => {
  const request = { method: "PLAY", url, credentials };
  const basic = 'Basic realm="a"';
  const md5 = 'Digest realm="a", nonce="b"';
  const sha = 'Digest realm="a", nonce="b", algorithm=SHA-256';
  assertMatch(buildAuthorization(parseChallenges([basic, md5, sha]), request)!, /SHA-256/);
  assertMatch(buildAuthorization(parseChallenges([basic, md5]), request)!, /^Digest/);
  assertMatch(buildAuthorization(parseChallenges([basic]), request)!, /^Basic/);
  const unknown = parseChallenges(['Digest realm="a", nonce="b", algorithm=SHA-512-256']);
  assertEquals(buildAuthorization(unknown, request), undefined);
});

Deno.test("what is compared is of one length whatever is shown: none throws, none is granted (R045)", () => {
  const server = new RtspServerAuthenticator({ nonce: "ab", issuedMs: 0 });
  for (const response of ["", "0", "0".repeat(31), "0".repeat(32), "é".repeat(700)]) {
    const shown = { scheme: "digest", username: "myuser", realm: "weir", nonce: "ab" } as const;
    const digest = formatAuthorization({ ...shown, uri: url, response });
    const basic = formatAuthorization({ scheme: "basic", username: "myuser", password: response });
    for (const authorization of [digest, basic]) {
      const request = { method: "PLAY", url, authorization };
      assertEquals(server.verify(request, { credentials, nowMs: 1 }), "wrong");
    }
  }
});
