/** Connections and requests that belong together, and come to different workers. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ServerOptions } from "../../../mod.ts";
import { MulticastGroups } from "../../../src/doors/rtsp/multicast_groups.ts";
import { encodeRequest } from "../../../src/rtsp/mod.ts";
import { LoopedPublisher } from "../../doors/http/looped_publisher.ts";
import { RtspPeer } from "../../support/rtsp_peer.ts";
import { type LogLine, TestServer, until, WORKER_DIED } from "../../support/test_server.ts";
import { offerOf, post } from "../../support/webrtc_client.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TWO = { workers: 2, rtmp: false } as const satisfies ServerOptions;

function portOf(weir: TestServer, protocol: string): number {
  return weir.server.addresses.find((one) => one.protocol === protocol)!.port;
}

async function head(peer: RtspPeer): Promise<string> {
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const bytes = await peer.read();
    if (bytes === undefined) break;
    text += new TextDecoder().decode(bytes);
  }
  return text;
}

/** Opens a tunnel; its connections come to any worker. */
async function tunnel(port: number, cookie: string) {
  const down = await RtspPeer.dial(port);
  const fields = `x-sessioncookie: ${cookie}\r\nContent-Type: application/x-rtsp-tunnelled\r\n`;
  await down.send(`GET /live/cam HTTP/1.0\r\n${fields}\r\n`);
  assertMatch(await head(down), /^HTTP\/1\.[01] 200 OK\r\n/);
  const up = await RtspPeer.dial(port);
  await up.send(`POST /live/cam HTTP/1.0\r\n${fields}Content-Length: 32767\r\n\r\n`);
  assertMatch(await head(up), /^HTTP\/1\.[01] 200 OK\r\n/);
  const request = async (method: string, url: string, headers: Record<string, string> = {}) => {
    await up.send(encodeRequest({ method, url, headers: { CSeq: "7", ...headers } }).toBase64());
    return await down.response();
  };
  const close = (): void => {
    down.close();
    up.close();
  };
  return { down, up, request, [Symbol.dispose]: close };
}

Deno.test("both connections of an HTTP tunnel come to the worker that its cookie tells, whatever has accepted them", async () => {
  await using weir = await TestServer.start({ ...TWO, rtsp: LOCAL });
  await using _source = new LoopedPublisher(weir.server, "live/cam", ["h264"]);
  const port = portOf(weir, "rtsp");
  const url = "rtsp://h/live/cam";
  // Of eight pairs of connections some come to different workers, and some both to the wrong one.
  for (let at = 0; at < 8; at++) {
    using client = await tunnel(port, `cookie-${at}`);
    assertEquals((await client.request("DESCRIBE", url)).status, 200);
    const set = await client.request("SETUP", `${url}/trackID=0`, {
      Transport: "RTP/AVP/TCP;unicast;interleaved=0-1",
    });
    const session = { Session: set.headers.get("Session")!.split(";")[0]! };
    assertEquals((await client.request("PLAY", url, session)).status, 200);
    for (let frames = 0; frames < 3; frames++) await client.down.nextFrame();
    // A client may close its POST and open the next: that too comes to any worker.
    if (at > 1) continue;
    client.up.close();
    const up = await RtspPeer.dial(port);
    await up.send(
      `POST /live/cam HTTP/1.0\r\nx-sessioncookie: cookie-${at}\r\nContent-Length: 9999\r\n\r\n`,
    );
    assertMatch(await head(up), /^HTTP\/1\.[01] 200 OK\r\n/);
    const headers = { CSeq: "8", ...session };
    await up.send(encodeRequest({ method: "TEARDOWN", url, headers }).toBase64());
    assertEquals((await client.down.response()).status, 200);
    up.close();
  }
  // Snapshots of workers come once a second.
  await until(() => weir.server.tickets.size === 1 && weir.server.connectionCount === 0);
});

Deno.test("a second connection for an RTSP session comes to the worker that has it", async () => {
  await using weir = await TestServer.start({ ...TWO, rtsp: LOCAL, rtp: LOCAL });
  const port = portOf(weir, "rtsp");
  using first = await RtspPeer.dial(port);
  const session = await first.announce("RTP/AVP;unicast;client_port=5000-5001");
  assertEquals((await first.request("RECORD", { headers: session })).status, 200);
  assertMatch(session.Session!, /^000[01][0-9a-f]{32}$/);
  first.close();
  for (let tries = 0; tries < 5; tries++) {
    using second = await RtspPeer.dial(port);
    const { status } = await second.request("GET_PARAMETER", { headers: session });
    assertEquals(status, 200);
  }
  using last = await RtspPeer.dial(port);
  assertEquals((await last.request("TEARDOWN", { headers: session })).status, 200);
  await until(() => weir.server.tickets.size === 0);
});

