/** Who may do what, and how many may, over all workers alike. */
import { assert, assertEquals } from "@std/assert";
import {
  GATE_LIMITS,
  type StreamRequest,
  type Ticket,
  type TicketInfo,
} from "../../../src/gate/mod.ts";
import { SharedLimits } from "../../../src/server/workers/shared_limits.ts";
import { LoopedPublisher } from "../../doors/http/looped_publisher.ts";
import { TemporaryFolder } from "../../support/media_file.ts";
import { RtmpClient, statusCode, statusDescription } from "../../support/rtmp_client.ts";
import { RtspPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TOKEN = "a-token-of-the-tests";
const KEY = "a-publishing-key-of-this-test";

/** How a client that asks for something is answered, in the status of RTMP. */
async function answered(
  port: number,
  command: "play" | "publish",
  { name, app = "live" }: { readonly name: string; readonly app?: string },
): Promise<{ readonly client: RtmpClient; readonly status: string }> {
  const client = await RtmpClient.open(port, app);
  await client.command(command, { args: [name, "live"], streamId: await client.createStream() });
  const message = await client.status("NetStream.");
  return { client, status: `${statusCode(message)} ${statusDescription(message) ?? ""}` };
}

Deno.test("bounds of players and publishers hold over all workers, keys are in no log, and changed passwords are asked for", async () => {
  const ann = { name: "ann", password: "wonderland" };
  const access = {
    users: [ann],
    keys: { [KEY]: "live/keyed" },
    rules: [{ allow: "play" }, { allow: "publish", users: "*" }],
  } as const;
  await using weir = await TestServer.start({
    ...{ rtmp: LOCAL, rtsp: LOCAL, workers: 2, access, rtmpAskAtConnect: false },
    maxPublishersPerUser: 2,
    paths: [{ pattern: "live/s0", maxPlayers: 3 }],
  });
  const { server } = weir;
  const portOf = (protocol: string) =>
    server.addresses.find((one) => one.protocol === protocol)!.port;
  using stack = new DisposableStack();
  const asAnn = "?user=ann&pass=wonderland";
  const statuses = async (command: "play" | "publish", names: readonly string[]) => {
    const all = await Promise.all(names.map((name) => answered(portOf("rtmp"), command, { name })));
    for (const { client } of all) stack.use(client);
    return all.map(({ status }) => status);
  };
  // One first, so that there is something to play.
  const published = await statuses("publish", [`s0${asAnn}`]);
  published.push(...await statuses("publish", [1, 2, 3, 4].map((at) => `s${at}${asAnn}`)));
  const started = published.filter((status) => status.startsWith("NetStream.Publish.Start"));
  assertEquals(started.length, 2, published.join("\n"));
  assert(published.some((status) => status.includes("publishes 2 streams, as many as it may")));
  const played = await statuses("play", Array.from({ length: 8 }, () => "s0"));
  const refused = played.filter((status) => status.includes("has 3 players, as many as it may"));
  assertEquals(refused.length, 5, played.join("\n"));

  // Some clients put all of their URL into the app.
  const { client } = await answered(portOf("rtmp"), "publish", { app: `live/${KEY}`, name: "" });
  stack.use(client);
  await weir.log.line(({ fields }) => fields["stream"] === "live/keyed");
  assert(!JSON.stringify(weir.log.lines).includes(KEY));
  const { id } = server.access!.keys.list()[0]!;
  await server.configure({ access: { ...access, keys: {} } });
  await until(() => server.snapshot().tickets.every(({ user }) => user !== `key:${id}`));

  const offered = async (): Promise<string> => {
    using peer = await RtspPeer.dial(portOf("rtsp"));
    const { headers } = await peer.request("ANNOUNCE", {
      headers: { "Content-Type": "application/sdp" },
      body: "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n",
    });
    return (headers.get("WWW-Authenticate") ?? "").split(" ")[0]!;
  };
  assertEquals(await offered(), "Digest");
  const hash = "$scrypt$ln=4,r=1,p=1$c2FsdA$" + "A".repeat(43);
  await server.configure({ access: { ...access, users: [{ name: "ann", password: hash }] } });
  for (let i = 0; i < 4; i++) assertEquals(await offered(), "Basic");
});

Deno.test("bounds by address, and who guesses passwords is slowed, whatever workers are tried", async () => {
  const asked: string[] = [];
  await using weir = await TestServer.start({
    workers: 2,
    maxConnectionsPerAddress: 7,
    maxConnections: 9,
    hooks: {
      authenticate: ({ credentials }) => {
        asked.push(credentials.kind);
        return { refuse: "Wrong" };
      },
    },
    rtmpAskAtConnect: false,
  });
  const isOpen = async (client: Deno.TcpConn): Promise<boolean> => {
    await client.write(new Uint8Array(1537).fill(3, 0, 1));
    const count = await client.read(new Uint8Array(1)).catch(() => null);
    return count !== null;
  };
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => Deno.connect({ hostname: "127.0.0.1", port: weir.port })),
  );
  const opened = await Promise.all(clients.map(isOpen));
  // Two at once may each see the other as one too many, and neither get in.
  const count = opened.filter(Boolean).length;
  assert(count <= 7 && count >= 5, `${count} of 7`);
  assertEquals((await weir.server.freshSnapshot()).refused.connections, 20 - count);
  for (const client of clients) client.close();
  await weir.quiet();

  const guess = async (at: number) => {
    const name = `s?user=ann&pass=wrong-${at}`;
    (await answered(weir.port, "publish", { name })).client.close();
  };
  const startMs = performance.now();
  // Five at once, and one a second from then on.
  for (let at = 0; at < 7; at++) await guess(at);
  assert(performance.now() - startMs > 1500);
  assertEquals(asked.length, 7);
});

