/**
 * The rows of the list of threats that concern RTSP, RTP and SDP. Beside each attacker stand a publisher
 * and a player who lose nothing.
 */
import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { LogRecord } from "@std/log/logger";
import { textLine } from "../../src/cli/log_lines.ts";
import { fixedUsers } from "../../mod.ts";
import { encodeInterleavedFrame, formatAuthorization } from "../../src/rtsp/mod.ts";
import { silentLog } from "../../src/log/server_log.ts";
import { audioPacket, RtspPeer, SDP, UdpPeer } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TCP = "RTP/AVP/TCP;unicast;interleaved=0-1";
const ASCII = new TextEncoder();

/** A publisher of `live/cam` and a player of it. */
class Bystanders implements Disposable {
  readonly #publisher: RtspPeer;
  readonly #player: RtspPeer;
  #number = 0;

  private constructor(publisher: RtspPeer, player: RtspPeer) {
    this.#publisher = publisher;
    this.#player = player;
  }

  static async start(port: number, headers: Record<string, string> = {}): Promise<Bystanders> {
    const publisher = await RtspPeer.dial(port);
    await publisher.record();
    const player = await RtspPeer.dial(port);
    const session = await setUp(player, `rtsp://127.0.0.1:${port}/live/cam`);
    assertEquals(
      (await player.request("PLAY", { headers: { ...headers, ...session } })).status,
      200,
    );
    return new Bystanders(publisher, player);
  }

  /** Sends packets, and asserts that each arrives. */
  async flow(count = 10, options: { readonly bytes?: number } = {}): Promise<void> {
    const { bytes = 0 } = options;
    for (let sent = 0; sent < count; sent++) {
      const packet = audioPacket(++this.#number);
      await this.#publisher.frame(0, concat([packet, new Uint8Array(bytes)]));
      let frame = await this.#player.nextFrame();
      while (frame.channel !== 0) frame = await this.#player.nextFrame();
      assertEquals(frame.payload[12], this.#number & 0xff, "nothing is lost, nothing is added");
    }
  }

  [Symbol.dispose](): void {
    this.#publisher.close();
    this.#player.close();
  }
}

async function setUp(
  peer: RtspPeer,
  url: string,
  transport = TCP,
): Promise<Record<string, string>> {
  const { status, headers } = await peer.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: transport },
  });
  assertEquals(status, 200);
  return { Session: headers.get("Session")!.split(";")[0]! };
}

interface Scene {
  readonly weir: TestServer;
  readonly bystanders: Bystanders;
  /** The URL of a stream. */
  url(name: string): string;
  /** Connects. */
  dial(): Promise<RtspPeer>;
}

type Options = Parameters<typeof TestServer.start>[0];

/** Runs `attack` beside bystanders; nothing of it may remain, not even a timer. */
function threat(
  name: string,
  attack: (scene: Scene) => Promise<void>,
  options: Options = {},
): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      await using weir = await TestServer.start({
        rtmp: false,
        rtsp: LOCAL,
        rtp: LOCAL,
        ...options,
        timing: { closeMs: 100, describeWaitMs: 100, ...options?.timing },
      });
      {
        using bystanders = await Bystanders.start(weir.port);
        await bystanders.flow();
        using peers = new DisposableStack();
        await attack({
          weir,
          bystanders,
          url: (stream) => `rtsp://127.0.0.1:${weir.port}/${stream}`,
          dial: async () => peers.use(await RtspPeer.dial(weir.port)),
        });
        await bystanders.flow();
      }
      await weir.quiet();
      await until(() => weir.server.streams.length === 0);
    },
  });
}

const HUB = { lingerMs: 0 } as const;

threat("a client that onConnect refused stays refused: its connection is closed", async (scene) => {
  const peer = await scene.dial();
  const headers = { "User-Agent": "thief" };
  await peer.send(peer.encode("DESCRIBE", { headers }));
  await peer.send(peer.encode("DESCRIBE", { headers }));
  assertEquals((await peer.response()).status, 403);
  assertEquals(await peer.message(), undefined);
}, {
  hub: HUB,
  hooks: { onConnect: ({ userAgent }) => userAgent === "thief" ? { refuse: "No" } : undefined },
});