Deno.test("a connection that a worker passes on ends with either worker", async () => {
  await using weir = await TestServer.start({ ...TWO, rtsp: LOCAL });
  const clients = [];
  for (let at = 0; at < 4; at++) clients.push(await tunnel(portOf(weir, "rtsp"), `cookie-${at}`));
  weir.log.expectedErrors.add(WORKER_DIED);
  weir.server.restartWorker(0);
  // All that were at the worker, and all that have gone through it.
  const isIt = ({ message }: LogLine) => message === "a worker has been started again";
  await weir.log.line(isIt);
  const timers: ReturnType<typeof setTimeout>[] = [];
  const alive = await Promise.all(clients.map(async ({ down, up }) => {
    try {
      await up.send(
        encodeRequest({ method: "OPTIONS", url: "*", headers: { CSeq: "7" } }).toBase64(),
      );
      const late = new Promise<never>((_, reject) => timers.push(setTimeout(reject, 1000)));
      return (await Promise.race([down.response(), late])).status === 200;
    } catch {
      return false;
    }
  }));
  for (const timer of timers) clearTimeout(timer);
  assert(alive.some((is) => !is));
  for (const client of clients) client[Symbol.dispose]();
  using again = await tunnel(portOf(weir, "rtsp"), "again");
  assertEquals((await again.request("OPTIONS", "*")).status, 200);
});

Deno.test("what is asked of a WHEP or WHIP session is answered by the worker that has it", async () => {
  await using weir = await TestServer.start({ ...TWO, http: LOCAL, webrtc: LOCAL });
  await using _source = new LoopedPublisher(weir.server, "live/cam", ["h264"]);
  const base = `http://127.0.0.1:${portOf(weir, "http")}`;
  for (
    const [path, direction] of [["/live/cam/whep", "recvonly"], [
      "/live/other/whip",
      "sendonly",
    ]] as const
  ) {
    for (let tries = 0; tries < 3; tries++) {
      const made = await post(base + path, offerOf(direction), { connection: "close" });
      assertEquals(made.status, 201, await made.text());
      const session = base + made.headers.get("location")!;
      const ask = async (method: string, init: RequestInit = {}) => {
        const headers = { ...init.headers as Record<string, string>, connection: "close" };
        const answer = await fetch(session, { ...init, method, headers });
        return { status: answer.status, text: await answer.text() };
      };
      const patched = await ask("PATCH", {
        headers: { "content-type": "application/trickle-ice-sdpfrag", "if-match": '"1"' },
        body: "a=end-of-candidates\r\n",
      });
      assertEquals(patched.status, 204, JSON.stringify(patched));
      assertEquals((await ask("HEAD")).status, 204);
      assertEquals((await ask("DELETE")).status, 200);
      assertEquals((await ask("DELETE")).status, 404);
    }
  }
  // A page of another origin may do so with what plays, and not with what publishes.
  for (const [path, isAllowed] of [["whep", true], ["whip", false]] as const) {
    for (const place of ["0000", "0001"]) {
      const answer = await fetch(`${base}/live/cam/${path}/${place}${"0".repeat(32)}`, {
        method: "OPTIONS",
        headers: { origin: "https://page.example", "access-control-request-method": "DELETE" },
      });
      await answer.body?.cancel();
      const methods = answer.headers.get("access-control-allow-methods") ?? "";
      assertEquals(methods.includes("DELETE"), isAllowed, `${path} ${place} ${answer.status}`);
    }
  }
});

Deno.test("the multicast groups of several workers are no two streams'", () => {
  const options = { group: "239.0.0.0/31", port: 65_536 - 5 * 32 };
  const given = [0, 1].flatMap((index) => {
    const groups = new MulticastGroups(options, () => true, { index, of: 2 });
    return ["a", "b", "c", "d"].flatMap((name) => groups.of(name, 0)?.ports[0] ?? []);
  });
  assertEquals(given.length, 5);
  assertEquals(new Set(given).size, 5);
});
