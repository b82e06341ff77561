import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  encodeResponse,
  MAX_RTSP_REDIRECTS,
  type RtspClientEvent,
  RtspClientSession,
  type RtspClientSessionOptions,
  RtspDecoder,
  type RtspRequest,
  type RtspTransport,
} from "../../src/rtsp/mod.ts";
import { ANNOUNCED, Peer, registry } from "./server_peer.ts";
import { parseSdp } from "../../src/sdp/mod.ts";

const url = "rtsp://h:8554/s";
const tcp: RtspTransport = { protocol: "tcp", profile: "AVP", delivery: "unicast" };
const nonce = (text: string) => `Digest realm="cam", nonce="${text}"`;

/** A client and a camera that the test plays. */
class Wire {
  readonly client: RtspClientSession;
  nowMs = 0;
  readonly #decoder = new RtspDecoder();

  constructor(options: Partial<RtspClientSessionOptions> = {}) {
    this.client = new RtspClientSession({ url, ...options });
  }

  sent(): RtspRequest[] {
    return this.client.takeOutput().flatMap((bytes) => this.#decoder.push(bytes))
      .filter((message) => message.kind === "request");
  }

  /** Answers the last request, by default with its CSeq. */
  answer(status: number, headers: Record<string, string> = {}, body = ""): RtspClientEvent[] {
    const cseq = this.sent().at(-1)?.headers.get("CSeq") ?? "";
    return this.raw(status, { CSeq: cseq, ...headers }, body);
  }

  raw(status: number, headers: Record<string, string>, body = ""): RtspClientEvent[] {
    const bytes = encodeResponse({ status, headers, body });
    return this.client.receive(new RtspDecoder().push(bytes), this.nowMs);
  }

  /** Goes as far as playing. */
  play(publicMethods?: string): this {
    this.client.options();
    this.answer(200, publicMethods === undefined ? {} : { Public: publicMethods });
    this.client.setup("trackID=0", [tcp]);
    this.answer(200, { Transport: "RTP/AVP/TCP;interleaved=0-1", Session: "abc;timeout=20" });
    this.client.play();
    const [event] = this.answer(200);
    assertEquals(event?.type, "playing");
    return this;
  }
}

Deno.test("a client describes, sets up by the base URL, plays and tears down", () => {
  const wire = new Wire();
  const described = wire.client.describe();
  const [event] = wire.answer(200, { "Content-Base": "rtsp://10.0.0.9/inner/" }, ANNOUNCED);
  assert(event?.type === "described");
  assertEquals([event.cseq, event.description.media.length], [described, 2]);

  const cseq = wire.client.setup("trackID=1", [tcp]);
  const [setup] = wire.sent();
  assertEquals(setup?.url, "rtsp://h:8554/inner/trackID=1", "the host is the one that was reached");
  assertEquals(setup?.headers.get("Transport"), "RTP/AVP/TCP;unicast");
  assertEquals(
    wire.raw(200, {
      CSeq: String(cseq),
      Session: "47112344;timeout=60",
      Transport: "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=  D93FF",
    }),
    [{
      type: "set-up",
      cseq,
      transport: { ...tcp, interleaved: [0, 1], ssrc: 0xd93ff },
    }],
  );
  assertEquals([wire.client.state, wire.client.sessionId], ["ready-to-play", "47112344"]);

  wire.client.play();
  const [play] = wire.sent();
  assertEquals([play?.url, play?.headers.get("Session")], ["rtsp://h:8554/inner/", "47112344"]);
  const [playing] = wire.raw(200, { CSeq: "3", "RTP-Info": "url=trackID=1;seq=5", Range: "odd" });
  assert(playing?.type === "playing");
  assertEquals([playing.rtpInfo[0]?.sequence, playing.range], [5, undefined]);

  wire.client.pause();
  assertEquals(wire.answer(200)[0]?.type, "done");
  assertEquals(wire.client.state, "ready-to-play");
  wire.client.teardown();
  assertEquals(wire.answer(200)[0]?.type, "done");
  assertEquals([wire.client.state, wire.client.sessionId], ["initial", undefined]);
});

Deno.test("requests wait for the answer to the one before", () => {
  const wire = new Wire();
  wire.client.options();
  wire.client.describe();
  assertEquals(wire.sent().map(({ method }) => method), ["OPTIONS"]);
  wire.raw(200, { CSeq: "1" });
  assertEquals(wire.sent().map(({ method }) => method), ["DESCRIBE"]);
});

Deno.test("an answer without CSeq is for the request that waits; an old or interim one is not", () => {
  const wire = new Wire();
  wire.client.options();
  assertEquals(wire.raw(200, { CSeq: "77" }), []);
  assertEquals(wire.raw(100, { CSeq: "1" }), []);
  assertEquals(wire.raw(200, {})[0]?.type, "done");
  assertEquals(wire.raw(200, { CSeq: "1" }), []);
});

Deno.test("a 401 is answered with the URL's credentials, which are in no request line (R047)", () => {
  const wire = new Wire({ url: "rtsp://me:p%40ss@h:8554/s" });
  const cseq = wire.client.describe();
  const first = wire.sent()[0]!;
  assertEquals([first.url, first.headers.get("Authorization")], [url, undefined]);
  wire.raw(401, { CSeq: "1", "WWW-Authenticate": 'Basic realm="cam"' });
  const second = wire.sent()[0]!;
  assertEquals(second.headers.get("CSeq"), "2");
  assertEquals(second.headers.get("Authorization"), `Basic ${btoa("me:p@ss")}`);
  const [event] = wire.raw(200, { CSeq: "2" }, ANNOUNCED);
  assert(event?.type === "described");
  assertEquals(event.cseq, cseq);
  wire.client.options();
  assertMatch(wire.sent()[0]!.headers.get("Authorization")!, /^Basic/);
});

Deno.test("a wrong password fails after one try, a new nonce gets one more", () => {
  const wire = new Wire({ credentials: { username: "me", password: "x" } });
  const cseq = wire.client.describe();
  assertEquals(wire.answer(401, { "WWW-Authenticate": nonce("a") }), []);
  const [failed] = wire.answer(401, { "WWW-Authenticate": nonce("a") });
  assert(failed?.type === "failed");
  assertEquals([failed.cseq, failed.error.code, failed.error.status], [cseq, "unauthorized", 401]);

  wire.client.describe();
  assertEquals(wire.answer(401, { "WWW-Authenticate": nonce("b") }), []);
  const [again] = wire.answer(401, { "WWW-Authenticate": nonce("c") });
  assertEquals(again?.type, "failed");
});

Deno.test("a 401 without credentials or without a known challenge fails", () => {
  const open = new Wire();
  open.client.describe();
  assertEquals(open.answer(401, { "WWW-Authenticate": nonce("a") })[0]?.type, "failed");
  const unknown = new Wire({ credentials: { username: "me", password: "x" } });
  unknown.client.describe();
  assertEquals(unknown.answer(401, { "WWW-Authenticate": "NTLM" })[0]?.type, "failed");
});

Deno.test("a redirection keeps the credentials on its host, and ends after five (R047)", () => {
  const options = { url: "rtsp://me:secret@h:8554/s?channel=1" };
  const redirect = (location: string, redirects = 0) => {
    const wire = new Wire({ ...options, redirects });
    wire.client.describe();
    return wire.answer(302, location === "" ? {} : { Location: location })[0];
  };
  const absolute = redirect("rtsp://h:9000/t");
  assert(absolute?.type === "redirect");
  assertEquals([absolute.url, absolute.redirects], ["rtsp://me:secret@h:9000/t", 1]);
  const relative = redirect("/t?q=1");
  assert(relative?.type === "redirect");
  assertEquals(relative.url, "rtsp://me:secret@h:8554/t?q=1");
  const foreign = redirect("rtsp://elsewhere/t");
  assert(foreign?.type === "redirect");
  assertEquals(foreign.url, "rtsp://elsewhere/t");
  for (const bad of ["", "rtsp://bad host/"]) assertEquals(redirect(bad)?.type, "failed");
  const last = redirect("rtsp://h/t", MAX_RTSP_REDIRECTS);
  assert(last?.type === "failed");
  assertEquals(last.error.code, "redirect");
});

Deno.test("461 tells the owner to try another transport, and the session goes on", () => {
  const wire = new Wire();
  wire.client.setup(undefined, [{ protocol: "udp", profile: "AVP", clientPort: [5000, 5001] }]);
  const [failed] = wire.answer(461);
  assert(failed?.type === "failed");
  assertEquals(failed.error.code, "unsupported-transport");
  wire.client.setup(undefined, [tcp]);
  const transport = "RTP/AVP/TCP;interleaved=0-1";
  assertEquals(wire.answer(200, { Session: "a", Transport: transport })[0]?.type, "set-up");
});

Deno.test("a SETUP answered without Transport means what was asked, an empty Session none", () => {
  for (const header of [{}, { Transport: " " }] as Record<string, string>[]) {
    const wire = new Wire();
    wire.client.setup("trackID=0", [{ ...tcp, interleaved: [4, 5] }]);
    const [event] = wire.answer(200, { ...header, Session: "" });
    assert(event?.type === "set-up");
    assertEquals(event.transport, { ...tcp, interleaved: [4, 5] });
    assertEquals(wire.client.sessionId, undefined);
  }
});

Deno.test("a SETUP answered with a broken Transport, or a DESCRIBE without SDP, fails", () => {
  const wire = new Wire();
  wire.client.describe();
  const [described] = wire.answer(200, {}, "rubbish");
  assert(described?.type === "failed");
  assertEquals(described.error.code, "malformed-description");
  wire.client.setup(undefined, [tcp]);
  const [setup] = wire.answer(200, { Session: "a", Transport: "unicast" });
  assert(setup?.type === "failed");
  assertEquals(setup.error.code, "malformed-transport");
});

Deno.test("the keepalive is what the server supports, at half of its timeout (R087)", () => {
  for (
    const [methods, expected] of [
      ["OPTIONS, PLAY, GET_PARAMETER", "GET_PARAMETER"],
      ["OPTIONS, PLAY", "OPTIONS"],
      [undefined, "OPTIONS"],
    ] as const
  ) {
    const wire = new Wire().play(methods);
    wire.client.tick(9_999);
    assertEquals(wire.sent(), []);
    wire.client.tick(10_000);
    const [sent] = wire.sent();
    assertEquals([sent?.method, sent?.headers.get("Session")], [expected, "abc"]);
    assertEquals(wire.raw(200, { CSeq: sent!.headers.get("CSeq")! }), []);
  }
});

Deno.test("a camera that refuses GET_PARAMETER gets OPTIONS; a session it has lost is told", () => {
  const wire = new Wire().play("GET_PARAMETER");
  wire.client.tick(10_000);
  wire.nowMs = 10_100;
  assertEquals(wire.answer(501), []);
  wire.client.tick(20_000);
  assertEquals(wire.sent()[0]?.method, "OPTIONS");
  const [lost] = wire.raw(454, {});
  assert(lost?.type === "failed");
  assertEquals(lost.error.code, "session-not-found");
});

Deno.test("a server that does not answer in ten seconds is given up", () => {
  const wire = new Wire();
  wire.client.describe();
  assertEquals(wire.client.tick(9_999), []);
  const [close] = wire.client.tick(10_000);
  assert(close?.type === "close");
  assertEquals(close.error.code, "response-timeout");
});

Deno.test("the time for an answer is the owner's choice, and stands still while nothing is read", () => {
  const wire = new Wire({ requestTimeoutMs: 500, nowMs: 100_000 });
  wire.client.describe();
  assertEquals(wire.client.tick(100_499), []);
  wire.client.holdDeadline(100_499);
  assertEquals(wire.client.tick(100_998), []);
  assertEquals(wire.client.tick(100_999).map(({ type }) => type), ["close"]);
});

Deno.test("a session with a long timeout is kept alive every 30 s: routers forget sooner", () => {
  const wire = new Wire();
  wire.client.setup(undefined, [tcp]);
  wire.answer(200, { Session: "a;timeout=86400", Transport: "RTP/AVP/TCP;interleaved=0-1" });
  wire.client.tick(29_999);
  assertEquals(wire.sent(), []);
  wire.client.tick(30_000);
  assertEquals(wire.sent()[0]?.method, "OPTIONS");
});

Deno.test("tracks are relative to an absolute control of the session, which PLAY is for", () => {
  const wire = new Wire();
  wire.client.describe();
  const sdp = "v=0\r\na=control:rtsp://10.0.0.9/live/1\r\nm=audio 0 RTP/AVP 0\r\na=control:t0\r\n";
  wire.answer(200, { "Content-Base": "rtsp://h:8554/elsewhere/" }, sdp);
  wire.client.setup("t0", [tcp]);
  assertEquals(wire.sent()[0]?.url, "rtsp://h:8554/live/1/t0");
  wire.raw(200, { Session: "a", Transport: "RTP/AVP/TCP;interleaved=0-1" });
  wire.client.play();
  assertEquals(wire.sent()[0]?.url, "rtsp://h:8554/live/1");
});

Deno.test("what is announced after a DESCRIBE is below the URL, not below the described base", () => {
  const wire = new Wire();
  wire.client.describe();
  wire.answer(200, { "Content-Base": "rtsp://h:8554/inner/" }, ANNOUNCED);
  wire.client.announce(parseSdp(ANNOUNCED));
  wire.answer(200);
  wire.client.setup("streamid=0", [{ ...tcp, mode: "record" }]);
  assertEquals(wire.sent()[0]?.url, `${url}/streamid=0`);
});

Deno.test("a PLAY after a pause has no range (RFC 2326, 10.5)", () => {
  const wire = new Wire().play();
  wire.client.pause();
  wire.answer(200);
  wire.client.resume();
  assertEquals(wire.sent()[0]?.headers.get("Range"), undefined);
});

Deno.test("requests with one nonce are counted up where the server asks for qop", () => {
  const wire = new Wire({ url: "rtsp://me:x@h/s", cnonce: "0a4f" });
  const count = () => /nc=(\w+)/.exec(wire.sent().at(-1)!.headers.get("Authorization")!)?.[1];
  wire.client.describe();
  wire.answer(401, { "WWW-Authenticate": 'Digest realm="c", nonce="n", qop="auth"' });
  assertEquals(count(), "00000001");
  wire.raw(200, {}, ANNOUNCED);
  wire.client.options();
  assertEquals(count(), "00000002");
  wire.raw(401, { "WWW-Authenticate": 'Digest realm="c", nonce="m", qop="auth"' });
  assertEquals(count(), "00000001");
});

Deno.test("a redirection from TLS to the clear gets no credentials", () => {
  const wire = new Wire({ url: "rtsps://me:secret@h/s" });
  wire.client.describe();
  const [event] = wire.answer(302, { Location: "rtsp://h/s" });
  assert(event?.type === "redirect");
  assertEquals(event.url, "rtsp://h/s");
});

Deno.test("frames are handed on, and a server's own requests answered", () => {
  const wire = new Wire();
  const payload = Uint8Array.of(1);
  assertEquals(wire.client.receive([{ kind: "frame", channel: 2, payload }], 0), [
    { type: "frame", channel: 2, payload },
  ]);
  const decoder = new RtspDecoder();
  const requests = "OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\nPAUSE * RTSP/1.0\r\n\r\n";
  wire.client.receive(decoder.push(new TextEncoder().encode(requests)), 0);
  const lines = wire.client.takeOutput().map((bytes) =>
    new TextDecoder().decode(bytes).split("\r\n", 2)
  );
  assertEquals(lines, [["RTSP/1.0 200 OK", "CSeq: 9"], ["RTSP/1.0 501 Not Implemented", ""]]);
});

Deno.test("a REDIRECT is told with the URL to go on at, and credentials stay with their host", () => {
  const wire = new Wire({ url: "rtsp://me:secret@a/cam" });
  const redirect = (...lines: string[]): unknown[] => {
    const text = ["REDIRECT * RTSP/1.0", "CSeq: 9", ...lines, "", ""].join("\r\n");
    const events = wire.client.receive(new RtspDecoder().push(new TextEncoder().encode(text)), 0);
    const [answer] = wire.client.takeOutput().map((bytes) => new TextDecoder().decode(bytes));
    return [answer!.split("\r\n", 1)[0], ...events];
  };
  const moved = (url: string) => ["RTSP/1.0 200 OK", { type: "move", url }];
  assertEquals(redirect("Location: rtsp://b:8554/cam"), moved("rtsp://b:8554/cam"));
  assertEquals(redirect("Location: rtsp://a:8554/cam"), moved("rtsp://me:secret@a:8554/cam"));
  assertEquals(redirect(), ["RTSP/1.0 400 Bad Request"]);
  assertEquals(redirect("Location: rtsp://"), ["RTSP/1.0 400 Bad Request"]);
});

Deno.test("bytes that are no RTSP end the client", () => {
  const wire = new Wire();
  const messages = new RtspDecoder().push(new TextEncoder().encode("HELLO\r\n"));
  assertEquals(wire.client.receive(messages, 0).map(({ type }) => type), ["close"]);
  assertEquals(wire.client.closeReason?.code, "malformed-start-line");
});

/** Carries bytes between a client and a server connection until nothing moves. */
function settle(client: RtspClientSession, peer: Peer): RtspClientEvent[] {
  const events: RtspClientEvent[] = [];
  for (;;) {
    const up = client.takeOutput();
    if (up.length === 0) return events;
    const decoder = new RtspDecoder();
    const requests = up.flatMap((bytes) => decoder.push(bytes));
    peer.take(peer.connection.receive(requests, 0));
    const back = new RtspDecoder();
    for (const bytes of peer.connection.takeOutput()) {
      events.push(...client.receive(back.push(bytes), 0));
    }
  }
}

Deno.test("client and server agree: describe, set up, play, pause, tear down (R080)", () => {
  for (const base of [url, `${url}?q=1`, "rtsp://h:8554/", "rtsp://h:8554/a/b"]) {
    const client = new RtspClientSession({ url: base });
    const peer = new Peer({ sessions: registry() });
    client.options();
    client.describe();
    client.setup("trackID=0", [tcp]);
    client.setup("trackID=1", [tcp]);
    const first = settle(client, peer).map(({ type }) => type);
    assertEquals(first, ["done", "described", "set-up", "set-up"], base);
    client.play({ unit: "npt", start: "now", end: undefined });
    client.pause();
    client.play();
    client.teardown();
    const types = settle(client, peer).map(({ type }) => type);
    assertEquals(types, ["playing", "done", "playing", "done"], base);
    assertEquals(peer.sessions.size, 0);
  }
});

Deno.test("client and server agree: announce, set up, record, tear down (R115)", () => {
  for (const base of [url, `${url}?q=1`]) {
    const client = new RtspClientSession({ url: base });
    const peer = new Peer({ sessions: registry() });
    client.announce(parseSdp(ANNOUNCED));
    for (const control of ["streamid=0", "streamid=1"]) {
      client.setup(control, [{ ...tcp, mode: "record" }]);
    }
    client.record();
    const types = settle(client, peer).map(({ type }) => type);
    assertEquals(types, ["done", "set-up", "set-up", "done"], base);
    assertEquals(client.state, "recording");
    client.teardown();
    settle(client, peer);
    assertEquals(peer.sessions.size, 0);
  }
});

Deno.test("whatever a server answers, a client gives events and never an exception", () => {
  const header = fc.tuple(
    fc.constantFrom("CSeq", "Session", "Transport", "Location", "WWW-Authenticate", "Content-Base"),
    fc.constantFrom(
      "1",
      "",
      "a;timeout=0",
      "RTP/AVP",
      "RTP/AVP/TCP;interleaved=x",
      "rtsp://",
      "rtsp://x/y",
      "Digest x",
      nonce("q"),
    ),
  );
  const answer = fc.record({
    status: fc.constantFrom(100, 200, 302, 401, 404, 454, 461, 999),
    headers: fc.array(header, { maxLength: 5 }),
    body: fc.constantFrom("", ANNOUNCED, "rubbish"),
  });
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 15 }), (answers) => {
      const client = new RtspClientSession({ url: "rtsp://me:x@h/s" });
      client.describe();
      client.setup("trackID=0", [tcp]);
      client.play();
      client.teardown();
      for (const one of answers) {
        client.receive(new RtspDecoder().push(encodeResponse(one)), 0);
        client.takeOutput();
      }
    }),
    { seed: 41, numRuns: 500 },
  );
});