threat(
  "a user name that nobody verified takes over nobody's stream",
  async ({ weir, dial, url }) => {
    const publication = weir.server.hub.acquire("live/mine", { identity: "192.0.2.7" });
    using _ = { [Symbol.dispose]: () => publication.release() };
    const thief = await dial();
    const name = { scheme: "basic", username: "192.0.2.7", password: "" } as const;
    const session = await announce(thief, url("live/mine"), {
      headers: { Authorization: formatAuthorization(name) },
    });
    const { status } = await thief.request("RECORD", { url: url("live/mine"), headers: session });
    assertEquals(status, 403);
    assertEquals(weir.server.hub.get("live/mine")?.publication, publication);
  },
  { hub: { ...HUB, silentMs: 60_000 } },
);

const KNOWN_USERS = fixedUsers({ ann: "ann's", eve: "eve's" });
const AS = (username: string): Record<string, string> => ({
  Authorization: formatAuthorization({ scheme: "basic", username, password: `${username}'s` }),
});

threat("a session of one user is closed to another one of the same address", async (scene) => {
  const { dial, url } = scene;
  const at = url("private/cam");
  const publisher = await dial();
  const recording = await announce(publisher, at, { headers: AS("ann") });
  assertEquals((await publisher.request("RECORD", { url: at, headers: recording })).status, 200);
  const ann = await dial();
  using udp = new UdpPeer();
  const setUpAnn = await ann.request("SETUP", {
    url: `${at}/trackID=0`,
    headers: { ...AS("ann"), Transport: `RTP/AVP;unicast;client_port=${udp.ports}` },
  });
  assertEquals(setUpAnn.status, 200);
  const session = { Session: setUpAnn.headers.get("Session")!.split(";")[0]! };
  for (const method of ["PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SETUP", "OPTIONS"]) {
    const target = method === "SETUP" ? `${at}/trackID=0` : at;
    const eve = await dial();
    const anonymous = await eve.request(method, {
      url: target,
      headers: { ...session, Transport: TCP },
    });
    assertEquals(anonymous.status, 401, method);
    const other = await eve.request(method, {
      url: target,
      headers: { ...session, ...AS("eve"), Transport: TCP },
    });
    assertEquals(other.status, 400, method);
  }
  assertEquals((await ann.request("PLAY", { url: at, headers: session })).status, 200);
  assertEquals((await ann.request("TEARDOWN", { url: at, headers: session })).status, 200);
}, {
  hub: HUB,
  hooks: {
    authenticate: (request) =>
      request.name === "live/cam" ? { allow: "anonymous" } : KNOWN_USERS(request),
  },
});

const hanging = new Set<string>();
const disconnected: (string | undefined)[] = [];

threat("a hook that never answers keeps no connection whose client has left", async (scene) => {
  const { weir, dial, url } = scene;
  const agents = ["onConnect", "onPublish"];
  for (const agent of agents) {
    const peer = await dial();
    await peer.send(peer.encode("ANNOUNCE", {
      url: url("live/hang"),
      headers: { "Content-Type": "application/sdp", "User-Agent": agent },
      body: SDP,
    }));
    await until(() => hanging.has(agent));
    peer.close();
  }
  await until(() => weir.server.connectionCount === 2);
  assertEquals(disconnected.toSorted(), agents, "each is told of once");
}, {
  hub: HUB,
  timing: { hookMs: 300 },
  hooks: {
    onConnect: ({ userAgent }) => userAgent === "onConnect" ? hang(userAgent) : undefined,
    onPublish: ({ connection: { userAgent } }) => userAgent === "" ? undefined : hang(userAgent),
    onDisconnect: ({ userAgent }) => void (userAgent === "" || disconnected.push(userAgent)),
  },
});

function hang(where: string): Promise<void> {
  hanging.add(where);
  return new Promise(() => {});
}

threat("hooks that throw refuse, and harm nobody", async ({ dial, url }) => {
  for (const agent of ["onConnect", "authenticate", "onPublish"]) {
    const peer = await dial();
    const { status } = await peer.request("ANNOUNCE", {
      url: url("live/other"),
      headers: { "Content-Type": "application/sdp", "User-Agent": agent },
      body: SDP,
    });
    assertEquals(status, 403, agent);
  }
}, {
  hub: HUB,
  log: silentLog,
  hooks: {
    onConnect: ({ userAgent }) => throwFor("onConnect", userAgent),
    authenticate: ({ connection }) => {
      throwFor("authenticate", connection.userAgent);
      return { allow: "anonymous" };
    },
    onPublish: ({ connection }) => throwFor("onPublish", connection.userAgent),
    onPublishStart: () => throwFor("", ""),
    onPlayStart: () => throwFor("", ""),
    onUnit: () => throwFor("", ""),
    onPublishEnd: () => throwFor("", ""),
    onPlayEnd: () => throwFor("", ""),
    onDisconnect: () => throwFor("", ""),
  },
});

