/** One desk for all doors: who is let in, and how those that are sent away are told, in their protocol's words. */
import { assert, assertEquals } from "@std/assert";
import { fixedUsers, type ServerOptions } from "../../mod.ts";
import type { Door } from "../../src/doors/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { parseRtcp } from "../../src/rtp/mod.ts";
import { buildAuthorization, parseChallenges, type RtspResponse } from "../../src/rtsp/mod.ts";
import { patiently } from "../support/patience.ts";
import { BODIES, RtmpClient, statusCode, statusDescription } from "../support/rtmp_client.ts";
import { audioPacket, RtspPeer, SDP } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A server with both doors, and RTP over UDP. */
async function bothDoors(options: ServerOptions = {}) {
  const weir = await TestServer.start({
    rtsp: LOCAL,
    rtp: LOCAL,
    timing: { closeMs: 200 },
    ...options,
  });
  const port = (wanted: string): number =>
    weir.server.addresses.find(({ protocol }) => protocol === wanted)!.port;
  return {
    weir,
    rtmp: port("rtmp"),
    rtsp: port("rtsp"),
    rtp: port("rtp"),
    [Symbol.asyncDispose]: () => weir[Symbol.asyncDispose](),
  };
}

const USERS = fixedUsers({ alice: "wonderland" });

/** Users by password, and one token. */
const AUTHENTICATE: NonNullable<NonNullable<ServerOptions["hooks"]>["authenticate"]> = (
  request,
) => {
  const { credentials } = request;
  if (credentials.kind !== "token") return USERS(request);
  return credentials.token === "right"
    ? { allow: { user: "bearer" } }
    : { challenge: "Wrong token" };
};

/** What comes of a publish over RTMP, whose key has this query. */
async function publishRtmp(port: number, query: string): Promise<string> {
  using client = await RtmpClient.open(port);
  await client.command("publish", { args: [`cam${query}`], streamId: await client.createStream() });
  const code = statusCode(await client.status("NetStream."));
  return code === "NetStream.Publish.Start"
    ? "in"
    : code === "NetStream.Publish.Denied"
    ? "out"
    : code!;
}

/** What comes of an ANNOUNCE with this query and header, and whether the connection is open still. */
async function publishRtsp(
  port: number,
  { query = "", authorization }: {
    readonly query?: string;
    readonly authorization?: (challenges: readonly string[], url: string) => string;
  },
): Promise<[string, boolean]> {
  using peer = await RtspPeer.dial(port);
  const url = `rtsp://127.0.0.1:${port}/live/cam${query}`;
  const announce = (headers: Record<string, string> = {}): Promise<RtspResponse> =>
    peer.request("ANNOUNCE", {
      url,
      headers: { "Content-Type": "application/sdp", ...headers },
      body: SDP,
    });
  let response = await announce();
  if (authorization !== undefined) {
    const challenges = response.headers.getAll("WWW-Authenticate");
    response = await announce({ Authorization: authorization(challenges, url) });
  }
  const result = response.status === 200 ? "in" : response.status === 401 ? "out" : "other";
  if (result === "out") {
    assert(response.headers.getAll("WWW-Authenticate").length > 0, "it is asked for credentials");
  }
  const after = await peer.request("OPTIONS").then(() => true, () => false);
  return [result, after];
}

function answered(username: string, password: string, scheme: "Digest" | "Basic") {
  return (challenges: readonly string[], url: string): string => {
    const offered = challenges.filter((challenge) => challenge.startsWith(scheme));
    const request = { method: "ANNOUNCE", url, credentials: { username, password } };
    return buildAuthorization(parseChallenges(offered), request)!;
  };
}

Deno.test("RTMP and RTSP decide alike who is let in, whatever way it is shown", async () => {
  await using doors = await bothDoors({
    hooks: { authenticate: AUTHENTICATE },
    hub: { lingerMs: 0 },
    rtmpAskAtConnect: false,
  });
  const right = "?user=alice&pass=wonderland";
  const queries: readonly (readonly [string, string])[] = [
    ["", "out"],
    ["?user=alice&pass=looking-glass", "out"],
    ["?user=constructor&pass=", "out"],
    ["?token=wrong", "out"],
    [right, "in"],
    ["?token=right", "in"],
  ];
  for (const [query, result] of queries) {
    assertEquals(await publishRtmp(doors.rtmp, query), result, `rtmp ${query}`);
    assertEquals(await publishRtsp(doors.rtsp, { query }), [result, true], `rtsp ${query}`);
    await doors.weir.quiet();
    await until(() => !doors.weir.server.stream("live/cam").isLive);
  }
});

