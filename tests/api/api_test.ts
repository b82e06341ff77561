import {
  assert,
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { apiSchemas } from "../../src/api/api_schemas.ts";
import { loadHono } from "../../src/api/hono_package.ts";
import { ApiClient, ApiError, type PathRuleOptions } from "../../src/api/mod.ts";
import { PATH_RULE } from "../../src/config/settings/paths.ts";
import { fixedUsers, Server, ServerError, type ServerOptions } from "../../mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { RtmpClient, statusCode } from "../support/rtmp_client.ts";
import { TestServer, until } from "../support/test_server.ts";

const TOKEN = "a-token-of-the-tests";
const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A server with RTMP, and a client of its API that needs no port. */
async function start(options: ServerOptions = {}) {
  const weir = await TestServer.start({ api: { tokens: [TOKEN] }, ...options });
  const api = new ApiClient({
    url: "http://localhost/",
    token: TOKEN,
    fetch: (request) => weir.server.fetch(request),
  });
  return { weir, api };
}

async function assertRefused(asking: Promise<unknown>, code: string, status: number) {
  const error = await assertRejects(() => asking, ApiError);
  assertEquals([error.code, error.status], [code, status], error.message);
  return error.message;
}

Deno.test("the API shows streams, publishers, players and connections of every protocol alike", async () => {
  const { weir, api } = await start();
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 5);
  using player = await RtmpClient.player(weir.port, "cam");
  await player.frameNumbers(4);
  const other = await weir.server.fetch(new Request("http://localhost/live/cam.flv"));
  const reader = other.body!.getReader();
  await reader.read();

  const [stream, ...more] = await Array.fromAsync(api.allStreams());
  assertEquals(more, []);
  assertEquals(stream?.name, "live/cam");
  assertEquals(stream?.playersByProtocol, { "rtmp": 1, "http-flv": 1 });
  assertEquals(stream?.tracks.map(({ codec }) => codec), ["h264", "aac"]);
  assertEquals(stream?.publisher?.protocol, "rtmp");
  assertEquals(stream?.health?.tracks[0]?.frames, 5);
  const detail = await api.stream("live/cam");
  assertEquals(detail.readers.map(({ format }) => format).sort(), ["flv", "rtmp-bare"]);
  assertEquals(detail.tickets.length, 2);
  assertEquals((await api.publishers()).items.map(({ stream }) => stream), ["live/cam"]);
  const players = await api.players({ protocol: "http-flv" });
  assertEquals(players.items.map(({ protocol }) => protocol), ["http-flv"]);
  const server = await api.server();
  assertEquals([server.streams, server.publishers, server.players], [1, 1, 2]);
  assertMatch(server.version, /^\d+\.\d+\.\d+$/);
  const { items } = await api.connections();
  assert(items.some(({ protocol }) => protocol === "http-api"), "the one that asks is one too");
  await reader.cancel();
});

Deno.test("the API ends players, publishers, connections and users, and their clients are told why", async () => {
  const authenticate = fixedUsers({ ann: "secret" }, { anonymous: ["play"] });
  const { weir, api } = await start({ hooks: { authenticate } });
  await using _ = weir;
  const open = () => RtmpClient.publisher(weir.port, "cam?user=ann&pass=secret");
  using first = await open();
  using player = await RtmpClient.player(weir.port, "cam");
  const { items: [ticket] } = await api.players();
  assertEquals(await api.endPlayer(ticket!.id, "Not you"), { ended: 1 });
  await player.drain();
  await assertRefused(api.endPlayer(ticket!.id), "absent", 404);
  await assertRefused(api.endPlayer((await api.publishers()).items[0]!.id), "absent", 404);

  assertEquals(await api.endPublisher("live/cam", "The show is over"), { ended: 1 });
  await first.drain();
  await assertRefused(api.endPublisher("live/cam"), "absent", 404);

  using second = await open();
  assertEquals((await api.publishers({ user: "ann" })).total, 1);
  assertEquals(await api.endUser("ann"), { ended: 1 });
  await second.drain();

  using third = await RtmpClient.open(weir.port);
  const { items } = await api.connections();
  // Those that were ended before may still be closing: the newest is the one that was opened.
  const rtmp = items.findLast(({ protocol }) => protocol === "rtmp")!;
  assertEquals(await api.endConnection(rtmp.id), { ended: 1 });
  await third.drain();
  third.close();
  await until(() => weir.server.connections.every(({ id }) => id !== rtmp.id));
  await assertRefused(api.endConnection(rtmp.id), "absent", 404);
  await assertRefused(api.stream("live/none"), "absent", 404);
});