function throwFor(where: string, agent: string): undefined {
  if (where === agent) throw new Error("the data base is gone");
}

/** What the buffers of sockets hold is below. */
const MOST_SENT = 16 * 1024 * 1024;

threat("who asks on and reads no answer is not read, and then closed", async ({ weir, dial }) => {
  const peer = await dial();
  const piece = ASCII.encode("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(2000));
  let sent = 0;
  try {
    for (; sent < MOST_SENT; sent += piece.length) await peer.send(piece);
  } catch {
    // Closed, as it should be.
  }
  assert(sent < MOST_SENT, `${sent} bytes were taken`);
  await weir.log.line(({ fields }) => fields.reason === "write-timeout");
}, { hub: HUB, timing: { writeStallMs: 1500 } });

threat("a player that reads nothing is closed, and costs the others nothing", async (scene) => {
  const { weir, dial, url, bystanders } = scene;
  const slow = await dial();
  const headers = await setUp(slow, url("live/cam"));
  await slow.send(slow.encode("PLAY", { headers }));
  const isClosed = () => weir.log.lines.some(({ fields }) => fields.reason === "write-timeout");
  while (!isClosed()) await bystanders.flow(10, { bytes: 50_000 });
}, { hub: HUB, timing: { writeStallMs: 300 } });

threat("a publisher of bad packets is counted, and its good ones are taken", async (scene) => {
  const { weir, dial, url } = scene;
  const peer = await dial();
  const session = await announce(peer, url("live/bad"));
  await peer.request("RECORD", { url: url("live/bad"), headers: session });
  const { publication } = weir.server.hub.get("live/bad")!;
  const frames = Array.from({ length: 2000 }, (_, number) => [
    encodeInterleavedFrame(0, new Uint8Array(number % 12)),
    encodeInterleavedFrame(1, new Uint8Array(number % 8).fill(0xff)),
  ]).flat();
  for (const frame of frames) await peer.send(frame);
  await peer.frame(0, audioPacket(1));
  await until(() => publication!.statistics.units === 1);
  assertEquals((await peer.request("TEARDOWN", { headers: session })).status, 200);
  const ended = await weir.log.line(({ message, fields }) =>
    message === "rtsp publish ended" && fields.stream === "live/bad"
  );
  assertEquals([ended.fields.malformed, ended.fields.units], [frames.length, 1]);
}, { hub: HUB });

threat(
  "interleaved media before RECORD and on odd channels is dropped, and closed past a bound",
  async (scene) => {
    const { weir, dial, url } = scene;
    const peer = await dial();
    const session = await announce(peer, url("live/early"));
    for (let number = 0; number < 10; number++) await peer.frame(0, audioPacket(number));
    const { status } = await peer.request("RECORD", { url: url("live/early"), headers: session });
    assertEquals(status, 200);
    const { publication } = weir.server.hub.get("live/early")!;
    await peer.frame(77, audioPacket(10));
    await peer.frame(0, audioPacket(11));
    await until(() => publication!.statistics.units === 1);
    for (let number = 0; number < 1000; number++) await peer.frame(200, new Uint8Array(1));
    assertEquals(await peer.message(), undefined);
    await weir.log.line(({ fields }) => fields.reason === "stray-frames");
  },
  { hub: HUB },
);

threat("datagrams before RECORD and during PAUSE are no media", async ({ weir, dial, url }) => {
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "rtp")!;
  const units = (name: string) => weir.server.hub.get(name)?.publication?.statistics.units ?? 0;
  using udp = new UdpPeer();
  using other = new UdpPeer();
  const open = async (name: string, { ports }: UdpPeer) => {
    const peer = await dial();
    const transport = `RTP/AVP;unicast;client_port=${ports}`;
    const headers = await announce(peer, url(name), { transport });
    return async (method: string) =>
      assertEquals((await peer.request(method, { url: url(name), headers })).status, 200);
  };
  const ask = await open("live/udp", udp);
  const order = await open("live/order", other);
  await order("RECORD");
  let ordered = 0;
  // The server takes datagrams in order, so what came before these was looked at.
  const send = async (numbers: readonly number[]) => {
    for (const number of numbers) await udp.send(audioPacket(number), port);
    await other.send(audioPacket(ordered++), port);
    await until(() => units("live/order") === ordered);
  };
  await send([7, 8, 9]);
  for (let round = 0; round < 3; round++) {
    // A repeated RECORD changes nothing.
    for (let repeat = 0; repeat < 3; repeat++) await ask("RECORD");
    await send([10 + round]);
    assertEquals(units("live/udp"), round + 1);
    await ask("PAUSE");
    await send([11 + round, 12 + round, 13 + round]);
    assertEquals(units("live/udp"), round + 1);
  }
  await ask("TEARDOWN");
  await order("TEARDOWN");
}, { hub: HUB });

