import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { encodeFlvHeader, encodeFlvTag, FlvTagType } from "../../../src/flv/mod.ts";
import { BODIES } from "../../support/rtmp_client.ts";
import { WholeAnswer } from "../../../src/doors/http/mod.ts";
import { fixedUsers, Server, type ServerOptions } from "../../../mod.ts";

/** The shortest body that can be published. */
const FLV_HEADER = encodeFlvHeader({ hasAudio: false, hasVideo: true }) as Uint8Array<ArrayBuffer>;

/** A file of one picture: its first media is what takes a name. */
const FLV_FILE = concat([
  FLV_HEADER,
  encodeFlvTag({ type: FlvTagType.Video, timestampMs: 0, body: BODIES.key(0) }),
]);

/** A server with no port, which answers what `fetch` is given. */
class Portless implements AsyncDisposable {
  readonly server: Server;

  constructor(options: ServerOptions = {}) {
    this.server = new Server({ timing: { playWaitMs: 10 }, ...options });
  }

  /** The answer to a request; its body as JSON where it is that. */
  async ask(
    path: string,
    { prefix, ...init }: RequestInit & { readonly prefix?: string } = {},
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly body: unknown }> {
    const response = await this.server.fetch(new Request(`http://weir.test${path}`, init), {
      remoteAddr: { hostname: "192.0.2.7" },
      ...(prefix === undefined ? {} : { prefix }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type") === "application/json";
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }
}

Deno.test("Server.fetch answers without a port, and under the prefix it is mounted at", async () => {
  await using weir = new Portless();
  assertEquals((await weir.ask("/healthz")).body, { status: "ok" });
  assertEquals((await weir.ask("/video/readyz", { prefix: "/video" })).status, 200);
  assertEquals((await weir.ask("/readyz", { prefix: "/video" })).status, 404);
  assertEquals((await weir.ask("/videos/readyz", { prefix: "/video" })).status, 404);
  assertEquals(weir.server.connectionCount, 0, "what was answered is over");
});

Deno.test("a server that has stopped answers 503", async () => {
  const weir = new Portless();
  await weir.server.stop();
  const { status, body } = await weir.ask("/readyz");
  assertEquals([status, (body as { code: string }).code], [503, "state"]);
});

Deno.test("Server.fetch takes a prefix however it is written, and no request whose body was read", async () => {
  await using weir = new Portless();
  for (const prefix of ["/video", "/video/", "video"]) {
    const request = new Request("http://localhost/video/healthz");
    const answer = await weir.server.fetch(request, { prefix });
    await answer.body?.cancel();
    assertEquals(answer.status, 200, prefix);
  }
  const read = new Request("http://localhost/live/cam.flv", { method: "PUT", body: "FLV" });
  await read.text();
  await assertRejects(() => weir.server.fetch(read), TypeError, "read already");
});

Deno.test("HttpDoor waits for a stream, and then says in JSON that there is none", async () => {
  await using weir = new Portless();
  const { status, body, headers } = await weir.ask("/live/cam.flv");
  assertEquals(status, 404);
  assertEquals(body, { code: "absent", reason: "There is no stream live/cam" });
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(weir.server.snapshot().refused.absent, 1);
  assertEquals(weir.server.tickets.size, 0);
});

Deno.test("HttpDoor answers 405 with what is allowed, and OPTIONS with the same", async () => {
  await using weir = new Portless();
  const wrong = await weir.ask("/live/cam.flv", { method: "DELETE" });
  assertEquals(wrong.status, 405);
  const allowed = "GET, PUT, POST, HEAD, OPTIONS";
  assertEquals(wrong.headers.get("allow"), allowed);
  const options = await weir.ask("/live/cam.flv", { method: "OPTIONS" });
  assertEquals([options.status, options.headers.get("allow")], [204, allowed]);
  assertEquals((await weir.ask("/healthz", { method: "POST" })).status, 405);
});

Deno.test("HttpDoor takes no path that means something else to others", async () => {
  await using weir = new Portless();
  const cases: readonly [string, number][] = [
    ["/live/a%2fb.flv", 400],
    ["/live/a%5Cb.flv", 400],
    ["/live/a%00.flv", 400],
    ["/live/%ff.flv", 400],
    ["/live//cam.flv", 400],
    ["/live/%01.flv", 400],
    ["/.flv", 400],
    ["/live/../../healthz", 200],
    ["/live/..%2f..%2fhealthz", 400],
    [`/${"a".repeat(4096)}.flv`, 414],
    [`/${"a".repeat(65_536)}`, 414],
    ["/nothing", 404],
  ];
  for (const [path, status] of cases) {
    assertEquals((await weir.ask(path)).status, status, path.slice(0, 40));
  }
});

Deno.test("HttpDoor asks the gate with Basic, Bearer and what the query shows", async () => {
  const shown: unknown[] = [];
  await using weir = new Portless({
    hooks: {
      authenticate: ({ credentials, name, action }) => {
        shown.push({ ...credentials, name, action });
        return { allow: "anonymous" };
      },
    },
  });
  const authorization = (value: string) => ({ headers: { authorization: value } });
  await weir.ask("/live/a.flv", authorization(`Basic ${btoa("ann:pa:ss")}`));
  await weir.ask("/live/b.flv", authorization("Bearer abc"));
  await weir.ask("/live/c.flv?token=xyz");
  await weir.ask("/live/d.flv?user=bob&pass=secret");
  await weir.ask("/live/e.flv", authorization("Basic !!!"));
  const action = "play";
  assertEquals(shown, [
    { kind: "password", username: "ann", password: "pa:ss", name: "live/a", action },
    { kind: "token", token: "abc", name: "live/b", action },
    { kind: "token", token: "xyz", name: "live/c", action },
    { kind: "password", username: "bob", password: "secret", name: "live/d", action },
    { kind: "none", name: "live/e", action },
  ]);
});

Deno.test("HttpDoor asks who is there with 401, and says why not with 403", async () => {
  await using weir = new Portless({
    hooks: {
      authenticate: fixedUsers({ ann: "secret" }),
      onPlay: ({ name }) => name === "live/hidden" ? { refuse: "Not for you" } : undefined,
    },
  });
  const none = await weir.ask("/live/hidden.flv");
  assertEquals(none.status, 401);
  assertMatch(none.headers.get("www-authenticate") ?? "", /^Basic realm="weir"/);
  const known = { headers: { authorization: `Basic ${btoa("ann:secret")}` } };
  const refused = await weir.ask("/live/hidden.flv", known);
  assertEquals([refused.status, refused.body], [403, { code: "denied", reason: "Not for you" }]);
});

Deno.test("HttpDoor sends players elsewhere by 302, and to URLs of HTTP alone", async () => {
  await using weir = new Portless({
    hooks: {
      onPlay: ({ name }) => ({
        redirect: name === "live/a" ? "https://other.example/live/a.flv" : "rtmp://other.example/x",
      }),
    },
  });
  const moved = await weir.ask("/live/a.flv", { redirect: "manual" });
  assertEquals(moved.status, 302);
  assertEquals(moved.headers.get("location"), "https://other.example/live/a.flv");
  assertEquals((await weir.ask("/live/b.flv")).status, 403);
});

Deno.test("pages of other origins may play, and may neither publish nor read what is no media", async () => {
  await using weir = new Portless();
  const from = (origin: string) => ({ headers: { origin } });
  const played = await weir.ask("/live/cam.flv", from("https://else.example"));
  assertEquals(played.headers.get("access-control-allow-origin"), "*");
  const asked = await weir.ask("/live/cam.flv", {
    method: "OPTIONS",
    ...from("https://else.example"),
  });
  assertEquals(asked.headers.get("access-control-allow-methods"), "GET, HEAD");
  const put = { method: "PUT", body: FLV_FILE };
  const crossing = await weir.ask("/live/cam.flv", { ...put, ...from("https://else.example") });
  assertEquals([crossing.status, (crossing.body as { code: string }).code], [403, "origin"]);
  assertEquals(
    (await weir.ask("/live/cam.flv", { ...put, ...from("http://weir.test") })).status,
    200,
    "its own page may",
  );
  const health = await weir.ask("/healthz", from("https://else.example"));
  assertEquals(health.headers.get("access-control-allow-origin"), null);
});

Deno.test("an origin that is named may publish, and a host that is not the server's may not", async () => {
  await using weir = new Portless({
    httpOrigins: { media: ["https://studio.example"] },
    httpHosts: ["live.example"],
  });
  const put = (headers: Record<string, string>) => ({ method: "PUT", body: FLV_FILE, headers });
  const ask = async (host: string, headers: Record<string, string>): Promise<number> => {
    const request = new Request(`http://${host}/live/cam.flv`, put(headers));
    const response = await weir.server.fetch(request);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await ask("live.example", { origin: "https://studio.example" }), 200);
  assertEquals(await ask("live.example", { origin: "https://else.example" }), 403);
  // A page whose name was made to lead here says of itself that it is of the same origin.
  assertEquals(await ask("evil.example", { origin: "http://evil.example" }), 421);
  assertEquals(await ask("127.0.0.1:8080", {}), 200);
  assertEquals(await ask("[::1]:8080", {}), 200);
});

Deno.test("an answer that differs by origin differs by all else that it says too", async () => {
  const init = { headers: { vary: "accept-encoding" } };
  await using weir = new Portless({
    httpOrigins: { media: ["https://studio.example"] },
    httpOutputs: [
      { protocol: "whole", suffix: /\.whole$/, methods: { GET: () => new WholeAnswer("", init) } },
      { protocol: "slow", suffix: /\.slow$/, methods: { GET: () => new Response("", init) } },
    ],
  });
  for (const path of ["/live/cam.whole", "/live/cam.slow"]) {
    assertEquals((await weir.ask(path)).headers.get("vary"), "accept-encoding, origin", path);
  }
  assertEquals((await weir.ask("/live/cam.flv")).headers.get("vary"), "origin");
});

Deno.test("requests count for the bounds of connections and of requests, but for those of health", async () => {
  await using weir = new Portless({ maxRequestsPerSecond: 2 });
  const statuses = [];
  for (let at = 0; at < 3; at++) statuses.push((await weir.ask("/live/none.flv")).status);
  assertEquals(statuses, [404, 404, 503]);
  assertEquals((await weir.ask("/healthz")).status, 200);
  await using full = new Portless({ maxConnections: 0 });
  assertEquals((await full.ask("/live/none.flv")).status, 503);
  assertEquals((await full.ask("/healthz")).status, 200);
});

Deno.test("a handler that throws costs its own request alone", async () => {
  await using weir = new Portless({
    httpOutputs: [{
      protocol: "http-broken",
      suffix: /\.broken$/,
      methods: { GET: () => Promise.reject(new Error("a secret of the program")) },
    }],
  });
  const { status, body } = await weir.ask("/live/cam.broken");
  assertEquals([status, body], [500, { code: "internal", reason: "Internal error" }]);
  assertEquals(weir.server.connectionCount, 0);
  assert((await weir.ask("/healthz")).status === 200);
});

Deno.test("FLV that is none is refused with the reason, and the name is free again", async () => {
  await using weir = new Portless();
  const { status, body } = await weir.ask("/live/cam.flv", {
    method: "PUT",
    body: "<html></html>",
  });
  assertEquals(status, 400);
  assertEquals(body, { code: "signature", reason: "An FLV file starts with FLV" });
  assertEquals(weir.server.tickets.size, 0);
  assertEquals((await weir.ask("/live/cam.flv", { method: "PUT" })).status, 400);
  assertEquals((await weir.ask("/live/cam.flv", { method: "PUT", body: "FLV" })).status, 400);
});