Deno.test("lists of the API come in pages that overlap nowhere and miss nothing", async () => {
  const { weir, api } = await start();
  await using _ = weir;
  const held = await Promise.all(
    Array.from({ length: 5 }, (_, at) => RtmpClient.publisher(weir.port, `cam${at}`)),
  );
  await until(() => weir.server.tickets.size === 5);
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page = await api.streams({ limit: 2, after });
    assertEquals(page.total, 5);
    names.push(...page.items.map(({ name }) => name));
    after = page.next;
  } while (after !== undefined);
  assertEquals(names, [0, 1, 2, 3, 4].map((at) => `live/cam${at}`));
  const { next } = await api.publishers({ limit: 3 });
  assertEquals((await api.publishers({ after: next })).items.length, 2);
  assertEquals((await api.streams({ after: "zzz" })).items, []);
  const why = await assertRefused(api.streams({ limit: 0 }), "input", 400);
  assertMatch(why, /^[^\n]*limit: [^\n✖→]+$/);
  await assertRefused(api.streams({ limit: 1001 }), "input", 400);
  for (const client of held) client.close();
});

Deno.test("relays are made, changed and removed by the API, and those that were made survive a restart", async () => {
  let kept: string | undefined;
  const state = {
    load: () => Promise.resolve(kept),
    save: (text: string) => {
      kept = text;
      return Promise.resolve();
    },
  };
  const configured = { mode: "push", name: "live/a", url: "rtmp://127.0.0.1:1/b/a" } as const;
  const options = { api: { tokens: [TOKEN], state }, relays: [configured] };
  const relay = { mode: "push", name: "live/x", url: "rtmp://127.0.0.1:1/b/x" } as const;
  {
    const { weir, api } = await start(options);
    await using _ = weir;
    const id = await api.addRelay(relay);
    await api.changeRelay(id, {
      ...relay,
      url: "rtmp://127.0.0.1:1/b/y",
      retryMs: 900,
      onLoss: "key-frame",
      client: { timeoutMs: 900, handshake: "simple", connectParameters: { flashVer: "x" } },
    });
    assertMatch(kept!, /"handshake": "simple"/);
    const gone = await api.addRelay({ ...relay, name: "live/z", url: "rtmp://127.0.0.1:1/b/z" });
    await api.removeRelay(gone);
    await assertRefused(api.removeRelay(gone), "absent", 404);
    assertMatch(
      await assertRefused(api.addRelay({ ...relay, url: "http://127.0.0.1/" }), "input", 400),
      /rtmp/,
    );
    await assertRefused(api.addRelay({ ...relay, nothing: 1 } as never), "input", 400);
    assertEquals((await api.relays()).items.map(({ name }) => name), ["live/a", "live/x"]);
  }
  const { weir, api } = await start(options);
  await using _ = weir;
  assertEquals(
    (await api.relays()).items.map(({ name, target }) => [name, target]),
    [["live/a", "rtmp://127.0.0.1:1/b"], ["live/x", "rtmp://127.0.0.1:1/b"]],
  );
});

