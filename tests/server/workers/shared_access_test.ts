/** Who may do what, and how many may, over all workers alike. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Server } from "../../../mod.ts";
import { ConfigError } from "../../../src/config/mod.ts";
import { GATE_LIMITS, type StreamRequest, type TicketInfo } from "../../../src/gate/mod.ts";
import { SharedLimits } from "../../../src/server/workers/shared_limits.ts";
import { makeRecording, TemporaryFolder } from "../../support/media_file.ts";
import { ignoreWithout } from "../../support/process.ts";
import { RtmpClient, statusCode, statusDescription } from "../../support/rtmp_client.ts";
import { RtspPeer } from "../../support/rtsp_peer.ts";
import { settingsOfArguments } from "../../support/settings_of_arguments.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
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

Deno.test(
  "of workers' recordings the events come, the API says why it has no list, and what is kept needs one worker",
  {
    ignore: ignoreWithout("ffmpeg"),
  },
  async () => {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 2 });
    const token = "a-token-of-the-tests";
    await using weir = await TestServer.start({
      ...{ rtmp: false, http: LOCAL, workers: 2, api: { tokens: [token] } },
      hub: { lingerMs: 0 },
      record: [{ name: "live/*", to: `${folder.path}/recordings` }],
    });
    const { server } = weir;
    const told = new Promise<string>((resolve) => {
      server.events.addEventListener("recording-segment", ({ detail }) => resolve(detail.stream));
    });
    const published = await fetch(`http://127.0.0.1:${weir.port}/live/cam.flv`, {
      method: "POST",
      body: await Deno.readFile(source),
    });
    assertEquals((await published.json()).stream, "live/cam");
    assertEquals(await told, "live/cam");
    const headers = { authorization: `Bearer ${token}` };
    const answer = await server.fetch(new Request("http://localhost/v1/recordings", { headers }));
    assertEquals([answer.status, (await answer.json()).code], [501, "workers"]);
    for (const options of [{ keep: { ms: 1000 } }, { clips: { to: folder.path } }]) {
      assertThrows(() => new Server({ workers: 2, ...options }), TypeError, "single worker");
    }
    for (const args of [["--keep", "30"], ["--clips", "clips"]]) {
      assertThrows(
        () => settingsOfArguments(["--workers", "2", ...args]),
        ConfigError,
        "needs a single worker",
      );
    }
  },
);