Deno.test("RTSP takes Basic and Digest, and asks whose are wrong again", async () => {
  await using doors = await bothDoors({ hooks: { authenticate: AUTHENTICATE } });
  const { rtsp } = doors;
  for (const scheme of ["Basic", "Digest"] as const) {
    const authorization = answered("alice", "wonderland", scheme);
    assertEquals(await publishRtsp(rtsp, { authorization }), ["in", true], scheme);
    for (const [user, pass] of [["alice", "no"], ["bob", "wonderland"], ["toString", ""]]) {
      const authorization = answered(user!, pass!, scheme);
      assertEquals((await publishRtsp(rtsp, { authorization }))[0], "out", `${scheme} ${user}`);
    }
  }
});

Deno.test("a bearer's token is judged, and a wrong one gets a challenge on the same connection", async () => {
  await using doors = await bothDoors({ hooks: { authenticate: AUTHENTICATE } });
  const bearer = (token: string) => () => `Bearer ${token}`;
  assertEquals(await publishRtsp(doors.rtsp, { authorization: bearer("right") }), ["in", true]);
  assertEquals(await publishRtsp(doors.rtsp, { authorization: bearer("wrong") }), ["out", true]);
});

Deno.test("who keeps only a hash of a password has it verify Digest", async () => {
  const ha1 = "3f7f1ad8f6ce1ac8b1de2f0ae7b1f3d8";
  const shown: boolean[] = [];
  await using doors = await bothDoors({
    hooks: {
      authenticate: ({ credentials }) => {
        if (credentials.kind !== "digest") return { challenge: "Who is it?" };
        shown.push(credentials.verify({ ha1 }), credentials.verify({ ha1: md5OfAlice() }));
        return shown.at(-1) ? { allow: { user: "alice" } } : { challenge: "Wrong" };
      },
    },
  });
  const authorization = answered("alice", "wonderland", "Digest");
  assertEquals(await publishRtsp(doors.rtsp, { authorization }), ["in", true]);
  assertEquals(shown, [false, true]);
});

/** MD5 of `alice:weir:wonderland`: `printf 'alice:weir:wonderland' | md5sum`. */
function md5OfAlice(): string {
  return "08f5a7c16a8746f97cdfdb1c59ad00cc";
}

Deno.test("three wrong answers close an RTMP connection, which is told why", async () => {
  await using doors = await bothDoors({
    hooks: { authenticate: AUTHENTICATE },
    rtmpAskAtConnect: false,
  });
  using client = await RtmpClient.open(doors.rtmp);
  const streamId = await client.createStream();
  for (let tries = 0; tries < 3; tries++) {
    await client.command("publish", { args: [`cam?user=alice&pass=${tries}`], streamId });
    assertEquals(
      statusCode(await client.status("NetStream.")),
      "NetStream.Publish.Denied",
    );
  }
  assertEquals(await client.drain(), []);
  await doors.weir.log.closed("wrong-credentials");
  assertEquals(doors.weir.server.snapshot().refused.wrongCredentials, 3);
});

/** A pair of neighbouring UDP ports, the first even; what comes to the second. */
class RtcpPeer implements Disposable {
  readonly #rtp: Deno.DatagramConn;
  readonly #rtcp: Deno.DatagramConn;
  readonly ports: string;

  constructor() {
    for (let port = 20_000;; port += 2) {
      const rtp = bind(port);
      const rtcp = rtp && bind(port + 1);
      if (rtp !== undefined && rtcp !== undefined) {
        [this.#rtp, this.#rtcp] = [rtp, rtcp];
        this.ports = `${port}-${port + 1}`;
        return;
      }
      rtp?.close();
    }
  }

  async send(bytes: Uint8Array, port: number): Promise<void> {
    await this.#rtp.send(bytes, { transport: "udp", hostname: "127.0.0.1", port });
  }

  /** Resolves when a good-bye has come. */
  async goodbye(): Promise<void> {
    for (;;) {
      const [bytes] = await patiently(this.#rtcp.receive());
      if (isGoodbye(bytes)) return;
    }
  }

  [Symbol.dispose](): void {
    this.#rtp.close();
    this.#rtcp.close();
  }
}

function bind(port: number): Deno.DatagramConn | undefined {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}

function isGoodbye(bytes: Uint8Array): boolean {
  return parseRtcp(bytes).some(({ type }) => type === "goodbye");
}

/** Reads interleaved frames up to a good-bye. */
async function interleavedGoodbye(peer: RtspPeer): Promise<void> {
  for (;;) {
    const { channel, payload } = await peer.nextFrame();
    if (channel === 1 && isGoodbye(payload)) return;
  }
}

/** Sets up and plays; returns the `Session` header. */
async function playRtsp(peer: RtspPeer, port: number, transport: string) {
  const url = `rtsp://127.0.0.1:${port}/live/cam`;
  const setUp = await peer.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: transport },
  });
  assertEquals(setUp.status, 200);
  const session = { Session: setUp.headers.get("Session")!.split(";")[0]! };
  assertEquals((await peer.request("PLAY", { url, headers: session })).status, 200);
  return session;
}