Deno.test("a user who asks the API again and again makes no line of each question", async () => {
  const users = [{ name: "ann", password: "wonderland" }];
  const { weir } = await start({ access: { users, rules: [{ allow: "api", users: "ann" }] } });
  await using _ = weir;
  const before = weir.log.lines.length;
  const headers = { authorization: `Basic ${btoa("ann:wonderland")}` };
  for (const path of ["v1/streams", "metrics", "v1/streams"]) {
    const answer = await weir.server.fetch(new Request(`http://localhost/${path}`, { headers }));
    assertEquals([answer.status, (await answer.text()).length > 0], [200, true]);
  }
  assertEquals(weir.log.lines.slice(before), []);
});

Deno.test("publishing keys are made, listed without their secrets, and revoked by the API", async () => {
  const { weir, api } = await start({ access: {} });
  await using _ = weir;
  const { id, secret, streams } = await api.makeKey(["live/cam"], {
    expiresAt: new Date(Date.now() + 3_600_000),
  });
  assertEquals(streams, ["live/cam"]);
  const { items } = await api.keys();
  assertEquals(items.map((key) => [key.id, key.streams]), [[id, ["live/cam"]]]);
  assert(!JSON.stringify(items).includes(secret));
  using publisher = await RtmpClient.publisher(weir.port, secret);
  await until(() => weir.server.streams.some(({ name }) => name === "live/cam"));
  await api.revokeKey(id);
  await publisher.drain();
  await assertRefused(api.revokeKey(id), "absent", 404);
  await assertRefused(api.makeKey([]), "input", 400);
  await assertRefused(api.makeKey(["../x"]), "input", 400);
  const { weir: open, api: other } = await start();
  await using __ = open;
  await assertRefused(other.makeKey(["live/cam"]), "absent", 404);
});

Deno.test("rules of paths are made, changed and removed by the API, and hold at once, after a reload and a restart", async () => {
  let kept: string | undefined;
  const state = {
    load: () => Promise.resolve(kept),
    save: (text: string) => {
      kept = text;
      return Promise.resolve();
    },
  };
  const paths = [{ pattern: "live/a", lingerMs: 7 }, { pattern: "live/b", lingerMs: 8 }];
  const options: ServerOptions = {
    api: { tokens: [TOKEN], state },
    access: { users: [{ name: "ann", password: "wonderland" }], rules: [{ allow: "play" }] },
    paths,
  };
  const ann = "?user=ann&pass=wonderland";
  const mayPublish = async ({ port }: TestServer, name: string): Promise<boolean> => {
    using client = await RtmpClient.open(port, `live${ann}`);
    const streamId = await client.createStream();
    await client.command("publish", { args: [`${name}${ann}`], streamId });
    return statusCode(await client.status("NetStream.Publish.")) === "NetStream.Publish.Start";
  };
  {
    const { weir, api } = await start(options);
    await using _ = weir;
    assertEquals(await mayPublish(weir, "c"), false);
    await api.setPath({
      pattern: "live/*",
      maxPlayers: Infinity,
      maxLagMs: 99,
      access: [{ allow: "publish", users: "ann" }],
    });
    assertEquals(await mayPublish(weir, "c"), true);
    await api.setPath({ pattern: "live/a", lingerMs: 9 });
    await api.setPath({ pattern: "live/x", lingerMs: 1 });
    await api.removePath("live/x");
    assertEquals(weir.server.hub.settingsOf("live/a").lingerMs, 9);
    assertEquals(weir.server.hub.settingsOf("live/b").maxLagMs, 99);
    assertEquals((await api.paths()).items.map(({ pattern, origin }) => [pattern, origin]), [
      ["live/*", "api"],
      ["live/a", "api"],
      ["live/b", "options"],
    ]);
    assertEquals((await api.path("live/*")).maxPlayers, Infinity);
    assertEquals((await api.paths({ limit: 1 })).next, "live/*");
    // What is read again leaves alone what was made here.
    await weir.server.configure({ ...options, paths: [{ pattern: "live/a", lingerMs: 3 }] });
    assertEquals(weir.server.hub.settingsOf("live/a").lingerMs, 9);

    for (
      const wrong of [
        { pattern: "a/b*" },
        { pattern: "live/a", lingerMs: -1 },
        { pattern: "live/a", maxPlayers: 1.5 },
        { pattern: "live/a", access: [{ allow: "publish", deny: "play" }] },
        { pattern: "live/a", access: [{ allow: "publish", from: "nowhere" }] },
        { pattern: "live/a", nothing: 1 },
      ]
    ) await assertRefused(api.setPath(wrong as PathRuleOptions), "input", 400);
    await assertRefused(api.removePath("live/none"), "absent", 404);
    await assertRefused(api.path("live/none"), "absent", 404);
    assertEquals(weir.server.hub.settingsOf("live/a").lingerMs, 9);
  }
  const { weir, api } = await start(options);
  await using _ = weir;
  assertEquals(weir.server.hub.settingsOf("live/a").lingerMs, 9);
  assertEquals(weir.server.paths.find(({ pattern }) => pattern === "live/*")?.maxPlayers, Infinity);
  assertEquals(await mayPublish(weir, "c"), true);
  await api.removePath("live/a");
  assertEquals(weir.server.hub.settingsOf("live/a").lingerMs, 7);
  assertMatch(
    await assertRefused(api.removePath("live/a"), "input", 400),
    /stands in the configuration/,
  );
  await api.removePath("live/*");
  assertEquals(await mayPublish(weir, "c"), false);
});

