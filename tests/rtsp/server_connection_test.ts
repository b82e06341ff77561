import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  buildAuthorization,
  encodeRequest,
  parseChallenges,
  RTSP_METHODS,
  RTSP_TRANSITIONS,
  RtspDecoder,
  type RtspDescribeEvent,
  type RtspPlayEvent,
  type RtspServerEvent,
  type RtspSessionRegistry,
} from "../../src/rtsp/mod.ts";
import { tableOf } from "../../src/rtsp/session_registry.ts";
import {
  ANNOUNCED,
  Clock,
  Peer,
  type PeerOptions,
  registry,
  TCP,
  udp,
  URL,
} from "./server_peer.ts";

const utf8 = new TextEncoder();

Deno.test("CSeq is echoed verbatim (R007)", () => {
  const peer = new Peer();
  for (const cseq of ["5", "0", "007", "99999999999999999999"]) {
    assertEquals(peer.request("OPTIONS", "*", { CSeq: cseq }).headers.get("CSeq"), cseq);
  }
});

for (
  const [what, line] of [
    ["missing", ""],
    ["huge", `CSeq: ${"9".repeat(2000)}\r\n`],
    ["no number", "CSeq: one\r\n"],
    ["with a NUL", "CSeq: 1\x002\r\n"],
  ] as const
) {
  Deno.test(`a CSeq that is ${what} gets 400 without CSeq, then the connection closes (R008)`, () => {
    const peer = new Peer();
    const [response] = peer.push(`OPTIONS * RTSP/1.0\r\n${line}\r\n`);
    assertEquals(response?.status, 400);
    assertEquals(response?.headers.get("CSeq"), undefined);
    assert(peer.connection.closeReason !== undefined);
    assertEquals(peer.types().at(-1), "close");
  });
}

Deno.test("DESCRIBE of * or of no URL gets 400 and closes; OPTIONS * is allowed (R009)", () => {
  assertEquals(new Peer().request("OPTIONS", "*").status, 200);
  for (const url of ["*", "/s", "http://h/s"]) {
    const peer = new Peer();
    assertEquals(peer.request("DESCRIBE", url).status, 400);
    assertEquals(peer.connection.closeReason?.code, "malformed-url");
  }
});

Deno.test("an unknown method gets 501, in a session or not, and the connection stays usable (R010)", () => {
  const peer = new Peer();
  assertEquals(peer.request("REDIRECT").status, 501);
  const session = peer.setUp();
  assertEquals(peer.request("FLY", URL, session).status, 501);
  assertEquals(peer.request("options").status, 501);
  assertEquals(peer.request("OPTIONS").status, 200);
});

Deno.test("a description given as text is passed through untouched (R011)", () => {
  const peer = new Peer({ manual: true });
  peer.ask("DESCRIBE");
  const event = peer.events[0] as RtspDescribeEvent;
  assertEquals([event.path, event.query], ["/s", undefined]);
  peer.take(peer.connection.acceptDescribe(event, { description: "any text" }));
  const [response] = peer.output();
  assertEquals(new TextDecoder().decode(response?.body), "any text");
  assertEquals(response?.headers.get("Content-Base"), `${URL}/`);
  assertEquals(response?.headers.get("Content-Type"), "application/sdp");
});

Deno.test("the base of the tracks of a URL with a query has its slash before the query, for GStreamer 1.22", () => {
  for (const url of [`${URL}?q=1`, `${URL}/?q=1`, `${URL}?q=1/`]) {
    const peer = new Peer({ manual: true });
    peer.ask("DESCRIBE", {}, { url });
    const event = peer.events[0] as RtspDescribeEvent;
    peer.take(peer.connection.acceptDescribe(event, { description: "any text" }));
    assertEquals(peer.output()[0]?.headers.get("Content-Base"), `${URL}/?q=1`);
  }
});

Deno.test("GET_PARAMETER and SET_PARAMETER answer 200 in and outside a session (R012)", () => {
  const peer = new Peer();
  peer.connection.data = 5;
  assertEquals(peer.request("GET_PARAMETER").status, 200);
  const echo = peer.request("SET_PARAMETER", URL, {}, "a: b\r\n");
  assertEquals(new TextDecoder().decode(echo.body), "a: b\r\n");
  const session = peer.setUp();
  const [known] = peer.sessions;
  known!.data = 6;
  assertEquals(peer.request("GET_PARAMETER", URL, session).status, 200);
  const inside = peer.request("GET_PARAMETER", URL, session, "x\r\n");
  assertEquals(new TextDecoder().decode(inside.body), "x\r\n");
  assertEquals([peer.connection.data, [...peer.sessions][0]!.data], [5, 6]);
});

Deno.test("a parameter that the owner does not understand gets 451 and the connection goes on", () => {
  const peer = new Peer({ manual: true });
  peer.ask("SET_PARAMETER", {}, { body: "volume: 5\r\n" });
  const [event] = peer.events;
  assert(event?.type === "parameter");
  peer.take(peer.connection.reject(event, 451));
  assertEquals(peer.output()[0]?.status, 451);
  assertEquals(peer.request("OPTIONS").status, 200);
});

Deno.test("Public lists the methods that are implemented (R014)", () => {
  const methods = new Peer().request("OPTIONS", "*").headers.get("Public")!.split(", ");
  assertEquals(methods, [...RTSP_METHODS]);
  assert(methods.includes("GET_PARAMETER") && methods.includes("TEARDOWN"));
});