const TCP = "RTP/AVP/TCP;unicast;interleaved=0-1";

/** The ways to send a publisher or player away; each takes the connection number `0`. */
const WAYS: Readonly<Record<string, (weir: TestServer, action: "publish" | "play") => void>> = {
  "its ticket": ({ server }, action) => {
    const ticket = server.tickets.values().find(({ info }) => info.action === action)!;
    ticket.kick("Not today");
  },
  "its connection": ({ server }, action) => {
    const { info } = server.tickets.values().find(({ info }) => info.action === action)!;
    server.connections.find(({ id }) => id === info.connection)!.kick("Not today");
  },
};

const PUBLISHER_WAYS: typeof WAYS = {
  ...WAYS,
  "the name of its stream": ({ server }) => {
    assertEquals(server.stream("live/cam").unpublish("Not today"), true);
    assertEquals(server.stream("live/cam").unpublish("Not today"), false);
  },
};

for (const [way, sendAway] of Object.entries(PUBLISHER_WAYS)) {
  Deno.test(`publishers that are sent away by ${way} are told so, over RTMP and RTSP, over TCP and UDP`, async () => {
    const ends: string[] = [];
    await using doors = await bothDoors({
      hub: { lingerMs: 0 },
      hooks: { onPublishEnd: (_, { reason }) => void ends.push(reason) },
    });
    const { weir } = doors;
    using rtmp = await RtmpClient.publisher(doors.rtmp, "cam");
    sendAway(weir, "publish");
    const told = await rtmp.status("NetStream.");
    assertEquals([statusCode(told), statusDescription(told)], [
      "NetStream.Publish.BadName",
      "Not today",
    ]);
    assertEquals(await rtmp.drain(), []);
    await weir.quiet();

    using tcp = await RtspPeer.dial(doors.rtsp);
    await tcp.record();
    sendAway(weir, "publish");
    await interleavedGoodbye(tcp);
    await tcp.rest();
    await weir.quiet();

    using udp = await RtspPeer.dial(doors.rtsp);
    using media = new RtcpPeer();
    const session = await udp.announce(`RTP/AVP;unicast;client_port=${media.ports}`);
    assertEquals((await udp.request("RECORD", { headers: session })).status, 200);
    await media.send(audioPacket(0), doors.rtp);
    sendAway(weir, "publish");
    await media.goodbye();
    assertEquals(weir.server.rtspSessionCount, 0);
    assertEquals([...weir.server.tickets], []);
    using other = await RtspPeer.dial(doors.rtsp);
    assertEquals((await other.request("RECORD", { headers: session })).status, 454, "it is gone");
    assertEquals(ends, ["kicked", "kicked", "kicked"]);
  });
}

for (const [way, sendAway] of Object.entries(WAYS)) {
  Deno.test(`players that are sent away by ${way} are told so, over RTMP and RTSP, over TCP and UDP`, async () => {
    const ends: string[] = [];
    await using doors = await bothDoors({
      hooks: { onPlayEnd: ({ connection }) => void ends.push(connection.protocol) },
    });
    const { weir } = doors;
    using publisher = await RtspPeer.dial(doors.rtsp);
    await publisher.record();
    await publisher.frame(0, audioPacket(0));

    using rtmp = await RtmpClient.player(doors.rtmp, "cam");
    await until(() => weir.server.tickets.size === 2);
    sendAway(weir, "play");
    const told = await rtmp.status("NetStream.Play.Failed");
    assertEquals(statusDescription(told), "Not today");
    await rtmp.drain();
    await until(() => weir.server.connectionCount === 1);

    using tcp = await RtspPeer.dial(doors.rtsp);
    await playRtsp(tcp, doors.rtsp, TCP);
    sendAway(weir, "play");
    await interleavedGoodbye(tcp);
    await tcp.rest();
    await until(() => weir.server.connectionCount === 1);

    using udp = await RtspPeer.dial(doors.rtsp);
    using media = new RtcpPeer();
    const session = await playRtsp(udp, doors.rtsp, `RTP/AVP;unicast;client_port=${media.ports}`);
    sendAway(weir, "play");
    await media.goodbye();
    assertEquals([weir.server.rtspSessionCount, weir.server.tickets.size], [1, 1]);
    using other = await RtspPeer.dial(doors.rtsp);
    assertEquals((await other.request("PLAY", { headers: session })).status, 454, "it is gone");
    assertEquals(ends, ["rtmp", "rtsp", "rtsp"]);
    assert(weir.server.stream("live/cam").isLive, "its publisher stays");
  });
}