Deno.test("recordings of rules of paths are made, shown, changed and ended by the API, and kept", async () => {
  await using folder = new TemporaryFolder();
  let kept: string | undefined;
  const state = {
    load: () => Promise.resolve(kept),
    save: (text: string) => Promise.resolve(void (kept = text)),
  };
  const options: ServerOptions = { api: { tokens: [TOKEN], state } };
  const rule: PathRuleOptions = {
    pattern: "live/*",
    record: { to: `${folder.path}/files`, when: "api", keepMs: Infinity },
  };
  {
    const { weir, api } = await start(options);
    await using _ = weir;
    assertEquals(weir.server.recordings.record("live/a"), false);
    await api.setPath(rule);
    assertEquals((await api.path("live/*")).record, rule.record);
    assertEquals(weir.server.recordings.record("live/a"), true);
    const wrong = { pattern: "live/*", record: { to: "", format: "avi" } };
    await assertRefused(api.setPath(wrong as unknown as PathRuleOptions), "input", 400);
  }
  const { weir, api } = await start(options);
  await using _ = weir;
  assertEquals(weir.server.recordings.record("live/a"), true);
  await api.removePath("live/*");
  assertEquals(weir.server.recordings.record("live/b"), false);
});

Deno.test("relays of rules of paths begin, change and end with the rules, those of the API and those of the options", async () => {
  await using far = await TestServer.start({});
  using publisher = await RtmpClient.publisher(far.port, "a");
  await publisher.frames(0, 1);
  const options: ServerOptions = { api: { tokens: [TOKEN] } };
  const { weir, api } = await start(options);
  await using _ = weir;
  const relays = () => weir.server.relays.map(({ mode, name }) => `${mode} ${name}`);
  const url = `rtmp://127.0.0.1:${far.port}/live/a?key=hidden`;
  await api.setPath({ pattern: "live/a", pull: { url } });
  await until(() => weir.server.streams.some(({ name, isLive }) => name === "live/a" && isLive));
  const [id] = weir.server.relays.map(({ id }) => id);
  await api.setPath({ pattern: "live/a", pull: { url, silentMs: 9000 }, lingerMs: 1 });
  assertEquals(weir.server.relays.map(({ id, state }) => [id, state]), [[id, "running"]]);
  const shown = await api.path("live/a");
  assertEquals(shown.pull, { url: `rtmp://127.0.0.1:${far.port}/live`, silentMs: 9000 });
  const push = [{ url: `rtmp://127.0.0.1:${far.port}/copies/b?key=hidden` }];
  await weir.server.configure({ ...options, paths: [{ pattern: "live/b", push }] });
  assertEquals(relays(), ["pull live/a", "push live/b"]);
  assertNotMatch(JSON.stringify(await api.paths()), /hidden/);
  using local = await RtmpClient.publisher(weir.port, "b");
  await local.frames(0, 1);
  await until(() => far.server.streams.some(({ name }) => name === "copies/b"));
  await api.removePath("live/a");
  assertEquals(relays(), ["push live/b"]);
  await until(() => !weir.server.streams.some(({ name, isLive }) => name === "live/a" && isLive));
  await weir.server.configure(options);
  assertEquals(relays(), []);
  const wrong = { pattern: "live/a", pull: { url: "http://127.0.0.1/?key=hidden" } };
  assertNotMatch(await assertRefused(api.setPath(wrong), "input", 400), /hidden/);
});

