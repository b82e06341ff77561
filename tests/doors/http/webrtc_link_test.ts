import { assertEquals } from "@std/assert";
import { type LinkPort, WebRtcLink } from "../../../src/doors/http/webrtc/webrtc_link.ts";
import { SRTP_PROFILES } from "../../../src/rtp/mod.ts";
import { buildStunRequest, DtlsServer, parseStunRequest } from "../../../src/webrtc/mod.ts";
import { TurnedClock } from "../../support/turned_clock.ts";
import { DtlsTestClient } from "../../webrtc/dtls_client.ts";
import { newIdentity, random } from "../../webrtc/dtls_peer.ts";

const PEER = { hostname: "192.0.2.7", port: 5000 };

/** A link whose peer is the test. */
function link({ beginsDtls = false } = {}) {
  const clock = new TurnedClock();
  const identity = newIdentity();
  const sent: Uint8Array[] = [];
  const admitted = new Set<string>();
  const port: LinkPort = {
    port: 1,
    send: (bytes) => (sent.push(bytes), Promise.resolve()),
    sendRun: (run) => {
      for (const bytes of run) void port.send(bytes, { hostname: "", port: 0 });
      return undefined;
    },
    admit: ({ port }) => void admitted.add(String(port)),
    dismiss: ({ port }) => void admitted.delete(String(port)),
  };
  const own = newIdentity();
  const made = new WebRtcLink({
    identity: own,
    fingerprints: [identity.fingerprint],
    credentials: { fragment: "here", password: "secret" },
    beginsDtls,
    remoteAddress: PEER.hostname,
    clock,
    random,
  });
  const ends: string[] = [];
  let connected = 0;
  made.owner = {
    connected: () => void connected++,
    takeRtp: () => {},
    takeRtcp: () => {},
    ended: ({ reason }) => void ends.push(reason),
  };
  const stun = (from = PEER, password = "secret"): boolean => {
    const bytes = buildStunRequest({ transactionId: random(12), username: "here:there", password });
    return made.takeStun(parseStunRequest(bytes)!, { peer: from, port });
  };
  /** Shakes hands as far as it goes. */
  const shake = (options: ConstructorParameters<typeof DtlsTestClient>[1] = {}): DtlsTestClient => {
    const client = new DtlsTestClient(identity, options);
    for (let turn = 0; turn < 4; turn++) {
      const output = client.output.splice(0);
      sent.length = 0;
      for (const datagram of output) made.take(datagram);
      for (const datagram of sent) if (datagram[0]! >= 20) client.receive(datagram);
    }
    return client;
  };
  /** Answers, where the link begins. */
  const answer = (): DtlsServer => {
    const fingerprints = [own.fingerprint];
    const server = new DtlsServer({ identity, fingerprints, srtpProfiles: SRTP_PROFILES, random });
    for (let turn = 0; turn < 4; turn++) {
      for (const datagram of sent.splice(0)) if (datagram[0]! >= 20) server.receive(datagram, 0);
      for (const datagram of server.takeOutput()) made.take(datagram);
    }
    return server;
  };
  const advance = (ms: number): void => {
    clock.turn(ms);
    made.tick();
  };
  return {
    made,
    sent,
    ends,
    stun,
    shake,
    answer,
    advance,
    admitted,
    connectedTimes: () => connected,
  };
}

Deno.test("a link whose peer waits for DTLS begins it, once the peer has proved to be there", () => {
  const waiting = link({ beginsDtls: true });
  waiting.advance(500);
  assertEquals(waiting.sent, []);
  assertEquals(waiting.stun(PEER, "wrong"), false);
  assertEquals(waiting.sent, []);
  assertEquals(waiting.stun(), true);
  const server = waiting.answer();
  assertEquals([server.state, waiting.connectedTimes()], ["connected", 1]);
  server.close();
  for (const datagram of server.takeOutput()) waiting.made.take(datagram);
  assertEquals(waiting.ends, ["closed"]);
});

Deno.test("a link that nobody reaches ends after 10 s, and so does one whose handshake is not finished", () => {
  const alone = link();
  alone.advance(9_999);
  assertEquals(alone.ends, []);
  alone.advance(1);
  assertEquals(alone.ends, ["setup-timeout"]);
  const slow = link();
  assertEquals(slow.stun(), true);
  slow.made.take(new DtlsTestClient(newIdentity()).output[0]!);
  for (let s = 0; s < 10; s++) slow.advance(1000);
  assertEquals(slow.ends, ["setup-timeout"]);
  assertEquals(slow.admitted.size, 0);
});

Deno.test("a link lives for as long as its peer asks for consent, and ends 20 s after", () => {
  const { stun, shake, ends, advance, connectedTimes } = link();
  stun();
  assertEquals(shake().keys !== undefined, true);
  assertEquals(connectedTimes(), 1);
  for (let s = 0; s < 60; s += 5) {
    advance(5000);
    assertEquals(stun({ ...PEER, port: 6000 }, "wrong"), false);
    stun();
  }
  assertEquals(ends, []);
  advance(19_999);
  assertEquals(ends, []);
  advance(1);
  assertEquals(ends, ["idle-timeout"]);
});

Deno.test("a client that shows a certificate and has not its key is refused", () => {
  const { stun, shake, ends, connectedTimes } = link();
  stun();
  const { keys, isClosed } = shake({
    changeSignature: (signature) => (signature[signature.length - 1]! ^= 1, signature),
  });
  assertEquals([keys, isClosed, ends, connectedTimes()], [undefined, true, ["dtls"], 0]);
});

Deno.test("a link knows a bounded number of addresses of its peer, and never forgets the one in use", () => {
  const { stun, shake, admitted, connectedTimes } = link();
  for (let port = 1; port <= 100; port++) stun({ ...PEER, port });
  assertEquals(admitted.size, 16);
  // Each request that nominates is of the way in use: the last of these.
  shake();
  assertEquals(connectedTimes(), 1);
});