threat(
  "ports that another session uses, and a destination elsewhere, get no media",
  async (scene) => {
    const { dial, url } = scene;
    using udp = new UdpPeer();
    const first = await dial();
    await setUp(first, url("live/cam"), `RTP/AVP;unicast;client_port=${udp.ports}`);
    const second = await dial();
    const transports = {
      [`RTP/AVP;unicast;client_port=${udp.ports}`]: 400,
      [`RTP/AVP;unicast;client_port=${udp.port + 1}-${udp.port + 2}`]: 400,
      "RTP/AVP;unicast;client_port=30000-30001;destination=192.0.2.1": 403,
      "RTP/AVP;unicast;client_port=0-1": 400,
      "RTP/AVP;unicast;client_port=1023-1024": 400,
      "RTP/AVP;unicast;client_port=65535-65536": 400,
      "RTP/AVP;unicast": 400,
      "RTP/AVP/TCP;unicast;interleaved=255-256": 400,
      "RTP/SAVP;unicast;client_port=30000-30001": 461,
      "RTP/AVP;multicast": 461,
    };
    for (const [transport, expected] of Object.entries(transports)) {
      const { status } = await second.request("SETUP", {
        url: `${url("live/cam")}/trackID=0`,
        headers: { Transport: transport },
      });
      assertEquals(status, expected, transport);
    }
  },
  { hub: HUB },
);

threat(
  "a stream name cannot leave its place, however it is encoded",
  async ({ weir, dial, url }) => {
    const names = [
      "live/../cam",
      "live/%2e%2e/cam",
      "%2e%2e%2f%2e%2e%2fetc/passwd",
      "live/%5c..%5ccam",
      "live/cam%00",
      "live/cam%0d%0aSet-Cookie:x",
      "live//cam",
      "live/%e2%80%a8",
      "live/%ff",
      "live/%",
      "x".repeat(513),
      "%2F",
      "",
    ];
    for (const name of names) {
      const peer = await dial();
      for (const method of ["DESCRIBE", "ANNOUNCE", "SETUP"]) {
        const isAnnounce = method === "ANNOUNCE";
        const { status } = await peer.request(method, {
          url: method === "SETUP" ? `${url(name)}/trackID=0` : url(name),
          headers: isAnnounce ? { "Content-Type": "application/sdp" } : { Transport: TCP },
          ...(isAnnounce ? { body: SDP } : {}),
        });
        assertEquals(status, 400, `${method} ${name}`);
      }
    }
    assertEquals(weir.server.streams.map(({ name }) => name), ["live/cam"]);
  },
  { hub: HUB },
);