Deno.test("players that wait are told why they are sent away, over RTMP and RTSP", async () => {
  await using doors = await bothDoors();
  const { server } = doors.weir;
  const kickWaiting = async (): Promise<void> => {
    await until(() => server.tickets.values().some(({ info }) => info.state === "waiting"));
    for (const ticket of server.tickets.values()) ticket.kick("Not today");
  };
  using rtmp = await RtmpClient.open(doors.rtmp);
  await rtmp.command("play", { args: ["cam"], streamId: await rtmp.createStream() });
  await kickWaiting();
  assertEquals(statusDescription(await rtmp.status("NetStream.Play.Failed")), "Not today");
  await rtmp.drain();
  using rtsp = await RtspPeer.dial(doors.rtsp);
  await rtsp.send(rtsp.encode("DESCRIBE"));
  await kickWaiting();
  const response = await rtsp.response();
  assertEquals([response.status, response.reason], [403, "Forbidden: Not today"]);
  await rtsp.rest();
  await doors.weir.quiet();
  assertEquals(server.tickets.size, 0);
});

Deno.test("a session over UDP whose connection has gone before it plays is played by another as by a newcomer", async () => {
  const heard: string[] = [];
  await using doors = await bothDoors({
    hooks: {
      onPlayStart: () => void heard.push("play"),
      onPlayEnd: () => void heard.push("stop"),
    },
  });
  const { server } = doors.weir;
  using publisher = await RtspPeer.dial(doors.rtsp);
  await publisher.record();
  await publisher.frame(0, audioPacket(0));
  const url = `rtsp://127.0.0.1:${doors.rtsp}/live/cam`;
  using first = await RtspPeer.dial(doors.rtsp);
  const setUp = await first.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: "RTP/AVP;unicast;client_port=21000-21001" },
  });
  const session = { Session: setUp.headers.get("Session")!.split(";")[0]! };
  using second = await RtspPeer.dial(doors.rtsp);
  assertEquals((await second.request("GET_PARAMETER", { url, headers: session })).status, 200);
  first.close();
  await until(() => server.connectionCount === 2 && server.tickets.size === 1);
  assertEquals((await second.request("PLAY", { url, headers: session })).status, 200);
  assertEquals([server.rtspSessionCount, server.tickets.size, heard], [2, 2, ["play"]]);
  assertEquals((await second.request("TEARDOWN", { url, headers: session })).status, 200);
  await until(() => server.tickets.size === 1);
  assertEquals(heard, ["play", "stop"]);
});

Deno.test("publishers that announce and never record leave no ticket behind", async () => {
  await using doors = await bothDoors();
  using peer = await RtspPeer.dial(doors.rtsp);
  for (let times = 0; times < 5; times++) {
    const session = await peer.announce(TCP);
    assertEquals(doors.weir.server.tickets.size, 1);
    assertEquals((await peer.request("TEARDOWN", { headers: session })).status, 200);
    assertEquals(doors.weir.server.tickets.size, 0);
  }
});

const AUDIO: MediaUnit = {
  kind: "audio",
  role: "media",
  track: 0,
  dtsUs: 0,
  ptsUs: 0,
  keyFrame: true,
  discardable: true,
  payload: { format: "flv", body: new Uint8Array([0x2f, 1, 2]) },
};

