/** Who a client is, asked at connect: authmod=adobe, with the programs that know it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RtmpClient as WeirClient } from "../../../src/client/mod.ts";
import { type AuthenticationRequest, fixedUsers, type ServerHooks } from "../../../src/gate/mod.ts";
import type { ServerOptions } from "../../../src/server/mod.ts";
import { RtmpConnectAuthentication } from "../../../src/rtmp/mod.ts";
import { ffmpeg } from "../../support/media_file.ts";
import { ignoreWithout, RunningProcess } from "../../support/process.ts";
import { RtmpClient, statusCode, statusDescription } from "../../support/rtmp_client.ts";
import { TestServer, until } from "../../support/test_server.ts";

const USERS = { alice: "wonder land", bob: "builder" };
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** A server of these users, what its hooks were told, and each question to `authenticate`. */
async function serverOf(
  anonymous: readonly ("publish" | "play")[] = [],
  authenticate = fixedUsers(USERS, { anonymous }),
  options: ServerOptions = {},
) {
  const asked: AuthenticationRequest[] = [];
  const heard: unknown[] = [];
  const hooks: ServerHooks = {
    authenticate: (request) => {
      asked.push(request);
      return authenticate(request);
    },
    onConnect: (info) => void heard.push(info),
    // The user is told as the one who was proved.
    onPublish: ({ user: _, ...request }) => void heard.push(request, [...request.query]),
    onPlay: ({ user: _, ...request }) => void heard.push(request, [...request.query]),
    onDisconnect: (_, end) => void heard.push(end),
  };
  return { weir: await TestServer.start({ hooks, ...options }), asked, heard };
}

function tone(url: string): RunningProcess {
  return ffmpeg([
    ...["-re", "-f", "lavfi", "-i", "sine", "-c:a", "aac", "-f", "flv", url],
  ]);
}

const publishers = (weir: TestServer): string[] =>
  Array.from(weir.server.tickets.values(), ({ info }) => `${info.action} ${info.stream}`);

Deno.test({
  name: "FFmpeg publishes and plays with rtmp://user:pass@, and nothing sees what it answered",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    const { weir, heard } = await serverOf();
    await using _ = weir;
    const url = (path: string): string => weir.url.replace("://", "://alice:wonder%20land@") + path;
    // FFmpeg hashes the password as it stands in its URL.
    await using _publisher = tone(url("/live/cam?key=1"));
    await until(() => publishers(weir).length === 1);
    assertEquals(publishers(weir), ["publish live/cam"]);
    await using player = ffmpeg(["-i", url("/live/cam"), "-t", "0.2", "-f", "null", "-"]);
    assertEquals((await player.ended).code, 0);
    assert(weir.server.streams.every(({ name }) => name === "live/cam"));
    const seen = JSON.stringify([heard, weir.log.lines]);
    // The user is named, as who publishes and plays; what it has answered is not.
    for (const secret of ["authmod", "response", "opaque", "challenge", "wonder"]) {
      assert(!seen.includes(secret), `${secret} in ${seen}`);
    }
    const loud = weir.log.lines.filter(({ level }) => level === "warn" || level === "error");
    assertEquals(loud, [], "to be asked is ordinary");
  },
});

Deno.test({
  name: "FFmpeg with a wrong password is told so when it publishes and when it plays",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    const { weir } = await serverOf();
    await using _ = weir;
    const url = `${weir.url.replace("://", "://alice:wrong@")}/live/cam`;
    await using publisher = tone(url);
    await publisher.line(/authfailed/);
    await using player = ffmpeg(["-i", url, "-f", "null", "-"]);
    await player.line(/authfailed/);
    assert((await player.ended).code !== 0);
    assertEquals(weir.server.tickets.size, 0);
    assertEquals(weir.server.snapshot().refused.wrongCredentials, 2);
  },
});

