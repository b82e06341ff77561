import { assert, assertEquals } from "@std/assert";
import { buildAuthorization, parseChallenges, type RtspChallenge } from "../../../src/rtsp/mod.ts";
import { fixedUsers } from "../../../src/server/mod.ts";
import { ffmpeg } from "../../support/media_file.ts";
import { ignoreWithout } from "../../support/process.ts";
import { RtspPeer, SDP } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TCP = "RTP/AVP/TCP;unicast;interleaved=0-1";

function start(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  return TestServer.start({ rtmp: false, rtsp: LOCAL, ...options });
}

/** A published stream, and the URL of its one track. */
async function publish(weir: TestServer): Promise<{ publisher: RtspPeer; url: string }> {
  const publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  return { publisher, url: `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0` };
}

Deno.test("onPlay is asked once a player: for its DESCRIBEs and the SETUP behind them", async () => {
  const asked: string[] = [];
  await using weir = await start({
    rtp: LOCAL,
    hooks: { onPlay: ({ name, query }) => void asked.push(`${name}?${query}`) },
  });
  const { publisher, url } = await publish(weir);
  using _publisher = publisher;
  using player = await RtspPeer.dial(weir.port);
  for (let round = 0; round < 2; round++) {
    assertEquals((await player.request("DESCRIBE")).status, 200);
  }
  const udp = (port: number) => ({ Transport: `RTP/AVP;unicast;client_port=${port}-${port + 1}` });
  const first = await player.request("SETUP", { url, headers: udp(20_500) });
  assertEquals([first.status, asked], [200, ["live/cam?"]]);

  // Another connection that goes on with the session is the same player.
  const [session] = first.headers.get("Session")!.split(";");
  using second = await RtspPeer.dial(weir.port);
  const headers = { Session: session! };
  assertEquals((await second.request("PLAY", { headers })).status, 200);
  assertEquals(asked.length, 1);

  // A second session is another player.
  assertEquals((await player.request("SETUP", { url, headers: udp(20_502) })).status, 200);
  assertEquals(asked, ["live/cam?", "live/cam?"]);
});