Deno.test("a response where a request is expected closes the connection (R015)", () => {
  const peer = new Peer();
  peer.push("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
  assertEquals(peer.connection.closeReason?.code, "unexpected-response");
});

for (const method of ["PLAY", "RECORD", "PAUSE", "TEARDOWN", "GET_PARAMETER"]) {
  Deno.test(`${method} with an unknown session gets 454 (R020)`, () => {
    const peer = new Peer();
    assertEquals(peer.request(method, URL, { Session: "12345678" }).status, 454);
    assertEquals(peer.request("OPTIONS").status, 200);
  });
}

Deno.test("a session over TCP cannot be used from another connection (R021)", () => {
  const sessions = registry();
  const first = new Peer({ sessions });
  const session = first.setUp();
  first.request("PLAY", URL, session);
  const second = new Peer({ sessions });
  for (const method of RTSP_METHODS) {
    const headers: Record<string, string> = { Transport: TCP, ...session };
    assertEquals(second.request(method, `${URL}/trackID=1`, headers).status, 400, method);
  }
  assertEquals([...sessions][0]!.state, "playing");
  assertEquals(first.request("PAUSE", URL, session).status, 200);
});

Deno.test("a connection that plays over TCP gets no second session (R022)", () => {
  const peer = new Peer();
  const session = peer.setUp();
  peer.request("PLAY", URL, session);
  assertEquals(peer.request("SETUP", `${URL}/trackID=1`, { Transport: TCP }).status, 400);
  assertEquals(peer.sessions.size, 1);
});

Deno.test("a connection linked to a session over TCP cannot use another one (R023)", () => {
  const sessions = registry();
  const other = new Peer({ sessions }).setUp(() => udp(5000));
  const peer = new Peer({ sessions });
  peer.setUp();
  assertEquals(peer.request("PLAY", URL, other).status, 400);
});

Deno.test("a session cannot be used from another address (R024, CVE-2026-41470)", () => {
  const sessions = registry();
  const session = new Peer({ sessions }).setUp(() => udp(5000));
  const stranger = new Peer({ sessions, address: "127.0.0.2" });
  for (const method of ["PLAY", "TEARDOWN", "PAUSE", "GET_PARAMETER"]) {
    assertEquals(stranger.request(method, URL, session).status, 400, method);
  }
  assertEquals(sessions.size, 1);
});

Deno.test("a session of an identity asks who another connection is (CVE-2026-41470)", () => {
  const sessions = registry();
  const owner = new Peer({ sessions, manual: true });
  owner.ask("SETUP", { Transport: udp(5000) }, { url: `${URL}/trackID=0` });
  const [setup] = owner.events;
  assert(setup?.type === "setup");
  owner.take(owner.connection.acceptSetup(setup, { identity: "alice" }));
  const session = { Session: [...sessions][0]!.id };

  const thief = new Peer({ sessions, manual: true });
  thief.ask("TEARDOWN", session);
  const [question] = thief.events;
  assert(question?.type === "authorize");
  thief.take(thief.connection.acceptAuthorize(question, { identity: "mallory" }));
  assertEquals(thief.output()[0]?.status, 400);

  const again = new Peer({ sessions, manual: true });
  again.ask("GET_PARAMETER", session);
  again.ask("TEARDOWN", session);
  const [asked] = again.events;
  assert(asked?.type === "authorize");
  again.take(again.connection.acceptAuthorize(asked, { identity: "alice" }));
  assertEquals(again.output().map(({ status }) => status), [200, 200]);
  assertEquals(sessions.size, 0);
});

Deno.test("closing a session twice closes its connection once (R005, R025)", () => {
  for (const transport of [TCP, udp(5000)]) {
    const peer = new Peer();
    peer.setUp(() => transport);
    const [session] = peer.sessions;
    assertEquals(peer.sessions.close(session!).map(({ type }) => type), ["session-closed"]);
    assertEquals(peer.sessions.close(session!), []);
    assertEquals(peer.connection.closeReason?.code, "closed");
    peer.connection.close();
    peer.connection.close();
    assertEquals(peer.connection.end(), []);
  }
});

Deno.test("a SETUP that is accepted, or refused, leaves no session when the connection ends (R026)", () => {
  for (const transport of [TCP, udp(5000)]) {
    const peer = new Peer();
    peer.setUp(() => transport);
    peer.take(peer.connection.end());
    assertEquals(peer.types().at(-1), "session-closed");
    assertEquals(peer.sessions.size, 0);
  }
  const refused = new Peer();
  assertEquals(refused.request("SETUP", `${URL}/trackID=0`, { Transport: "x" }).status, 400);
  assertEquals(refused.sessions.size, 0);
  assertEquals(refused.connection.end(), []);
});

Deno.test("TEARDOWN ends the session, and the connection still answers (R027)", () => {
  const peer = new Peer();
  const session = peer.setUp();
  peer.types();
  assertEquals(peer.request("TEARDOWN", URL, session).status, 200);
  assertEquals(peer.types(), ["session-closed"]);
  assertEquals(peer.request("OPTIONS").status, 200);
  assertEquals(peer.request("PLAY", URL, session).status, 454);
});

Deno.test("the session timeout is told five seconds short (R028)", () => {
  const peer = new Peer();
  const response = peer.request("SETUP", `${URL}/trackID=0`, { Transport: TCP });
  assertMatch(response.headers.get("Session")!, /^[0-9a-f]{32};timeout=55$/);
});

for (const mode of ["PLAY", "RECORD"]) {
  Deno.test(`a UDP session survives its connection: ${mode} (R029)`, () => {
    const sessions = registry();
    const clock = new Clock();
    const first = new Peer({ sessions, clock });
    const ports = (track: number) => udp(5000 + 2 * track);
    const session = mode === "PLAY" ? first.setUp(ports) : first.announce(ports);
    assertEquals(first.request(mode, URL, session).status, 200);
    assertEquals(first.connection.end(), []);
    const second = new Peer({ sessions, clock });
    assertEquals(second.request("GET_PARAMETER", URL, session).status, 200);
    assertEquals(second.connection.end(), []);
    assertEquals(sessions.size, 1);
  });
}

Deno.test("a wrong state gets 455 with Allow, and the error names both (R030)", () => {
  const peer = new Peer();
  const session = peer.setUp();
  const record = peer.request("RECORD", URL, session);
  assertEquals(record.status, 455);
  assertEquals(
    record.headers.get("Allow"),
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER",
  );
  const refused = peer.events.at(-1);
  assert(refused?.type === "refused");
  assertMatch(refused.error.message, /RECORD in state "ready-to-play", which allows .*PLAY/);
  peer.request("PLAY", URL, session);
  const type = { "Content-Type": "application/sdp", ...session };
  assertEquals(peer.request("ANNOUNCE", URL, type, ANNOUNCED).status, 455);
  assertEquals(
    peer.request("SETUP", `${URL}/trackID=1`, { Transport: TCP, ...session }).status,
    455,
  );
});

Deno.test("PLAY, PAUSE and RECORD before any session get 454 (R020, R030)", () => {
  for (const method of ["PLAY", "PAUSE", "RECORD", "TEARDOWN"]) {
    assertEquals(new Peer().request(method).status, 454);
  }
});

Deno.test("the first request without credentials gets 401, the second with them 200 (R040)", () => {
  for (const method of ["basic", "digest-md5", "digest-sha-256"] as const) {
    const peer = new Peer({ manual: true, methods: [method] });
    const known = { username: "me", password: "secret" };
    const answer = () => {
      const event = peer.events.at(-1);
      assert(event?.type === "describe");
      const verdict = event.credentials.verify(known);
      if (verdict === "granted") {
        peer.take(peer.connection.acceptDescribe(event, { description: "x", identity: "me" }));
      } else {
        peer.take(peer.connection.challenge(event, verdict));
      }
      return peer.output()[0]!;
    };
    peer.ask("DESCRIBE");
    const first = answer();
    assertEquals(first.status, 401);
    const challenges = parseChallenges(first.headers.getAll("WWW-Authenticate"));
    const request = { method: "DESCRIBE", url: URL, credentials: known };
    peer.ask("DESCRIBE", { Authorization: buildAuthorization(challenges, request)! });
    const asked = peer.events.at(-1);
    assert(asked?.type === "describe");
    assertEquals(asked.credentials.username, "me");
    assertEquals(asked.credentials.password, method === "basic" ? "secret" : undefined);
    assertEquals(answer().status, 200);
    assertEquals(peer.connection.identity, "me");

    const other = { ...request, credentials: { ...known, password: "other" } };
    peer.ask("DESCRIBE", { Authorization: "Bearer x" });
    const bearer = peer.events.at(-1);
    assert(bearer?.type === "describe");
    assertEquals([bearer.credentials.scheme, bearer.credentials.username], ["bearer", undefined]);
    assertEquals(answer().headers.getAll("WWW-Authenticate").length, 1);
    assertEquals(peer.connection.closeReason, undefined);
    peer.ask("DESCRIBE", { Authorization: buildAuthorization(challenges, other)! });
    assertEquals(answer().status, 401);
    assertEquals(
      peer.connection.closeReason?.code,
      "unauthorized",
      "wrong credentials close (R041)",
    );
  }
});

Deno.test("nonces differ from connection to connection (R044)", () => {
  const sessions = registry();
  const nonces = [1, 2].map(() => {
    const peer = new Peer({ sessions, manual: true });
    peer.ask("DESCRIBE");
    const [event] = peer.events;
    assert(event?.type === "describe");
    peer.connection.challenge(event, "missing");
    return parseChallenges(peer.output()[0]!.headers.getAll("WWW-Authenticate"))[0]!.nonce;
  });
  assertMatch(nonces[0]!, /^[0-9a-f]{32}$/);
  assert(nonces[0] !== nonces[1]);
});

const track0 = `${URL}/trackID=0`;
const SETUPS: [string, string, string, number][] = [
  ["R050: a path without track or slash", URL, TCP, 459],
  ["R056: channels that are no pair", track0, `${TCP};interleaved=0-2`, 400],
  ["R058: UDP without client_port", track0, "RTP/AVP;unicast", 400],
  ["R059: no Transport", track0, "", 400],
  ["R060: SAVP", track0, "RTP/SAVP/TCP;interleaved=0-1", 461],
  ["R061: mode=record", track0, `${TCP};mode=record`, 400],
  ["R061: mode=receive", track0, `${TCP};mode=receive`, 400],
  ["R062: a track that is no number", `${URL}/trackID=x`, TCP, 404],
  ["port 0", track0, udp(0), 400],
  ["port 1", track0, udp(1), 400],
  ["port 1023 and 1024", track0, udp(1023), 400],
  ["a second port below 1024", track0, "RTP/AVP;unicast;client_port=5000-80", 400],
  ["one port twice", track0, "RTP/AVP;unicast;client_port=5000-5000", 400],
  ["a destination elsewhere", track0, udp(5000, ";destination=198.51.100.9"), 403],
];
for (const [what, url, transport, status] of SETUPS) {
  Deno.test(`SETUP with ${what} gets ${status}, and no session is left`, () => {
    const peer = new Peer();
    const headers: Record<string, string> = transport === "" ? {} : { Transport: transport };
    assertEquals(peer.request("SETUP", url, headers).status, status);
    assertEquals(peer.sessions.size, 0);
    assertEquals(peer.request("OPTIONS").status, 200);
  });
}

Deno.test("SAVP gets 461 whatever its KeyMgmt, which is kept as text (R063, R148)", () => {
  const peer = new Peer();
  const mikey = 'prot=mikey; uri="rtsp://h:8554/s"; data="AQAFAP1td9ABAADsANr+IAAA"';
  const headers = { Transport: "RTP/SAVP/TCP;unicast;interleaved=0-1", KeyMgmt: mikey };
  assertEquals(peer.request("SETUP", track0, headers).status, 461);
  const refused = peer.events.at(-1);
  assert(refused?.type === "refused");
  assertEquals(refused.request.headers.get("keymgmt"), mikey);
});

Deno.test("a session knows only the tracks that were set up (R082)", () => {
  const peer = new Peer();
  const response = peer.request("SETUP", `${URL}/trackID=1`, { Transport: TCP });
  const session = { Session: response.headers.get("Session")!.split(";")[0]! };
  const info = peer.request("PLAY", URL, session).headers.get("RTP-Info");
  assertEquals([...peer.sessions][0]!.tracks.map(({ track }) => track), [1]);
  assertEquals(info, `url=${URL}/trackID=1;seq=7;rtptime=9`);
});

Deno.test("SETUP with its own address as destination is like one without", () => {
  const peer = new Peer();
  const transport = udp(5000, ";destination=192.0.2.1");
  assertEquals(peer.request("SETUP", track0, { Transport: transport }).status, 200);
});

for (
  const [path, status] of [
    ["", 459],
    ["/", 200],
    ["//", 200],
    ["?", 459],
    ["/?/", 200],
    ["/trackID=", 404],
    ["/trackID=-1", 404],
    ["/trackID=99999999999999999999", 404],
    ["/trackID=0", 200],
  ] as const
) {
  Deno.test(`SETUP of "rtsp://h:8554${path}" gets ${status} (R078)`, () => {
    const peer = new Peer();
    const headers = { Transport: TCP };
    assertEquals(peer.request("SETUP", `rtsp://h:8554${path}`, headers).status, status);
  });
}

Deno.test("a SETUP on a different path than the session's gets 459 (R052)", () => {
  const peer = new Peer();
  const session = peer.setUp();
  const headers = { Transport: TCP, ...session };
  assertEquals(peer.request("SETUP", "rtsp://h:8554/t/trackID=1", headers).status, 459);
});

Deno.test("a media that is set up twice gets 400, played or recorded (R053, R113)", () => {
  const player = new Peer();
  const session = player.setUp();
  assertEquals(player.request("SETUP", track0, { Transport: TCP, ...session }).status, 400);
  const publisher = new Peer();
  const announced = publisher.announce();
  const headers = { Transport: `${TCP};mode=record`, ...announced };
  assertEquals(publisher.request("SETUP", `${URL}/streamid=0`, headers).status, 400);
});

Deno.test("another transport within a session gets 400 (R054)", () => {
  const peer = new Peer();
  const session = peer.setUp(() => udp(5000));
  const headers = { Transport: TCP, ...session };
  assertEquals(peer.request("SETUP", `${URL}/trackID=1`, headers).status, 400);
});

Deno.test("client ports that another session of the address has get 400 (R055)", () => {
  const sessions = registry();
  new Peer({ sessions }).setUp(() => udp(5000));
  const headers = { Transport: udp(5001) };
  assertEquals(new Peer({ sessions }).request("SETUP", track0, headers).status, 400);
  const other = new Peer({ sessions, address: "192.0.2.2" });
  assertEquals(other.request("SETUP", track0, headers).status, 200);
});

Deno.test("channels that are in use get 400, odd ones are taken as asked (R057, R066)", () => {
  const peer = new Peer();
  const session = peer.setUp(() => `${TCP};interleaved=5-6`);
  const url = `${URL}/trackID=1`;
  const clash = { Transport: `${TCP};interleaved=6-7`, ...session };
  assertEquals(peer.request("SETUP", url, clash).status, 400);
  const free = peer.request("SETUP", url, { Transport: TCP, ...session });
  assertMatch(free.headers.get("Transport")!, /interleaved=0-1/);
});

Deno.test("a transport that is off gets 461, on a tunnel UDP is (R060, R067)", () => {
  const tunnel = new Peer({ transports: { tcp: true } });
  assertEquals(tunnel.request("SETUP", track0, { Transport: udp(5000) }).status, 461);
  const multicast = "RTP/AVP;multicast";
  assertEquals(tunnel.request("SETUP", track0, { Transport: multicast }).status, 461);
  const datagrams = new Peer({ transports: { tcp: false, udpPorts: [8000, 8001] } });
  assertEquals(datagrams.request("SETUP", track0, { Transport: TCP }).status, 461);
});

Deno.test("of several transports the first that is supported is chosen (R064, R085)", () => {
  const peer = new Peer({ transports: { tcp: true } });
  const headers = { Transport: `${udp(5000)},${TCP};interleaved=0-1` };
  assertEquals(
    peer.request("SETUP", track0, headers).headers.get("Transport"),
    "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=ABCD0000",
  );
});

Deno.test("transports in headers of their own are offers like those in one (R064)", () => {
  const peer = new Peer({ transports: { tcp: true } });
  const [response] = peer.push(
    `SETUP ${track0} RTSP/1.0\r\nCSeq: 1\r\nTransport: ${udp(5000)}\r\nTransport: ${TCP}\r\n\r\n`,
  );
  assertEquals(response?.status, 200);
});

Deno.test("TCP without channels gets 0-1, then 2-3 (R065)", () => {
  const peer = new Peer();
  const session = peer.setUp();
  const second = peer.request("SETUP", `${URL}/trackID=1`, { Transport: TCP, ...session });
  assertMatch(second.headers.get("Transport")!, /interleaved=2-3/);
});

Deno.test("UDP and multicast answers name the ports, the group and the SSRC (R080, R085)", () => {
  const unicast = new Peer().request("SETUP", track0, { Transport: udp(5000) });
  assertEquals(
    unicast.headers.get("Transport"),
    "RTP/AVP;unicast;client_port=5000-5001;server_port=8000-8001;ssrc=ABCD0000",
  );
  const multicast = new Peer().request("SETUP", track0, { Transport: "RTP/AVP;multicast" });
  assertEquals(
    multicast.headers.get("Transport"),
    "RTP/AVP;multicast;destination=239.0.0.1;port=9000-9001;ttl=16;ssrc=ABCD0000",
  );
});

Deno.test("the answer to a GStreamer publisher's SETUP is not held back (R068)", () => {
  // Other servers wait a second. rtspclientsink's clock runs on meanwhile: the media of all those
  // seconds then comes at once, more than a UDP socket's buffer takes.
  const peer = new Peer();
  const type = { "Content-Type": "application/sdp" };
  peer.request("ANNOUNCE", URL, type, ANNOUNCED);
  const headers = {
    Transport: `${TCP};mode=record`,
    "User-Agent": "GStreamer/1.22.0",
    Session: [...peer.sessions][0]!.id,
  };
  assertEquals(peer.request("SETUP", `${URL}/streamid=0`, headers).status, 200);
});

Deno.test("PLAY on another path gets 400, with a trailing slash it is the same (R076, R079)", () => {
  const peer = new Peer();
  const session = peer.setUp(() => TCP, 2);
  assertEquals(peer.request("PLAY", "rtsp://h:8554/t", session).status, 400);
  assertEquals(peer.request("PLAY", track0, session).status, 460);
  assertEquals(peer.request("PLAY", `${URL}/`, session).status, 200);
  assertEquals(peer.request("PLAY", `${URL}?q=1`, session).status, 200);
  const sole = new Peer();
  assertEquals(sole.request("PLAY", track0, sole.setUp()).status, 200);
});

Deno.test("a stream at the root is set up as /trackID=0 and played as / (R075)", () => {
  const peer = new Peer();
  const response = peer.request("SETUP", "rtsp://h:8554/trackID=0", { Transport: TCP });
  const session = { Session: response.headers.get("Session")!.split(";")[0]! };
  assertEquals(peer.request("PLAY", "rtsp://h:8554/", session).status, 200);
});

Deno.test("RECORD on another path gets 400 (R079)", () => {
  const peer = new Peer();
  const session = peer.announce();
  assertEquals(peer.request("RECORD", "rtsp://h:8554/t", session).status, 400);
  assertEquals(peer.request("RECORD", `${URL}/streamid=0`, session).status, 460);
  assertEquals(peer.request("RECORD", `${URL}/`, session).status, 200);
});

Deno.test("the 200 to PLAY is in the output when the owner is told (R081)", () => {
  const peer = new Peer({ manual: true });
  peer.ask("SETUP", { Transport: TCP }, { url: track0 });
  const [setup] = peer.events.splice(0);
  assert(setup?.type === "setup");
  peer.take(peer.connection.acceptSetup(setup));
  peer.ask("PLAY", { Session: setup.session.id, Range: "npt=10-" });
  const play = peer.events.splice(0).find(({ type }) => type === "play");
  assert(play?.type === "play");
  assertEquals(play.range, { unit: "npt", start: 10, end: undefined });
  assertEquals(setup.session.state, "ready-to-play");
  peer.output();
  peer.take(peer.connection.acceptPlay(play));
  assertEquals(setup.session.state, "playing");
  assertEquals(peer.output()[0]?.status, 200);
  assertEquals(peer.types(), ["playing"]);
});

for (const range of ["yesterday", "0.000-", "npt=", "npt", ""]) {
  Deno.test(`a PLAY with Range "${range}" plays, since a live stream has no other range`, () => {
    const peer = new Peer();
    const session = peer.setUp();
    assertEquals(peer.request("PLAY", URL, { ...session, Range: range }).status, 200);
    const play = peer.events.find(({ type }) => type === "play") as RtspPlayEvent;
    assertEquals(play.range, undefined);
  });
}

Deno.test("an empty Session header is none", () => {
  const peer = new Peer();
  assertEquals(peer.request("OPTIONS", URL, { Session: "" }).status, 200);
  const setup = { Transport: TCP, Session: "" };
  assertEquals(peer.request("SETUP", `${URL}/trackID=0`, setup).status, 200);
  assertEquals(peer.request("PLAY", URL, { Session: " " }).status, 200);
});

for (const transport of [TCP, udp(5000), "RTP/AVP;multicast"]) {
  Deno.test(`PLAY PLAY PAUSE PAUSE PLAY is fine over ${transport.slice(0, 17)} (R083)`, () => {
    const peer = new Peer();
    const session = peer.setUp(() => transport);
    peer.types();
    for (const method of ["PLAY", "PLAY", "PAUSE", "PAUSE", "PLAY"]) {
      assertEquals(peer.request(method, URL, session).status, 200);
    }
    assertEquals(
      peer.types().filter((type) => type === "playing" || type === "paused"),
      ["playing", "playing", "paused", "playing"],
    );
  });
}

Deno.test("RTP-Info has one entry a media, by the URL of its SETUP (R084)", () => {
  const peer = new Peer();
  const session = peer.setUp(() => TCP, 2);
  assertEquals(
    peer.request("PLAY", URL, session).headers.get("RTP-Info"),
    `url=${URL}/trackID=0;seq=7;rtptime=9,url=${URL}/trackID=1;seq=7;rtptime=9`,
  );
  const plain = new Peer();
  const response = plain.request("SETUP", `${URL}?q=1/`, { Transport: TCP });
  const id = { Session: response.headers.get("Session")!.split(";")[0]! };
  assertMatch(plain.request("PLAY", URL, id).headers.get("RTP-Info")!, /^url=\S+\/trackID=0;seq=7/);
});

Deno.test("RTCP of a player comes by its channel, its RTP is dropped (R086)", () => {
  const peer = new Peer();
  peer.request("PLAY", URL, peer.setUp(() => TCP, 2));
  peer.types();
  peer.frame(3, Uint8Array.of(0x81, 201));
  peer.frame(2);
  peer.frame(77);
  const frames = peer.events.filter((event) => event.type === "frame");
  assertEquals(frames.map(({ track, rtcp }) => [track, rtcp]), [[1, true]]);
  assertEquals(peer.connection.strayFrames, 2);
});

for (const transport of [udp(5000), "RTP/AVP;multicast"]) {
  Deno.test(`play over ${transport.slice(8, 17)} ends without sign of the client (R087)`, () => {
    const clock = new Clock();
    const peer = new Peer({ clock });
    const session = peer.setUp(() => transport);
    peer.request("PLAY", URL, session);
    for (const method of ["OPTIONS", "GET_PARAMETER"]) {
      clock.ms += 59_999;
      assertEquals(peer.sessions.tick(clock.ms), []);
      assertEquals(peer.request(method, URL, session).status, 200);
    }
    clock.ms += 59_999;
    [...peer.sessions][0]!.noteActivity(clock.ms); // a receiver report
    clock.ms += 59_999;
    assertEquals(peer.sessions.tick(clock.ms), []);
    const [end] = peer.sessions.tick(clock.ms + 1);
    assert(end?.type === "session-closed");
    assertEquals(end.reason, "idle-timeout");
    assertEquals(peer.connection.closeReason, undefined);
  });
}

Deno.test("play over TCP has no timeout, and ends with its connection (R088)", () => {
  const clock = new Clock();
  const peer = new Peer({ clock });
  peer.request("PLAY", URL, peer.setUp());
  clock.ms = 3_600_000;
  assertEquals(peer.sessions.tick(clock.ms), []);
  assertEquals(peer.connection.tick(clock.ms), []);
  const [end] = peer.connection.end();
  assert(end?.type === "session-closed");
  assertEquals(end.reason, "connection");
});

Deno.test("a back channel that is asked for is the owner's to offer, other options get 551 (R094)", () => {
  const peer = new Peer();
  const back = { Require: "www.onvif.org/ver20/backchannel" };
  assertEquals(peer.request("DESCRIBE", URL, back).status, 200);
  assertEquals(peer.request("DESCRIBE", URL).status, 200);
  const asked = peer.events.filter(({ type }) => type === "describe") as RtspDescribeEvent[];
  assertEquals(asked.map(({ wantsBackChannel }) => wantsBackChannel), [true, false]);
  const unknown = peer.request("DESCRIBE", URL, { Require: "funky-feature" });
  assertEquals(unknown.status, 551);
  assertEquals(unknown.headers.get("Unsupported"), "funky-feature");
});

Deno.test("the owner's 404 and 302 reach the client (R097, R047)", () => {
  const peer = new Peer({ manual: true });
  const rejected = (status: number, headers: Record<string, string>) => {
    peer.ask("DESCRIBE");
    const event = peer.events.findLast(({ type }) => type === "describe") as RtspDescribeEvent;
    peer.take(peer.connection.reject(event, status, { headers }));
    return peer.output()[0]!;
  };
  assertEquals(rejected(404, {}).status, 404);
  const moved = rejected(302, { Location: "rtsp://elsewhere/s" });
  assertEquals([moved.status, moved.headers.get("Location")], [302, "rtsp://elsewhere/s"]);
});

Deno.test("DESCRIBE that does not accept SDP gets 406", () => {
  const peer = new Peer();
  assertEquals(peer.request("DESCRIBE", URL, { Accept: "text/html" }).status, 406);
  for (const accept of ["*/*", "application/*", "application/rtsl, application/sdp"]) {
    assertEquals(peer.request("DESCRIBE", URL, { Accept: accept }).status, 200);
  }
});

const ANNOUNCEMENTS: [string, Record<string, string>, string][] = [
  ["no Content-Type", {}, ANNOUNCED],
  ["another Content-Type", { "Content-Type": "aa" }, ANNOUNCED],
  ["no SDP", { "Content-Type": "application/sdp" }, "rubbish"],
  ["no body", { "Content-Type": "application/sdp" }, ""],
  ["no media", { "Content-Type": "application/sdp" }, "v=0\r\n"],
  ["no payload type", { "Content-Type": "application/sdp" }, "m=video 0 RTP/AVP\r\n"],
  ["no clock rate", { "Content-Type": "application/sdp" }, "m=video 0 RTP/AVP 96\r\n"],
  [
    "H.264 in interleaved order",
    { "Content-Type": "application/sdp" },
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=2\r\n",
  ],
  [
    "a back channel beside nothing that is known",
    { "Content-Type": "application/sdp" },
    "m=audio 0 RTP/AVP 0\r\na=sendonly\r\nm=video 0 RTP/AVP 96\r\n",
  ],
];
for (const [what, headers, body] of ANNOUNCEMENTS) {
  Deno.test(`ANNOUNCE with ${what} gets 400 and closes (R110)`, () => {
    const peer = new Peer();
    assertEquals(peer.request("ANNOUNCE", URL, headers, body).status, 400);
    assertEquals(peer.connection.closeReason?.code, "malformed-description");
  });
}

Deno.test("the reason of a refused ANNOUNCE names the media (R110)", () => {
  const peer = new Peer();
  const type = { "Content-Type": "application/sdp;charset=utf-8" };
  peer.request("ANNOUNCE", URL, type, "m=video 0 RTP/AVP 96\r\n");
  assertEquals(peer.connection.closeReason?.message, "media 1 is invalid: clock rate not found");
});

const H264 = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:streamid=0\r\n";
const TOLERATED: [string, string][] = [
  ["packetization-mode 0 (R111)", `${H264}a=fmtp:96 packetization-mode=0\r\n`],
  ["all media sendonly (R110)", `${H264}a=sendonly\r\n`],
  ["a back channel", `${H264}m=audio 0 RTP/AVP 0\r\na=sendonly\r\na=control:streamid=1\r\n`],
  ["a media without payload type", `${H264}m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\n`],
  ["a media of which nothing is known", `${H264}m=application 0 RTP/AVP 107\r\n`],
  ["a line that is none", `rubbish\r\n${H264}-\r\n`],
  [
    "a codec without clock rate",
    "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 AC3\r\na=control:streamid=0\r\n",
  ],
];
for (const [what, body] of TOLERATED) {
  Deno.test(`ANNOUNCE with ${what} is taken, and records once the published media is set up`, () => {
    const peer = new Peer();
    const type = { "Content-Type": "application/sdp" };
    assertEquals(peer.request("ANNOUNCE", URL, type, body).status, 200);
    assertEquals(peer.request("RECORD", URL).status, 400, "the published media is not set up");
    const transport = { Transport: `${TCP};mode=record` };
    assertEquals(peer.request("SETUP", `${URL}/streamid=0`, transport).status, 200);
    assertEquals(peer.request("RECORD", URL).status, 200);
  });
}

Deno.test("what a peer wrote stands in a status line without control characters, and shortened", () => {
  const [malformed] = new Peer().push(`OPTIONS ${URL} RTSP/1.0\r\nCSeq\r\n\r\n`);
  assertEquals(malformed?.reason, "Bad Request: line 2 is no header");
  const peer = new Peer({ manual: true });
  peer.ask("DESCRIBE");
  const [event] = peer.events;
  assert(event?.type === "describe");
  peer.connection.reject(event, 403, { reason: `No\r\nSession: 1 ${"x".repeat(300)}` });
  const [refused] = peer.output();
  assertEquals(refused?.headers.get("Session"), undefined);
  assertEquals(refused?.reason, `Forbidden: ${`No  Session: 1 ${"x".repeat(300)}`.slice(0, 200)}`);
});

Deno.test("SETUP for recording wants mode=record, and never multicast (R112)", () => {
  const peer = new Peer();
  peer.request("ANNOUNCE", URL, { "Content-Type": "application/sdp" }, ANNOUNCED);
  const session = { Session: [...peer.sessions][0]!.id };
  const url = `${URL}/streamid=0`;
  for (const transport of [TCP, `${TCP};mode=play`, udp(5000)]) {
    assertEquals(peer.request("SETUP", url, { Transport: transport, ...session }).status, 400);
  }
  const multicast = { Transport: "RTP/AVP;multicast;mode=record", ...session };
  assertEquals(peer.request("SETUP", url, multicast).status, 461);
  const unknown = { Transport: `${TCP};mode=record`, ...session };
  assertEquals(peer.request("SETUP", `${URL}/streamid=9`, unknown).status, 404);
});

Deno.test("RECORD with fewer media than were announced gets 400 (R114)", () => {
  const peer = new Peer();
  peer.request("ANNOUNCE", URL, { "Content-Type": "application/sdp" }, ANNOUNCED);
  const session = { Session: [...peer.sessions][0]!.id };
  const headers = { Transport: `${TCP};mode=record`, ...session };
  peer.request("SETUP", `${URL}/streamid=0`, headers);
  assertEquals(peer.request("RECORD", URL, session).status, 400);
  assertEquals(peer.request("SETUP", `${URL}/streamid=1`, headers).status, 200);
  assertEquals(peer.request("RECORD", URL, session).status, 200);
});

Deno.test("a publisher over TCP delivers frames by track, from RECORD on (R115)", () => {
  const peer = new Peer();
  const session = peer.announce();
  peer.frame(0);
  peer.request("RECORD", URL, session);
  peer.types();
  for (const channel of [0, 1, 2, 3, 9]) peer.frame(channel, Uint8Array.of(channel));
  const frames = peer.events.filter((event) => event.type === "frame");
  assertEquals(
    frames.map(({ track, rtcp, payload }) => [track, rtcp, payload[0]]),
    [[0, false, 0], [0, true, 1], [1, false, 2], [1, true, 3]],
  );
  assertEquals(peer.connection.strayFrames, 2);
});

Deno.test("SETUP without Session after ANNOUNCE is for what was announced", () => {
  const peer = new Peer();
  peer.request("ANNOUNCE", URL, { "Content-Type": "application/sdp" }, ANNOUNCED);
  const headers = { Transport: `${TCP};mode=record` };
  assertEquals(peer.request("SETUP", `${URL}/streamid=0`, headers).status, 200);
  assertEquals(peer.sessions.size, 1);
});

Deno.test("SETUP without Session after two ANNOUNCEs is for the second", () => {
  const peer = new Peer();
  const type = { "Content-Type": "application/sdp" };
  peer.request("ANNOUNCE", URL, type, ANNOUNCED);
  peer.request("ANNOUNCE", "rtsp://h:8554/t", type, ANNOUNCED);
  const url = "rtsp://h:8554/t/streamid=0";
  assertEquals(peer.request("SETUP", url, { Transport: `${TCP};mode=record` }).status, 200);
});

Deno.test("an interleaved frame on a UDP session closes the connection (R116)", () => {
  const peer = new Peer();
  peer.request("PLAY", URL, peer.setUp(() => udp(5000)));
  peer.frame(0);
  assertEquals(peer.connection.closeReason?.message, "received unexpected interleaved frame");
});

Deno.test("a flood of frames for no channel closes the connection", () => {
  const peer = new Peer();
  peer.request("PLAY", URL, peer.setUp());
  for (let count = 0; count < 1000; count++) peer.frame(99);
  assertEquals(peer.connection.closeReason, undefined);
  peer.frame(99);
  assertEquals(peer.connection.closeReason?.code, "stray-frames");
});

Deno.test("reports of a player that pauses are its life sign, not strays (R087)", () => {
  const clock = new Clock();
  const peer = new Peer({ clock });
  const session = peer.setUp();
  peer.request("PLAY", URL, session);
  peer.request("PAUSE", URL, session);
  for (let count = 0; count < 1100; count++) {
    clock.ms += 5000;
    peer.frame(1);
    assertEquals(peer.sessions.tick(clock.ms), []);
  }
  assertEquals(peer.connection.closeReason, undefined);
  assertEquals(peer.request("PLAY", URL, session).status, 200);
  // Its channel of RTP is another matter.
  peer.request("PAUSE", URL, session);
  for (let count = 0; count <= 1000; count++) peer.frame(0);
  assertEquals(peer.connection.closeReason?.code, "stray-frames");
});

for (const [name, closes] of [["TCP", true], ["UDP", false]] as const) {
  Deno.test(`a publisher over ${name} without packets ends after ten seconds (R118)`, () => {
    const clock = new Clock();
    const peer = new Peer({ clock });
    const session = peer.announce((track) => name === "TCP" ? TCP : udp(5000 + 2 * track));
    clock.ms = 50_000;
    peer.request("RECORD", URL, session);
    clock.ms = 59_999;
    if (name === "TCP") peer.frame(0);
    else [...peer.sessions][0]!.notePacket(clock.ms);
    assertEquals(peer.sessions.tick(clock.ms + 9_999), []);
    const [end] = peer.sessions.tick(clock.ms + 10_000);
    assert(end?.type === "session-closed");
    assertEquals(end.reason, "media-timeout");
    assertEquals(peer.connection.closeReason !== undefined, closes);
  });
}

Deno.test("a publisher that drops its connection frees its place (R119)", () => {
  const peer = new Peer();
  peer.request("RECORD", URL, peer.announce());
  const [end] = peer.connection.end();
  assert(end?.type === "session-closed" && end.session.path === "/s");
  assertEquals(peer.sessions.size, 0);
});

Deno.test("PAUSE twice in record is fine (R122)", () => {
  const peer = new Peer();
  const session = peer.announce();
  for (const method of ["RECORD", "PAUSE", "PAUSE", "RECORD"]) {
    assertEquals(peer.request(method, URL, session).status, 200);
  }
});

Deno.test("a control connection that only waits is not closed while UDP records (R124)", () => {
  const clock = new Clock();
  const peer = new Peer({ clock });
  peer.request("RECORD", URL, peer.announce((track) => udp(5000 + 2 * track)));
  clock.ms = 3_600_000;
  assertEquals(peer.connection.tick(clock.ms), []);
  assertEquals(peer.connection.closeReason, undefined);
});

Deno.test("a connection that goes on with the session of another is not closed while it plays (R029, R124)", () => {
  const clock = new Clock();
  const sessions = registry();
  const first = new Peer({ clock, sessions });
  const session = first.setUp(() => udp(5000));
  first.request("PLAY", URL, session);
  first.connection.end();
  const second = new Peer({ clock, sessions });
  assertEquals(second.request("GET_PARAMETER", URL, session).status, 200);
  clock.ms = 120_000;
  assertEquals(second.connection.tick(clock.ms), []);
  assertEquals(second.connection.closeReason, undefined);
});

Deno.test("a session that does not flow ends with the last connection that used it (R026)", () => {
  const sessions = registry();
  const first = new Peer({ sessions });
  const session = first.setUp(() => udp(5000));
  const second = new Peer({ sessions });
  second.request("GET_PARAMETER", URL, session);
  assertEquals(first.connection.end(), []);
  assertEquals(second.connection.end().map(({ type }) => type), ["session-closed"]);
  assertEquals(sessions.size, 0);
});

Deno.test("closing a publisher's session closes its connection, so that it notices (R125)", () => {
  const sessions = registry();
  const old = new Peer({ sessions });
  old.request("RECORD", URL, old.announce());
  sessions.close([...sessions][0]!);
  assertEquals(old.connection.closeReason?.code, "closed");
});

Deno.test("a connection without a request, or long without, closes", () => {
  const silent = new Peer();
  assertEquals(silent.connection.tick(9_999), []);
  assertEquals(silent.connection.tick(10_000).map(({ type }) => type), ["close"]);
  const idle = new Peer();
  idle.request("OPTIONS");
  assertEquals(idle.connection.tick(59_999), []);
  assertEquals(idle.connection.tick(60_000).map(({ type }) => type), ["close"]);
});

Deno.test("another version gets 505, plain HTTP an HTTP 400 (R132)", () => {
  const peer = new Peer();
  const [response] = peer.push("OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n");
  assertEquals([response?.status, response?.headers.get("CSeq")], [505, "1"]);
  const http = new Peer();
  http.connection.receive(new RtspDecoder().push(utf8.encode("GET / HTTP/1.1\r\n\r\n")), 0);
  const [bytes] = http.connection.takeOutput();
  assertMatch(new TextDecoder().decode(bytes), /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert(http.connection.closeReason !== undefined);
});

Deno.test("a body that is too large gets 413, a URL that is too long 414 (R140)", () => {
  const [large] = new Peer().push("ANNOUNCE rtsp://h/s RTSP/1.0\r\nContent-Length: 999999\r\n\r\n");
  assertEquals(large?.status, 413);
  const [long] = new Peer().push(`DESCRIBE rtsp://h/${"x".repeat(2100)} RTSP/1.0\r\n\r\n`);
  assertEquals(long?.status, 414);
});

Deno.test("answers keep the order of the requests while one is decided", () => {
  const peer = new Peer({ manual: true });
  const one = (method: string) => ({ method, url: URL, headers: {} });
  assertEquals(peer.requests([one("DESCRIBE"), one("OPTIONS"), one("DESCRIBE")]), []);
  assert(peer.connection.busy);
  const [first] = peer.events.splice(0);
  assert(first?.type === "describe");
  peer.take(peer.connection.reject(first, 404));
  assertEquals(peer.output().map(({ status }) => status), [404, 200]);
  const second = peer.events.find(({ type }) => type === "describe") as RtspDescribeEvent;
  peer.take(peer.connection.acceptDescribe(second, { description: "x" }));
  assertEquals(peer.output().map(({ headers }) => headers.get("CSeq")), ["3"]);
  assertThrows(() => peer.connection.reject(second, 404), TypeError, "Cannot answer");
});

Deno.test("10 000 OPTIONS in one write are answered; behind an open question the connection closes", () => {
  const one = encodeRequest({ method: "OPTIONS", url: "*", headers: { CSeq: "1" } });
  const all = new Uint8Array(one.length * 10_000);
  for (let at = 0; at < 10_000; at++) all.set(one, at * one.length);
  assertEquals(new Peer().push(all).length, 10_000);
  const waiting = new Peer({ manual: true });
  waiting.ask("DESCRIBE");
  waiting.push(all);
  assertEquals(waiting.connection.closeReason?.code, "pipeline-overflow");
});

Deno.test("200 pipelined DESCRIBEs are all answered in order: 65 as asked, the others with 503", () => {
  const peer = new Peer({ manual: true });
  const requests = Array.from(
    { length: 200 },
    () => ({ method: "DESCRIBE", url: URL, headers: {} }),
  );
  const answers = peer.requests(requests);
  for (let at = 0; at < peer.events.length; at++) {
    const event = peer.events[at]!;
    if (event.type !== "describe") continue;
    peer.take(peer.connection.acceptDescribe(event, { description: "x" }));
    answers.push(...peer.output());
  }
  assertEquals(
    answers.map(({ headers }) => headers.get("CSeq")),
    requests.map((_, at) => `${at + 1}`),
  );
  const statuses = answers.map(({ status }) => status);
  assertEquals(statuses, requests.map((_, at) => at < 65 ? 200 : 503));
  assertEquals(
    answers.at(-1)?.reason,
    "Service Unavailable: over 64 requests before an answer",
  );
  assertEquals([peer.connection.closeReason, peer.connection.busy], [undefined, false]);
});

Deno.test("an answer after the client has gone does nothing", () => {
  const peer = new Peer({ manual: true });
  peer.ask("DESCRIBE");
  const event = peer.events[0] as RtspDescribeEvent;
  peer.connection.end();
  assertEquals(peer.connection.acceptDescribe(event, { description: "x" }), []);
  assertEquals(peer.connection.takeOutput(), []);
});

Deno.test("a session that ends while its PLAY is decided gets 454", () => {
  const sessions = registry();
  const peer = new Peer({ sessions });
  const session = peer.setUp(() => udp(5000));
  peer.request("PLAY", URL, session);
  const other = new Peer({ sessions, manual: true });
  other.ask("PLAY", session);
  const play = other.events.find(({ type }) => type === "play");
  assert(play?.type === "play");
  assertEquals(peer.request("TEARDOWN", URL, session).status, 200);
  other.take(other.connection.acceptPlay(play));
  assertEquals(other.output()[0]?.status, 454);
});

Deno.test("two SETUPs of one track that are decided at once give one track (CVE-2021-38380)", () => {
  const sessions = registry();
  const first = new Peer({ sessions });
  const session = first.setUp(() => udp(5000));
  const open = [udp(5002), udp(5004)].map((transport) => {
    const peer = new Peer({ sessions, manual: true });
    peer.ask("SETUP", { Transport: transport, ...session }, { url: `${URL}/trackID=1` });
    const event = peer.events.find(({ type }) => type === "setup");
    assert(event?.type === "setup");
    return { peer, event };
  });
  const statuses = open.map(({ peer, event }) => {
    peer.connection.acceptSetup(event);
    return peer.output()[0]?.status;
  });
  assertEquals(statuses, [200, 400]);
  assertEquals([...sessions][0]!.tracks.length, 2);
});

const SEQUENCES: [string, string[], number[]][] = [
  ["SETUP SETUP PLAY TEARDOWN", ["SETUP", "SETUP", "PLAY", "TEARDOWN"], [200, 400, 200, 200]],
  ["PLAY PLAY TEARDOWN PLAY", ["SETUP", "PLAY", "PLAY", "TEARDOWN", "PLAY"], [
    200,
    200,
    200,
    200,
    454,
  ]],
  ["ANNOUNCE TEARDOWN RECORD", ["ANNOUNCE", "TEARDOWN", "RECORD"], [200, 200, 454]],
  ["SETUP after TEARDOWN", ["SETUP", "TEARDOWN", "SETUP"], [200, 200, 454]],
  ["TEARDOWN TEARDOWN", ["SETUP", "TEARDOWN", "TEARDOWN"], [200, 200, 454]],
];
for (const [what, methods, statuses] of SEQUENCES) {
  Deno.test(`the sequence ${what} is answered ${statuses.join()} (CVE-2021-38380, CVE-2021-38381)`, () => {
    const peer = new Peer();
    let session: Record<string, string> = {};
    const seen = methods.map((method) => {
      const url = method === "SETUP" ? track0 : URL;
      const response = method === "ANNOUNCE"
        ? peer.request(method, url, { "Content-Type": "application/sdp" }, ANNOUNCED)
        : peer.request(method, url, { Transport: TCP, ...session });
      const id = response.headers.get("Session")?.split(";")[0];
      if (id !== undefined) session = { Session: id };
      return response.status;
    });
    assertEquals(seen, statuses);
  });
}

Deno.test("leaving out each header in turn gives a response, never an exception (CVE-2020-6095)", () => {
  const id = "0".repeat(32);
  const full: Record<string, string> = {
    CSeq: "1",
    Session: id,
    Transport: TCP,
    Range: "npt=0-",
    Accept: "application/sdp",
    "Content-Type": "application/sdp",
    "User-Agent": "x",
    Authorization: "Basic eDp5",
  };
  for (const method of RTSP_METHODS) {
    for (const left of [...Object.keys(full), ""]) {
      const peer = new Peer();
      const lines = Object.entries(full).filter(([name]) => name !== left)
        .map(([name, value]) => `${name}: ${value}\r\n`).join("");
      const [response] = peer.push(`${method} ${track0} RTSP/1.0\r\n${lines}\r\n`);
      assert(response !== undefined && response.status >= 200, `${method} without ${left}`);
    }
  }
});

Deno.test("a connection opens a bounded number of sessions", () => {
  const peer = new Peer();
  for (let count = 0; count < 16; count++) {
    const headers = { Transport: udp(5000 + 2 * count) };
    assertEquals(peer.request("SETUP", track0, headers).status, 200);
  }
  assertEquals(peer.request("SETUP", track0, { Transport: udp(6000) }).status, 503);
});

Deno.test("sessions and connections forget each other under churn (mediamtx#2784)", () => {
  const sessions = registry();
  for (let round = 0; round < 2000; round++) {
    const peer = new Peer({ sessions });
    const session = peer.setUp(() => round % 2 === 0 ? TCP : udp(5000));
    peer.request("PLAY", URL, session);
    if (round % 3 === 0) peer.request("TEARDOWN", URL, session);
    peer.connection.end();
    sessions.tick(round * 60_000);
  }
  sessions.tick(1e9);
  assertEquals(sessions.size, 0);
});

/** Players over UDP, each on a connection of its own that ends once it plays. */
function leave(sessions: RtspSessionRegistry, options: PeerOptions, port: number): number {
  const peer = new Peer({ ...options, sessions });
  assertEquals(peer.request("PLAY", URL, peer.setUp(() => udp(port))).status, 200);
  return peer.connection.end().length;
}

Deno.test("sessions over UDP outlive their connections within bounds by address and in all", () => {
  const sessions = registry(1, {
    maxDetached: 5,
    maxDetachedOf: (address) => address === "a" ? 3 : 9,
  });
  let port = 5000;
  const ended = (address: string, count: number) =>
    Array.from({ length: count }, () => leave(sessions, { address }, port += 2));
  assertEquals(ended("a", 5), [0, 0, 0, 1, 1]);
  assertEquals(ended("b", 3), [0, 0, 1]);
  assertEquals([sessions.size, sessions.detached], [5, 5]);
  // Room is made by the end of a session, and by a connection that goes on with it.
  const [first, second] = sessions;
  sessions.close(first!);
  const back = new Peer({ sessions, address: "a" });
  assertEquals(back.request("GET_PARAMETER", URL, { Session: second!.id }).status, 200);
  assertEquals(sessions.detached, 3);
  assertEquals(ended("b", 3), [0, 0, 1]);
  assertEquals(back.connection.end().length, 1, "its place is taken");
  sessions.tick(1e9);
  assertEquals([sessions.size, sessions.detached], [0, 0]);
});

Deno.test("addresses that count as one share the bound of sessions over UDP without connection", () => {
  const sessions = registry(1, {
    maxDetachedOf: () => 2,
    countedAs: (address) => address.split(":", 1)[0]!,
  });
  const left = ["net:1", "net:2", "net:3", "other:1"].map((address, index) =>
    leave(sessions, { address }, 5000 + 2 * index)
  );
  assertEquals(left, [0, 0, 1, 0]);
  // Room is made by the end of any of them.
  sessions.close([...sessions][1]!);
  assertEquals(leave(sessions, { address: "net:4" }, 5010), 0);
});

Deno.test("a session over UDP without connection ends in 15 s without a sign of its client, not before", () => {
  const sessions = registry();
  const clock = new Clock();
  clock.ms = 1000;
  assertEquals(leave(sessions, { clock }, 5000), 0);
  const [session] = sessions;
  assertEquals(sessions.tick(15_999), []);
  session!.noteActivity(15_999);
  assertEquals(sessions.tick(30_998), []);
  const back = new Peer({ sessions, clock });
  clock.ms = 30_998;
  assertEquals(back.request("GET_PARAMETER", URL, { Session: session!.id }).status, 200);
  assertEquals(sessions.tick(80_000), [], "with a connection it has the timeout that it was told");
  clock.ms = 85_000;
  back.connection.tick(clock.ms);
  assertEquals(back.connection.end(), []);
  assertEquals(sessions.tick(99_999).length, 1);
  assertEquals(sessions.size, 0);
});

Deno.test("client ports that are the server's own get 461, others of its address are taken", () => {
  const isOwnPort = ({ address, port }: { address: string; port: number }): boolean =>
    address === "192.0.2.1" && (port === 8000 || port === 8001);
  const transports = { udpPorts: [8000, 8001], isOwnPort } as const;
  const ask = (port: number, address = "192.0.2.1") =>
    new Peer({ transports, address }).request("SETUP", track0, { Transport: udp(port) });
  for (const port of [7999, 8000, 8001]) {
    const { status, reason } = ask(port);
    assertEquals(status, 461);
    assertEquals(
      reason,
      `Unsupported transport: client_port ${port}-${port + 1} is the server's own`,
    );
  }
  assertEquals(ask(8002).status, 200);
  assertEquals(ask(8000, "192.0.2.2").status, 200);
});

Deno.test("a session over UDP forgets the connections that only kept it alive", () => {
  const sessions = registry();
  const owner = new Peer({ sessions });
  const headers = owner.setUp(() => udp(5000));
  owner.request("PLAY", URL, headers);
  for (let round = 0; round < 10; round++) {
    const peer = new Peer({ sessions });
    assertEquals(peer.request("GET_PARAMETER", URL, headers).status, 200);
    peer.connection.end();
  }
  const [session] = tableOf(sessions).sessions.values();
  assertEquals(session!.connections.size, 1);
});

Deno.test("the table of transitions names every state, and leads only to states", () => {
  const states = Object.keys(RTSP_TRANSITIONS);
  assertEquals(states, ["initial", "ready-to-play", "playing", "ready-to-record", "recording"]);
  for (const transitions of Object.values(RTSP_TRANSITIONS)) {
    for (const target of Object.values(transitions)) assert(states.includes(target));
  }
});

function typesOf(events: readonly RtspServerEvent[]): string[] {
  return events.map(({ type }) => type);
}

Deno.test("a connection that is closed takes nothing more in", () => {
  const peer = new Peer();
  peer.push("RTSP/1.0 200 OK\r\n\r\n");
  const message = new RtspDecoder().push(utf8.encode("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"));
  assertEquals(typesOf(peer.connection.receive(message, 0)), []);
});

Deno.test("who is told why a session over UDP has ended has 3 s to ask, and keeps its connection for other sessions", () => {
  const why = "Not today";
  const ended = (hasOther: boolean) => {
    const peer = new Peer();
    const headers = peer.setUp(() => udp(20_000));
    if (hasOther) peer.setUp(() => udp(20_010));
    peer.request("PLAY", URL, headers);
    const session = peer.sessions.get(headers.Session!)!;
    assertEquals(peer.sessions.end(session, why).map(({ type }) => type), ["session-closed"]);
    assertEquals(peer.sessions.end(session, why), []);
    peer.clock.ms = 2999;
    assertEquals(peer.request("PAUSE", URL, headers).reason, `Session Not Found: ${why}`);
    assertEquals(peer.connection.tick(2999), []);
    return peer.connection.tick(3000).map(({ type }) => type);
  };
  assertEquals([ended(false), ended(true)], [["close"], []]);
});

Deno.test("a session over TCP that is ended takes its connection along", () => {
  const peer = new Peer();
  const session = peer.sessions.get(peer.setUp().Session!)!;
  peer.sessions.end(session, "Not today");
  assertEquals(peer.connection.closeReason?.code, "closed");
});

Deno.test("of sessions that have ended the last thousand are remembered, and why", () => {
  const sessions = registry();
  const ids: string[] = [];
  for (let number = 0; number < 1001; number++) {
    const peer = new Peer({ sessions });
    const { Session } = peer.setUp(() => udp(20_000));
    sessions.end(sessions.get(Session!)!, `${number}`);
    ids.push(Session!);
  }
  const peer = new Peer({ sessions });
  const reasons = [0, 1, 1000].map((number) =>
    peer.request("PAUSE", URL, { Session: ids[number]! }).reason
  );
  assertEquals(
    reasons,
    ["an unknown session", "1", "1000"].map((why) => `Session Not Found: ${why}`),
  );
});