Deno.test("who was let in a moment ago counts before its worker has told of it, and who has left does not", async () => {
  let tickets: readonly TicketInfo[] = [];
  let refresh = (): void => {};
  let nowMs = 0;
  const limits = new SharedLimits({
    limits: () => ({ ...GATE_LIMITS, maxPublishersPerUser: 1 }),
    termsOf: (name) => name === "a" ? { maxPlayers: 2 } : {},
    tickets: () => tickets,
    refresh: () => {
      refresh();
      return Promise.resolve();
    },
    now: () => nowMs,
  });
  const { onPlay, onPublish } = limits.hooks({
    onPlay: ({ name }) => name === "hidden" ? { refuse: "No" } : undefined,
  });
  const request = (id: number, name: string, user?: string): StreamRequest => ({
    connection: { id, protocol: "rtmp", remoteAddress: "192.0.2.7", app: "", userAgent: "" },
    name,
    query: new URLSearchParams(),
    ...(user === undefined ? {} : { user }),
  });
  const ticket = (connection: number, stream: string, remoteAddress = "192.0.2.7") =>
    ({ connection, stream, action: "play", remoteAddress }) as TicketInfo;
  const full = {
    refuse: "The stream a has 2 players, as many as it may",
    refused: "full",
  } as const;
  assertEquals(await onPlay!(request(9, "hidden")), { refuse: "No" });
  assertEquals(await onPlay!(request(1, "a")), undefined);
  assertEquals(await onPlay!(request(2, "a")), undefined);
  assertEquals(await onPlay!(request(3, "a")), full);
  assertEquals(await onPlay!(request(4, "b")), undefined);
  // The same two, as their workers tell of them; the server's own players do not count.
  tickets = [ticket(1, "a"), ticket(2, "a"), ticket(0, "a", "")];
  assertEquals(await onPlay!(request(3, "a")), full);
  refresh = () => void (tickets = [ticket(2, "a")]);
  nowMs = 5000;
  assertEquals(await onPlay!(request(3, "a")), undefined);

  assertEquals(await onPublish!(request(5, "x", "ann")), undefined);
  assertEquals(await onPublish!(request(6, "x", "ann")), undefined);
  assertEquals(await onPublish!(request(7, "y", "bob")), undefined);
  assertEquals(await onPublish!(request(8, "y", "ann")), {
    refuse: "The user publishes 1 streams, as many as it may",
    refused: "full",
  });
  assertEquals(await onPublish!(request(8, "z")), undefined);
});

Deno.test("recordings, and paths of the program's own, are had at the ports of workers", async () => {
  await using folder = new TemporaryFolder();
  await using weir = await TestServer.start({
    ...{ rtmp: false, http: LOCAL, workers: 2, api: { tokens: [TOKEN] } },
    record: [{ name: "live/*", to: folder.path, partMs: 50 }],
    httpRoutes: [{
      protocol: "http-own",
      place: "before-outputs",
      has: (path) => path === "/own/page",
      serve: ({ request }) => new Response(`hello ${request.method}`),
    }],
    httpOutputs: [{
      protocol: "http-words",
      suffix: /\.words$/,
      methods: { GET: ({ name }) => new Response(`words of ${name}`) },
    }],
  });
  const ask = (path: string) =>
    fetch(`http://127.0.0.1:${weir.port}${path}`, {
      headers: { authorization: `Bearer ${TOKEN}`, connection: "close" },
    });
  await using _source = new LoopedPublisher(weir.server, "src/cam", ["h264"]);
  const played = await ask("/src/cam.flv");
  const publishing = fetch(`http://127.0.0.1:${weir.port}/live/cam.flv`, {
    method: "POST",
    body: played.body,
  });
  const { recordings } = weir.server;
  await until(() => (recordings.find({ name: "live/cam" })[0]?.bytes ?? 0) > 10_000);
  for (let tries = 0; tries < 6; tries++) {
    assertEquals(await (await ask("/own/page")).text(), "hello GET");
    assertEquals(await (await ask("/live/cam.words")).text(), "words of live/cam");
    const nothing = await ask("/own/nothing");
    assertEquals(nothing.status, 404);
    await nothing.body?.cancel();
    const cut = await ask("/v1/recordings/live/cam.mp4");
    assertEquals(cut.status, 200);
    assert((await cut.bytes()).length > 10_000);
  }
  const isIt = ({ info }: Ticket) => info.stream === "live/cam" && info.action === "publish";
  await until(() => weir.server.tickets.values().some(isIt));
  weir.server.tickets.values().find(isIt)!.kick("Enough");
  await publishing.then((answer) => answer.body?.cancel(), () => {});
});