Deno.test("the API takes all that a rule of paths of a file can say", async () => {
  const { z } = await loadHono();
  const taken = Object.keys(apiSchemas(z).pathRuleOptions.shape);
  const ofFiles = PATH_RULE.flatMap(({ key, option = key }) => option);
  assertEquals(taken.toSorted(), ofFiles.toSorted());
});

Deno.test("a server does not start while what the API has kept cannot be read: it may say who is let in", async () => {
  for (
    const text of ["{ garbage", "[]", '{"version":2}', '{"version":1,"relays":[],"paths":[{}]}']
  ) {
    const state = { load: () => Promise.resolve(text), save: () => Promise.resolve() };
    const server = new Server({ api: { tokens: [TOKEN], state }, rtmp: LOCAL });
    const error = await assertRejects(() => server.listen(), ServerError, "the API has kept");
    assertEquals(error.code, "state");
    await server.stop();
  }
});

Deno.test("the program lets the API see its configuration, read it again, and change the log's level", async () => {
  let level = "info";
  let reloads = 0;
  const { weir, api } = await start({
    api: {
      tokens: [TOKEN],
      program: {
        config: () => ({ "rtmp.port": 1935 }),
        reload: () => {
          if (reloads++ > 0) return Promise.reject(new TypeError("weir.yaml:1:1 is wrong"));
          return Promise.resolve({ applied: ["log.level"] });
        },
        logLevel: { levels: ["info", "debug"], get: () => level, set: (next) => level = next },
      },
    },
  });
  await using _ = weir;
  assertEquals(await api.config(), { "rtmp.port": 1935 });
  assertEquals(await api.reload(), { applied: ["log.level"] });
  assertEquals(await assertRefused(api.reload(), "input", 400), "weir.yaml:1:1 is wrong");
  assertEquals(await api.logLevel(), "info");
  await api.setLogLevel("debug");
  assertEquals([level, await api.logLevel()], ["debug", "debug"]);
  await assertRefused(api.setLogLevel("loud"), "input", 400);
  const { weir: without, api: other } = await start();
  await using __ = without;
  await assertRefused(other.config(), "absent", 404);
  await assertRefused(other.reload(), "absent", 404);
});

Deno.test("nobody uses the API without a token, whoever is near", async () => {
  await using server = new Server({ api: { tokens: [TOKEN] } });
  const ask = async (headers: Record<string, string>, path = "/v1/streams") => {
    const request = new Request(`http://localhost${path}`, { headers });
    const response = await server.fetch(request, { remoteAddr: { hostname: "127.0.0.1" } });
    await response.body?.cancel();
    return response;
  };
  assertEquals((await ask({})).status, 401);
  assertEquals((await ask({ authorization: `Bearer ${TOKEN}x` })).status, 401);
  assertEquals((await ask({ authorization: `Basic ${btoa(`${TOKEN}:`)}` })).status, 401);
  assertEquals((await ask({}, `/v1/streams?token=${encodeURIComponent(TOKEN)}`)).status, 401);
  assertEquals((await ask({}, "/metrics")).status, 401);
  assertEquals((await ask({}, "/v1/nothing")).status, 401);
  const right = await ask({ authorization: `Bearer ${TOKEN}` });
  assertEquals(right.status, 200);
  assertEquals(right.headers.get("access-control-allow-origin"), null);
  assertEquals((await ask({ authorization: `Bearer ${TOKEN}` }, "/v1/nothing")).status, 404);
  assertEquals(server.apiToken, undefined);
});