Deno.test("a DESCRIBE with another query is another player, who is asked about anew", async () => {
  const asked: string[] = [];
  await using weir = await start({
    hooks: {
      onPlay: ({ query }) => {
        asked.push(String(query));
        return query.get("token") === "right" ? undefined : { refuse: "No" };
      },
    },
  });
  using _publisher = (await publish(weir)).publisher;
  using player = await RtspPeer.dial(weir.port);
  const describe = async (token: string) => {
    const url = `rtsp://127.0.0.1:${weir.port}/live/cam?token=${token}`;
    return (await player.request("DESCRIBE", { url })).status;
  };
  assertEquals([await describe("right"), await describe("wrong")], [200, 403]);
  assertEquals(await describe("right"), 200);
  assertEquals(asked, ["token=right", "token=wrong"]);
  // Not every client says the query again.
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`;
  assertEquals((await player.request("SETUP", { url, headers: { Transport: TCP } })).status, 200);
  assertEquals(asked.length, 2);
});

Deno.test("a store that has hashes of passwords alone lets its user in, and nobody with another password", async () => {
  // MD5 of "me:weir:se:cret" (RFC 7616, 3.4.2).
  const ha1 = "9b55a1d363c8bfe0572e589810d897e2";
  await using weir = await start({
    hooks: {
      authenticate: ({ credentials }) => {
        const isRight = credentials.kind === "digest" && credentials.username === "me" &&
          credentials.realm === "weir" && credentials.verify({ ha1 });
        return isRight ? { allow: { user: "me" } } : { challenge: "Who are you?" };
      },
    },
  });
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  const description = { headers: { "Content-Type": "application/sdp" }, body: SDP };
  const announce = async (password: string) => {
    const peer = await RtspPeer.dial(weir.port);
    const asked = await peer.request("ANNOUNCE", { url, ...description });
    assertEquals(asked.status, 401);
    const Authorization = buildAuthorization(
      parseChallenges(asked.headers.getAll("WWW-Authenticate")),
      { method: "ANNOUNCE", url, credentials: { username: "me", password } },
    )!;
    const headers = { ...description.headers, Authorization };
    const answer = await peer.request("ANNOUNCE", { url, ...description, headers });
    peer.close();
    return answer.status;
  };
  assertEquals([await announce("secret"), await announce("se:cret")], [401, 200]);
});

Deno.test("a Digest of an algorithm that is not offered is asked for what is, and the connection goes on", async () => {
  await using weir = await start({ hooks: { authenticate: fixedUsers({ me: "secret" }) } });
  using peer = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  const credentials = { username: "me", password: "secret" };
  const challenges = parseChallenges(
    (await peer.request("DESCRIBE")).headers.getAll("WWW-Authenticate"),
  );
  const [digest] = challenges.filter(({ scheme }) => scheme === "digest");
  const show = async (challenge: RtspChallenge) => {
    const request = { method: "DESCRIBE", url, credentials };
    const Authorization = buildAuthorization([challenge], request)!;
    return (await peer.request("DESCRIBE", { headers: { Authorization } })).status;
  };
  for (let time = 0; time < 4; time++) {
    assertEquals(await show({ ...digest!, algorithm: "SHA-256" }), 401);
  }
  // It has not guessed, so it may still show what is right.
  assertEquals(await show(digest!), 404);
});

Deno.test("a refusal is not remembered, and another connection is asked about anew", async () => {
  let isOpen = false;
  let asked = 0;
  await using weir = await start({
    hooks: { onPlay: () => ++asked && isOpen ? undefined : { refuse: "Not yet" } },
  });
  const { publisher, url } = await publish(weir);
  using _publisher = publisher;
  using player = await RtspPeer.dial(weir.port);
  assertEquals((await player.request("DESCRIBE")).status, 403);
  isOpen = true;
  assertEquals((await player.request("DESCRIBE")).status, 200);
  using other = await RtspPeer.dial(weir.port);
  isOpen = false;
  assertEquals((await other.request("SETUP", { url, headers: { Transport: TCP } })).status, 403);
  assertEquals(asked, 3);
});

Deno.test("client ports that are the server's own RTP ports are refused in words, others of the machine taken", async () => {
  await using weir = await start({ rtp: LOCAL });
  const { publisher, url } = await publish(weir);
  using _publisher = publisher;
  const own = weir.server.addresses.find(({ protocol }) => protocol === "rtp")!.port;
  using player = await RtspPeer.dial(weir.port);
  for (const [port, status] of [[own, 461], [own + 1, 461], [own - 1, 461], [own + 2, 200]]) {
    const headers = { Transport: `RTP/AVP;unicast;client_port=${port}-${port! + 1}` };
    const response = await player.request("SETUP", { url, headers });
    assertEquals(response.status, status, `${port! - own}`);
    if (status === 461) assert(response.reason.includes("the server's own"), response.reason);
  }
});

Deno.test("200 pipelined DESCRIBEs are answered or refused in words, and stall nobody", async () => {
  await using weir = await start();
  const { publisher } = await publish(weir);
  using _publisher = publisher;
  using player = await RtspPeer.dial(weir.port);
  const requests = Array.from(
    { length: 200 },
    () => new TextDecoder().decode(player.encode("DESCRIBE")),
  );
  await player.send(requests.join(""));
  const statuses = new Map<number, number>();
  for (let number = 1; number <= 200; number++) {
    const { status, headers } = await player.response();
    assertEquals(headers.get("CSeq"), String(number));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  // How many come before the first is answered depends on how the network cuts them.
  assertEquals([...statuses.keys()].filter((status) => status !== 200 && status !== 503), []);
  assert(statuses.get(200)! >= 64);
  assertEquals((await player.request("DESCRIBE")).status, 200, "the connection goes on");
});

Deno.test("garbage with letters between a publisher's frames is skipped, and told once", async () => {
  await using weir = await start();
  const { publisher } = await publish(weir);
  using _publisher = publisher;
  const packet = new Uint8Array(172);
  packet[0] = 0x80;
  for (let number = 0; number < 5; number++) {
    packet[3] = number;
    await publisher.frame(0, packet);
    await publisher.send("Zwischen $\x77\xff\xff\x03 den Paketen\x00");
  }
  assertEquals((await publisher.request("OPTIONS")).status, 200);
  const about = "rtsp bytes that belong to no message are skipped";
  await weir.log.line(({ message }) => message === about);
  await publisher.send("noch mehr\x00");
  assertEquals((await publisher.request("OPTIONS")).status, 200);
  await until(() => weir.server.streams.length === 1);
  assertEquals(weir.log.lines.filter(({ message }) => message === about).length, 1);
});

Deno.test({
  name: "a live stream that has nothing for RTSP is answered with 415 and the reason, not with 404",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using weir = await TestServer.start({ rtsp: LOCAL });
    await using _publisher = ffmpeg([
      ...["-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25", "-c:v", "flv1"],
      ...["-f", "flv", `${weir.url}/live/old`],
    ]);
    await until(() => weir.server.stream("live/old").statistics?.publisher !== undefined);
    const { port } = weir.server.addresses.find(({ protocol }) => protocol === "rtsp")!;
    using player = await RtspPeer.dial(port);
    const url = `rtsp://127.0.0.1:${port}/live/old`;
    for (
      const response of [
        await player.request("DESCRIBE", { url }),
        await player.request("SETUP", { url: `${url}/trackID=0`, headers: { Transport: TCP } }),
      ]
    ) {
      assertEquals(response.status, 415);
      assert(response.reason.includes("has nothing that RTSP players can be sent"));
    }
  },
});