Deno.test({
  name: "GStreamer's rtmp2sink publishes with its user name and password, and not with a wrong one",
  ignore: ignoreWithout("gst-launch-1.0"),
  async fn() {
    const { weir } = await serverOf(["play"]);
    await using _ = weir;
    const sink = (password: string): RunningProcess =>
      new RunningProcess("gst-launch-1.0", [
        ...[
          "audiotestsrc",
          "is-live=true",
          "!",
          "avenc_aac",
          "!",
          "flvmux",
          "streamable=true",
          "!",
        ],
        ...["rtmp2sink", `location=${weir.url}/live/cam`, "username=bob", `password=${password}`],
      ]);
    await using wrong = sink("wrong");
    assert((await wrong.ended).code !== 0);
    assertEquals(weir.server.tickets.size, 0);
    await using _right = sink("builder");
    await until(() => publishers(weir).length === 1);
  },
});

Deno.test("weir's own client proves who it is when it is asked, and says that it is not who it is", async () => {
  const { weir, asked } = await serverOf();
  await using _ = weir;
  const url = (password: string): string =>
    `${weir.url.replace("://", `://alice:${password}@`)}/live/cam`;
  const client = await WeirClient.connect(url("wonder%20land"));
  await client.publish();
  assertEquals(publishers(weir), ["publish live/cam"]);
  assertEquals(asked.at(-1)!.credentials.kind, "digest");
  assertEquals([...asked.at(-1)!.query], []);
  await client.close();
  await assertRejects(() => WeirClient.connect(url("wrong")), Error, "takes the user name");
});

Deno.test("users that a server gets later are asked at connect, and no more when they have gone", async () => {
  await using weir = await TestServer.start({ access: {} });
  const { server } = weir;
  const url = `${weir.url.replace("://", "://alice:wonderland@")}/live/cam`;
  const anybody = `${weir.url}/live/cam`;
  await (await WeirClient.connect(anybody)).close();
  const users = [{ name: "alice", password: "wonderland" }];
  await server.configure({ access: { users } });
  const client = await WeirClient.connect(url);
  await client.publish();
  await until(() => server.tickets.values().some(({ info }) => info.user === "alice"));
  await client.close();
  await assertRejects(() => WeirClient.connect(anybody), Error, "asks for a user name");
  await server.configure({ access: {} });
  await (await WeirClient.connect(anybody)).close();
});

Deno.test("players who may come without a name are not asked, publishers are", async () => {
  const { weir } = await serverOf(["play"]);
  await using _ = weir;
  using player = await RtmpClient.dial(weir.port);
  await player.shakeHands();
  const answer = await player.answer(
    await player.command("connect", { object: { app: "live", tcUrl: `${weir.url}/live` } }),
  );
  assertEquals(answer.name, "_result");
  const refused = await connectOf(weir, "live");
  assertEquals([refused.code, refused.description], [
    "NetConnection.Connect.Rejected",
    "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ",
  ]);
  const shown = await connectOf(weir, "live?user=alice&pass=wonder+land");
  assertEquals(shown.name, "_result", "what it has shown is judged when it asks for a stream");
});

/** What a publisher is answered that connects to `app`. */
async function connectOf(
  weir: TestServer,
  app: string,
): Promise<{ name: string; code: unknown; description: string }> {
  using client = await RtmpClient.dial(weir.port);
  await client.shakeHands();
  const object = { app, tcUrl: `${weir.url}/${app}`, type: "nonprivate", flashVer: "test" };
  const answer = await client.answer(await client.command("connect", { object }));
  return {
    name: answer.name,
    code: statusCode(answer),
    description: String(statusDescription(answer)),
  };
}

/** A publisher that answers what it is asked; what it is told in the end. */
async function answered(weir: TestServer, username: string, password: string): Promise<string> {
  const credentials = { username, password };
  const client = new RtmpConnectAuthentication({ credentials, app: "live", random });
  for (let step = 0; step < 2; step++) {
    const { description } = await connectOf(weir, client.app);
    assert(client.refused(description));
  }
  const last = await connectOf(weir, client.app);
  return last.name === "_result" ? "in" : last.description;
}