Deno.test("where nothing says who may use the API, a token is made that no other server has", async () => {
  await using one = new Server();
  await using other = new Server();
  assertMatch(one.apiToken ?? "", /^[\w-]{32}$/);
  assert(one.apiToken !== other.apiToken);
  const ask = async (server: Server) => {
    const headers = { authorization: `Bearer ${one.apiToken}` };
    const answer = await server.fetch(new Request("http://localhost/v1", { headers }));
    await answer.body?.cancel();
    return answer.status;
  };
  assertEquals([await ask(one), await ask(other)], [200, 401]);
  await using off = new Server({ api: false });
  assertEquals([off.apiToken, await ask(off)], [undefined, 404]);
  assertThrows(() => new Server({ api: { tokens: ["short"] } }), RangeError, "16");
});

Deno.test("users of the server that may use the API get in by Basic and Bearer, others do not", async () => {
  await using server = new Server({
    hooks: {
      authenticate: ({ action, credentials }) => {
        if (credentials.kind !== "password") return { challenge: "Who are you?" };
        if (action === "api" && credentials.username !== "root") return { refuse: "Not the API" };
        return { allow: { user: credentials.username } };
      },
    },
  });
  const ask = async (user: string) => {
    const headers = { authorization: `Basic ${btoa(`${user}:x`)}` };
    const answer = await server.fetch(new Request("http://localhost/v1", { headers }));
    await answer.body?.cancel();
    return answer.status;
  };
  assertEquals([await ask("root"), await ask("ann")], [200, 403]);
  assertEquals(server.apiToken, undefined);
});

Deno.test("bad bodies of the API get a clear status", async () => {
  await using server = new Server({ api: { tokens: [TOKEN] } });
  const post = async (body: string, type = "application/json") => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": type };
    const request = new Request("http://localhost/v1/relays", { method: "POST", body, headers });
    const answer = await server.fetch(request);
    const { code, reason } = await answer.json();
    assertEquals(typeof reason, "string");
    return [answer.status, code];
  };
  assertEquals(await post("{{"), [400, "input"]);
  assertEquals(await post("[]"), [400, "input"]);
  assertEquals(await post("null"), [400, "input"]);
  assertEquals(await post('{"__proto__":{"mode":"pull"}}'), [400, "input"]);
  assertEquals(await post("{}", "text/plain"), [415, "input"]);
  assertEquals(await post(`{"name":"${"a".repeat(300_000)}"}`), [413, "body"]);
});

Deno.test("the document of the API names every path that there is", async () => {
  const { weir, api } = await start();
  await using _ = weir;
  const document = await api.openApi() as { readonly paths: Record<string, object> };
  assertEquals(Object.keys(document.paths).sort(), [
    "/v1",
    "/v1/cluster/nodes",
    "/v1/cluster/nodes/{node}/drain",
    "/v1/cluster/recordings",
    "/v1/cluster/streams",
    "/v1/cluster/streams/{name}",
    "/v1/config",
    "/v1/config/reload",
    "/v1/connections",
    "/v1/connections/{id}",
    "/v1/drain",
    "/v1/held/{name}",
    "/v1/keys",
    "/v1/keys/{id}",
    "/v1/log",
    "/v1/paths",
    "/v1/paths/{pattern}",
    "/v1/players",
    "/v1/players/{id}",
    "/v1/publishers",
    "/v1/publishers/{id}",
    "/v1/relays",
    "/v1/relays/{id}",
    "/v1/streams",
    "/v1/streams/{name}",
    "/v1/streams/{name}/clips",
    "/v1/users/{name}",
  ]);
  assertEquals(Object.keys(document.paths["/v1/streams/{name}"]!), ["get", "delete"]);
});