threat("no password gets into a log line, and no line can be forged by one", async (scene) => {
  const { weir, dial, url } = scene;
  const secret = "pa55word";
  const basic = formatAuthorization({ scheme: "basic", username: "ann", password: secret });
  const [, encoded = ""] = basic.split(" ");
  const at = url("live/cam").replace("//", `//ann:${secret}@`);
  const requests = [
    `DESCRIBE ${at} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: ${basic}\r\n\r\n`,
    `DESCRIBE ${at}?token=${secret} RTSP/1.0\r\nCSeq: 1\r\nAccept: text/plain\r\n\r\n`,
    `SETUP ${at}?token=${secret} RTSP/1.0\r\nCSeq: 1\r\nTransport: ${TCP}\r\n\r\n`,
    `DESCRIBE rtsp://ann:${secret}@host:99999/x RTSP/1.0\r\nCSeq: 1\r\n\r\n`,
    `DESCRIBE ${at} RTSP/1.0\r\nCSeq: 1\r\nAuthorization ${basic}\r\n\r\n`,
    `DESCRIBE ${at} RTSP/1.0\r\nCSeq: 1\r\nSession: ${secret}\r\n\r\n`,
    `PLAY ${at} RTSP/9.9\r\nCSeq: 1\r\nAuthorization: ${basic}\r\n\r\n`,
    `SHOW\u2028 ${at} RTSP/1.0\r\nCSeq: 1\r\n\r\n`,
    `SHOW ${at}\x1b[2J\x07 RTSP/1.0\r\nCSeq: 1\r\n\r\n`,
    `OPTIONS ${at} RTSP/1.0\r\nCSeq: 1\r\nRequire: x\u202e\x9b\r\n\r\n`,
  ];
  for (const request of requests) {
    const peer = await dial();
    await peer.send(request);
    await peer.conn.closeWrite();
    await peer.rest();
  }
  for (const { message, fields } of weir.log.lines) {
    const record = { message, ...fields };
    for (const text of [secret, encoded, encoded.slice(0, 8)]) {
      assert(!JSON.stringify(record).includes(text), Deno.inspect(record));
    }
    const line = textLine(
      new LogRecord({ msg: message, args: [fields], level: 20, loggerName: "weir" }),
    );
    assert(!/\p{Cc}|[\u2028\u2029\u202a-\u202e]/u.test(line), line);
  }
}, {
  hub: HUB,
  hooks: {
    authenticate: ({ query }) =>
      query.has("token") ? { challenge: "Not with this token" } : { allow: "anonymous" },
  },
});

threat("session ids are 128 random bits", async ({ dial, url }) => {
  const ids = new Set<string>();
  for (let number = 0; number < 30; number++) {
    const peer = await dial();
    const { Session: id = "" } = await setUp(peer, url("live/cam"));
    assert(/^[0-9a-f]{32}$/.test(id), id);
    ids.add(id);
  }
  assertEquals(ids.size, 30);
}, { hub: HUB });

threat("a body that is not what Content-Length says ends its connection alone", async (scene) => {
  const { dial, url } = scene;
  const lengths = [
    "-1",
    "+5",
    "0x10",
    "5 5",
    "5, 5",
    "99999999999999999999",
    "1e3",
    "131073",
    "NaN",
  ];
  for (const fields of [...lengths, "5\r\nContent-Length: 5"]) {
    const peer = await dial();
    await peer.send(
      `ANNOUNCE ${url("live/x")} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: ${fields}\r\n\r\nv=0\r\n`,
    );
    const { status } = await peer.response();
    assertEquals(status, fields === "131073" ? 413 : 400, fields);
    assertEquals(await peer.message(), undefined);
  }
}, { hub: HUB });

threat("a tunnel whose way down goes as its POST comes is gone", async ({ weir, dial }) => {
  for (let round = 0; round < 30; round++) {
    const head = (method: string) =>
      `${method} /live/cam HTTP/1.0\r\nx-sessioncookie: ${round}\r\n` +
      `Accept: application/x-rtsp-tunnelled\r\nContent-Type: application/x-rtsp-tunnelled\r\n` +
      `Content-Length: 32767\r\n\r\n`;
    const down = await dial();
    await down.send(head("GET"));
    await down.read();
    const up = await dial();
    const posted = up.send(head("POST"));
    if (round % 3 === 0) await posted;
    down.close();
    await posted;
    await up.rest();
  }
  assertEquals(weir.server.connectionCount, 2);
}, { hub: HUB });

/** Announces one track under `url`, and sets it up. */
async function announce(
  peer: RtspPeer,
  url: string,
  options: { readonly headers?: Record<string, string>; readonly transport?: string } = {},
): Promise<Record<string, string>> {
  const { headers = {}, transport = TCP } = options;
  const announced = await peer.request("ANNOUNCE", {
    url,
    headers: { "Content-Type": "application/sdp", ...headers },
    body: SDP,
  });
  assertEquals(announced.status, 200);
  const session = { Session: announced.headers.get("Session")!.split(";")[0]! };
  const { status } = await peer.request("SETUP", {
    url: `${url}/streamid=0`,
    headers: { ...headers, ...session, Transport: `${transport};mode=record` },
  });
  assertEquals(status, 200);
  return session;
}