Deno.test("a program's publishing and playing is heard by hooks, seen in the snapshot, and can be sent away", async () => {
  const heard: string[] = [];
  await using weir = await TestServer.start({
    hooks: {
      authenticate: () => ({ refuse: "No" }),
      onPublishStart: ({ name }) => void heard.push(`publish ${name}`),
      onUnit: ({ name }) => void heard.push(`unit ${name}`),
      onPublishEnd: ({ units }, { reason }) => void heard.push(`unpublish ${units} ${reason}`),
      onPlayStart: ({ name }) => void heard.push(`play ${name}`),
      onPlayEnd: ({ name }) => void heard.push(`stop ${name}`),
    },
  });
  const { server } = weir;
  const reader = server.stream("live/program").units().getReader();
  const feed = new TransformStream<MediaUnit, MediaUnit>();
  const writer = feed.writable.getWriter();
  const publishing = server.publish("live/program", feed.readable);
  await writer.write(AUDIO);
  assertEquals((await patiently(reader.read())).done, false);
  assertEquals(
    server.snapshot().tickets.map(({ action, protocol, state }) => [action, protocol, state]),
    [["play", "program", "live"], ["publish", "program", "live"]],
  );
  for (const ticket of server.tickets.values()) ticket.kick("Not today");
  await publishing;
  assertEquals((await patiently(reader.read())).done, true);
  assertEquals(server.snapshot().tickets, []);
  assertEquals(heard, [
    "play live/program",
    "publish live/program",
    "unit live/program",
    "stop live/program",
    "unpublish 1 kicked",
  ]);
});

Deno.test("a door that does not say that its client has left leaves nothing behind", async () => {
  const heard: string[] = [];
  for (const fails of [false, true]) {
    const door: Door = {
      protocols: ["own"],
      addresses: [],
      open: () => Promise.resolve(),
      tick: () => {},
      close: () => Promise.resolve(),
      serve: (_shell, { guest }) => ({
        finished: (async () => {
          await guest.enter();
          await guest.publish({ name: "live/cam" });
          if (fails) throw new Error("a mistake");
          return { clean: true, reason: "closed", message: "" };
        })(),
        bytesReceived: 0,
        bytesSent: 0,
        heldBytes: 0,
        hasRole: false,
        tick: () => {},
        shed: () => {},
        kick: () => {},
        stop: () => {},
      }),
    };
    await using weir = await TestServer.start({
      doors: [door],
      hooks: { onDisconnect: (_, { reason }) => void heard.push(reason) },
    });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const serving = weir.server.serve("own", { readable, writable, remoteAddress: "192.0.2.7" });
    await serving.catch(() => {});
    assertEquals([weir.server.tickets.size, weir.server.connectionCount], [0, 0]);
  }
  assertEquals(heard, ["closed", "internal"]);
});

Deno.test("a program whose units cannot be read leaves no ticket behind", async () => {
  await using weir = await TestServer.start();
  const units = new ReadableStream<MediaUnit>();
  units.getReader();
  const failed = await weir.server.publish("live/cam", units).then(() => "", (error) => error.name);
  assertEquals([failed, weir.server.snapshot().tickets], ["TypeError", []]);
});

Deno.test("an async hook that rejects costs nothing but its line in the log", async () => {
  const weir = await TestServer.start({
    hooks: {
      onPublishStart: async () => {
        await null;
        throw new Error("the data base is gone");
      },
    },
  });
  await using server = weir.server;
  using client = await RtmpClient.publisher(weir.port, "cam");
  await client.media("video", 0, BODIES.key(0));
  const { fields } = await weir.log.line(({ message }) => message === "a hook failed");
  assertEquals(fields.error, "Error: the data base is gone");
  using _player = await RtmpClient.player(weir.port, "cam");
  assertEquals(server.connectionCount, 2);
});

Deno.test("players that wait for what nobody publishes keep no publisher out", async () => {
  await using weir = await TestServer.start({
    hub: { maxStreams: 48 },
    maxWaitedNamesPerAddress: 48,
  });
  const idle: RtmpClient[] = [];
  for (let number = 0; number < 3; number++) {
    const client = await RtmpClient.open(weir.port);
    idle.push(client);
    for (let stream = 0; stream < 16; stream++) {
      const streamId = await client.createStream();
      await client.command("play", { args: [`no-${number}-${stream}`], streamId });
    }
  }
  await until(() => weir.server.streams.length === 48);
  using _publisher = await RtmpClient.publisher(weir.port, "cam");
  using more = await RtmpClient.open(weir.port);
  await more.command("play", { args: ["no-more"], streamId: await more.createStream() });
  const refused = await more.status("NetStream.Play.");
  assertEquals(statusCode(refused), "NetStream.Play.Failed");
  assertEquals(statusDescription(refused), "Players of this address wait for 48 streams already");
  for (const client of idle) client.close();
});
