import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type CommandMessage, parseRtmpUrl, RtmpError } from "../../src/rtmp/mod.ts";
import { RtmpClient } from "../../src/client/mod.ts";
import { redirected } from "../../src/client/rtmp_redirection.ts";
import { makeCertificate } from "../support/certificate.ts";
import { ignoreWithout } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";
import { type ScriptedPeer, ScriptedServer } from "./scripted_server.ts";

const SUCCESS = { code: "NetConnection.Connect.Success" };

async function connectError(url: string, timeoutMs: number): Promise<RtmpError> {
  const error = await assertRejects(() => RtmpClient.connect(url, { timeoutMs }));
  assertInstanceOf(error, RtmpError, String(error));
  return error;
}

function isEnhanced({ object }: CommandMessage): boolean {
  return Object.keys(object as object).some((key) => /fourCc|capsEx/i.test(key));
}

/** Answers a connect without the lists of Enhanced RTMP alone. */
function oldServer(asked: boolean[], onEnhanced: (peer: ScriptedPeer) => Promise<unknown>) {
  return new ScriptedServer(async (peer) => {
    await peer.shakeHands();
    const connect = await peer.command("connect");
    asked.push(isEnhanced(connect));
    if (isEnhanced(connect)) await onEnhanced(peer);
    else await peer.answer(connect, "_result", SUCCESS);
    await peer.command("never");
  });
}

Deno.test("a server that drops a connect with strict arrays, or closes at it, is asked once without (go2rtc)", async () => {
  const ways: Record<string, (peer: ScriptedPeer) => Promise<unknown>> = {
    "drops it": (peer) => peer.command("never"),
    "closes": (peer) => Promise.resolve(peer.close()),
  };
  for (const [way, onEnhanced] of Object.entries(ways)) {
    const asked: boolean[] = [];
    await using server = oldServer(asked, onEnhanced);
    await using client = await RtmpClient.connect(`${server.url}/live/cam`, { timeoutMs: 900 });
    assertEquals([asked, client.url.app], [[true, false], "live"], way);
  }
});

Deno.test("a server that is slow with its answer keeps the connection that it answers, and the other is closed", async () => {
  const asked: boolean[] = [];
  const plainClosed = Promise.withResolvers<void>();
  const plainAsked = Promise.withResolvers<void>();
  await using server = new ScriptedServer(async (peer) => {
    await peer.shakeHands();
    const connect = await peer.command("connect");
    asked.push(isEnhanced(connect));
    if (isEnhanced(connect)) {
      await plainAsked.promise;
      await peer.answer(connect, "_result", SUCCESS);
    } else plainAsked.resolve();
    await peer.command("never").catch(() => {
      if (!isEnhanced(connect)) plainClosed.resolve();
    });
  });
  await using client = await RtmpClient.connect(`${server.url}/live/cam`, { timeoutMs: 900 });
  assertEquals(asked, [true, false]);
  await plainClosed.promise;
  client.call("anything").catch(() => {});
  await client.close();
});

Deno.test("a server that answers no connect at all is asked twice, and the error says what was reached", async () => {
  await using server = new ScriptedServer(async (peer) => {
    await peer.shakeHands();
    await peer.command("never");
  });
  const error = await connectError(`${server.url}/live/cam`, 300);
  assertEquals(
    [error.code, error.message.replace(/port \d+/, "port 1")],
    [
      "timeout",
      "No connection to 127.0.0.1 at port 1 within 300 ms: connected, handshake done, no answer to connect",
    ],
  );
  assertEquals(server.connections, 2);
});

Deno.test("the error of a connection that takes too long, or is closed, says how far it came", async () => {
  await using mute = new ScriptedServer(async (peer) => void await peer.message(() => false));
  assertEquals(
    (await connectError(`${mute.url}/live/cam`, 100)).message.replace(/.*ms: /, ""),
    "connected, the handshake is not done",
  );
  await using closing = new ScriptedServer(async (peer) => {
    await peer.shakeHands();
    await peer.command("connect");
    peer.close();
  });
  const closed = await connectError(`${closing.url}/live/cam`, 1000);
  assertEquals(closed.code, "closed");
  assert(closed.message.includes("handshake done, no answer to connect"), closed.message);
});

Deno.test("a redirection takes the credentials to the same host alone, at whatever port", () => {
  const from = parseRtmpUrl("rtmp://me:secret@host/live/cam?user=me&Pass=x&token=a%20b");
  const same = redirected(from, "rtmp://host:1936/other");
  assertEquals([same.username, same.password, same.app, same.key], [
    "me",
    "secret",
    "other",
    "cam?user=me&Pass=x&token=a%20b",
  ]);
  const foreign = redirected(from, "rtmp://elsewhere/other");
  assertEquals([foreign.username, foreign.password, foreign.key], [
    undefined,
    undefined,
    "cam?token=a%20b",
  ]);
  // What the server names itself is its own affair.
  const named = redirected(from, "rtmp://you:hello@host/other");
  assertEquals([named.username, named.password], ["you", "hello"]);
});

Deno.test({
  name: "an RtmpClient does not follow from rtmps to rtmp, and tells nobody there anything",
  ignore: ignoreWithout("openssl"),
  async fn() {
    await using plain = new ScriptedServer((peer) => peer.accept());
    const { cert, key } = await makeCertificate();
    await using weir = await TestServer.start({
      rtmp: false,
      rtmps: { hostname: "127.0.0.1", port: 0 },
      tls: { cert, key },
      hooks: { onConnect: () => ({ redirect: `${plain.url}/live` }) },
    });
    const url = `rtmps://me:se4cret@127.0.0.1:${weir.port}/live/cam?token=t0ken1`;
    const error = await assertRejects(() => RtmpClient.connect(url, { caCerts: [cert] }));
    assertInstanceOf(error, RtmpError);
    assertEquals([error.code, plain.connections], ["connect-rejected", 0]);
  },
});