Deno.test("who guesses by answers at connect has one try a second, however many connections it makes", async () => {
  const { weir, asked } = await serverOf();
  await using _ = weir;
  const startMs = performance.now();
  for (let at = 0; at < 7; at++) {
    const told = await answered(weir, "alice", `guess ${at}`);
    assertEquals(told, "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed");
  }
  // Five at once, and one a second.
  const tookMs = performance.now() - startMs;
  assert(tookMs >= 1900, `7 in ${tookMs} ms`);
  const judged = asked.filter(({ credentials }) => credentials.kind === "digest");
  assertEquals(judged.length, 7);
});

Deno.test("a publisher with its credentials in the stream key gets to show them, once it has left at the question", async () => {
  const { weir } = await serverOf();
  await using _ = weir;
  const first = await connectOf(weir, "live");
  assert(first.description.includes("need auth"));
  const name = async (): Promise<string> => (await connectOf(weir, "live")).name;
  // Programs that can answer do so at once: those that come later are others.
  let last = await name();
  await until(() => {
    void name().then((answer) => last = answer).catch(() => {});
    return last === "_result";
  });
  using client = await RtmpClient.dial(weir.port);
  await client.shakeHands();
  const object = { app: "live", type: "nonprivate", flashVer: "test" };
  await client.answer(await client.command("connect", { object }));
  const streamId = await client.createStream();
  await client.command("publish", { args: ["cam?user=bob&pass=builder"], streamId });
  assertEquals(statusCode(await client.status("NetStream.")), "NetStream.Publish.Start");
  await client.command("publish", { args: ["other"], streamId: await client.createStream() });
  assertEquals(statusCode(await client.status("NetStream.")), "NetStream.Publish.Denied");
  assertEquals(
    (await connectOf(weir, "live")).name,
    "_error",
    "one that has shown nothing is asked",
  );
});

Deno.test("where nobody is asked at connect, the query alone counts, and what connect answers unasked does not", async () => {
  const { weir, asked } = await serverOf([], fixedUsers(USERS), { rtmpAskAtConnect: false });
  await using _ = weir;
  const publish = async (app: string, key: string): Promise<unknown> => {
    using client = await RtmpClient.dial(weir.port);
    await client.shakeHands();
    const object = { app, type: "nonprivate", flashVer: "test" };
    assertEquals(
      (await client.answer(await client.command("connect", { object }))).name,
      "_result",
    );
    const streamId = await client.createStream();
    await client.command("publish", { args: [key], streamId });
    return statusCode(await client.status("NetStream."));
  };
  const unasked = "live?authmod=adobe&user=bob&challenge=AAAA&response=AAAA&opaque=AAAA";
  for (const app of ["live", "live?authmod=adobe&user=bob", unasked]) {
    assertEquals(await publish(app, "cam"), "NetStream.Publish.Denied");
  }
  assertEquals(asked.map(({ credentials }) => credentials.kind), ["none", "none", "none"]);
  assertEquals(await publish("live", "cam?user=bob&pass=builder"), "NetStream.Publish.Start");
});

Deno.test("a right answer counts as no guess where the rule looks at the stream's name", async () => {
  const { weir } = await serverOf([], (request) => {
    const { credentials, name } = request;
    if (credentials.kind !== "digest") return { challenge: "Who are you?" };
    const isRight = credentials.verify({ password: "builder" });
    return isRight && name === "live/cam" ? { allow: { user: "bob" } } : { refuse: "Not yours" };
  });
  await using _ = weir;
  for (let times = 0; times < 7; times++) {
    assertEquals(await answered(weir, "bob", "builder"), "in");
  }
  assertEquals(weir.server.snapshot().refused.wrongCredentials, 0);
});
