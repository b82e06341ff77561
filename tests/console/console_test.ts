import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fixedUsers, Server } from "../../mod.ts";
import { TestServer } from "../support/test_server.ts";

async function get(path: string, init: RequestInit & { prefix?: string } = {}) {
  await using server = new Server();
  const { prefix, ...request } = init;
  const answer = await server.fetch(
    new Request(`http://localhost${path}`, { headers: { accept: "text/html" }, ...request }),
    prefix === undefined ? {} : { prefix },
  );
  return { answer, body: await answer.text() };
}

Deno.test("the pages have nothing inline, nothing of another host, and say so in their policy", async () => {
  for (const path of ["/", "/recordings", "/live/cam", "/live/cam?embed=1"]) {
    const { answer, body } = await get(path);
    assertEquals(answer.status, 200);
    assertEquals(answer.headers.get("content-type"), "text/html; charset=utf-8");
    const policy = answer.headers.get("content-security-policy")!;
    assert(!/unsafe|https?:/.test(policy), policy);
    assertEquals(policy.includes("frame-ancestors 'self'"), !path.includes("embed"));
    assert(!/<script(?![^>]* src=)|<style| style=| on\w+=|https?:/.test(body), body);
  }
});

Deno.test("all that a page names is there, where the server is mounted elsewhere too", async () => {
  for (const prefix of ["", "/video"]) {
    const { body } = await get(`${prefix}/live/cam`, { prefix });
    const names = Array.from(body.matchAll(/(?:href|src)="([^"]+)"/g), ([, path]) => path!);
    assert(names.length >= 4);
    for (const name of names) {
      const { answer } = await get(name, { prefix });
      assertEquals(answer.status, 200, name);
    }
  }
});

Deno.test("what a request says does not come into a page", async () => {
  const hostile = "/live/%3Cscript%3Ealert(1)%3C%2Fscript%3E";
  const { body } = await get(`${hostile}?x=%3Cb%3E`);
  assert(!body.includes("alert"), body);
});

Deno.test("other methods, files and forms are refused in words", async () => {
  for (
    const [path, init, status] of [
      ["/", { method: "POST" }, 405],
      ["/console/../deno.json", {}, 404],
      ["/console/none.js", {}, 404],
      ["/console/constructor", {}, 404],
      ["/live/cam", { headers: { accept: "*/*" } }, 404],
      ["/live/cam/notes.txt", {}, 404],
      [`/console/qr.svg?text=${"x".repeat(600)}`, {}, 400],
    ] as const
  ) {
    const { answer, body } = await get(path, init);
    assertEquals(answer.status, status, `${path}: ${body}`);
    if (status !== 404 || body !== "") assert(JSON.parse(body).reason, body);
  }
});

Deno.test("a stream's page is told the ports of its addresses, and of nothing else, by who may play it", async () => {
  const local = { hostname: "127.0.0.1", port: 0 };
  const authenticate = fixedUsers({ ann: "secret" });
  await using weir = await TestServer.start({
    http: local,
    webrtc: local,
    hooks: { authenticate },
  });
  const { server, port } = weir;
  const told = async (query: string) => {
    const url = `http://localhost/live/none${query}`;
    const headers = { accept: "application/json" };
    const answer = await server.fetch(new Request(url, { headers }));
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  };
  const granted = await told("?user=ann&password=secret");
  assertEquals(granted.status, 200);
  assertEquals(granted.body, { addresses: [{ protocol: "rtmp", port }] });
  assertEquals(granted.headers.get("cache-control"), "no-store");
  assertEquals(granted.headers.get("vary"), "accept");
  for (const query of ["", "?user=ann&password=wrong"]) {
    const { status, body } = await told(query);
    assertEquals([status, body.addresses], [401, undefined], query);
  }
  const page = await server.fetch(
    new Request("http://localhost/live/none", { headers: { accept: "text/html" } }),
  );
  assertEquals([page.status, page.headers.get("vary")], [200, "accept"]);
  await page.body?.cancel();
});

Deno.test("without the console there are no pages, and streams play all the same", async () => {
  await using server = new Server({ console: false });
  const answer = await server.fetch(new Request("http://localhost/live/cam"));
  assertEquals(answer.status, 404);
  assertStringIncludes(await answer.text(), "reason");
});
