import { assertEquals } from "@std/assert";
import { parseRtcp } from "../../../src/rtp/mod.ts";
import { RtspPeer, UdpPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A server, a publisher or player over UDP, and what waits for the good-bye that its RTCP port gets. */
async function begin(action: "publish" | "play") {
  const weir = await TestServer.start({ rtmp: false, rtsp: LOCAL, rtp: LOCAL });
  const peer = await RtspPeer.dial(weir.port);
  const other = await RtspPeer.dial(weir.port);
  // Clients choose an even port; nobody has to.
  const media = new UdpPeer();
  const rtcp = new UdpPeer();
  const transport = `RTP/AVP;unicast;client_port=${media.port}-${rtcp.port}`;
  const headers: Record<string, string> = {};
  if (action === "publish") {
    Object.assign(headers, await peer.announce(transport));
    assertEquals((await peer.request("RECORD", { headers })).status, 200);
  } else {
    await other.record();
    const url = `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`;
    const setUp = await peer.request("SETUP", { url, headers: { Transport: transport } });
    headers.Session = setUp.headers.get("Session")!.split(";")[0]!;
    assertEquals((await peer.request("PLAY", { headers })).status, 200);
  }
  const goodbye = async () => {
    for (;;) {
      const packets = parseRtcp(await rtcp.receive());
      if (packets.some(({ type }) => type === "goodbye")) return;
    }
  };
  const close = async () => {
    for (const one of [peer, other, media, rtcp]) one[Symbol.dispose]();
    await weir[Symbol.asyncDispose]();
  };
  return { server: weir.server, peer, headers, goodbye, [Symbol.asyncDispose]: close };
}

const ACTIONS = [["publish", "publishes"], ["play", "plays"]] as const;

for (const [action, does] of ACTIONS) {
  Deno.test(
    `who is kicked while it ${does} over UDP gets a good-bye, and is told why when it asks`,
    async () => {
      await using begun = await begin(action);
      const { server, peer, headers, goodbye } = begun;
      const ticket = server.tickets.values().find(({ info }) => info.action === action)!;
      ticket.kick("The hall is\r\nclosed");
      await goodbye();
      // The connection is still there, with the header and without.
      for (const request of [{ headers }, {}]) {
        const { status, reason } = await peer.request("PAUSE", request);
        assertEquals([status, reason], [454, "Session Not Found: The hall is  closed"]);
      }
      // Another connection may go on with a session over UDP, and is told too.
      using second = await RtspPeer.dial((peer.conn.remoteAddr as Deno.NetAddr).port);
      assertEquals(
        (await second.request("TEARDOWN", { headers })).reason,
        "Session Not Found: The hall is  closed",
      );
    },
  );

  Deno.test(
    `a connection that is kicked while it ${does} over UDP gets a good-bye and is closed`,
    async () => {
      await using begun = await begin(action);
      const { server, peer, headers, goodbye } = begun;
      server.connections[0]!.kick("Enough");
      await goodbye();
      assertEquals(await peer.rest(), "");
      using second = await RtspPeer.dial((peer.conn.remoteAddr as Deno.NetAddr).port);
      assertEquals(
        (await second.request("PAUSE", { headers })).reason,
        "Session Not Found: Enough",
      );
    },
  );
}

Deno.test("a publisher over UDP whose stream is taken away gets a good-bye, and is told why when it asks", async () => {
  await using begun = await begin("publish");
  const { server, peer, headers, goodbye } = begun;
  server.stream("live/cam")!.unpublish("Time is over");
  await goodbye();
  assertEquals(
    (await peer.request("PAUSE", { headers })).reason,
    "Session Not Found: Time is over",
  );
});

Deno.test("as many sessions over UDP as are allowed outlive their connections, of loopback as many as are told", async () => {
  for (
    const [limits, most] of [[{}, 70], [{ maxDetachedSessionsPerAddress: 2 }, 2], [{
      maxDetachedSessions: 3,
    }, 3]] as const
  ) {
    await using weir = await TestServer.start({ rtmp: false, rtsp: LOCAL, rtp: LOCAL, ...limits });
    using publisher = await RtspPeer.dial(weir.port);
    await publisher.record();
    const url = `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`;
    for (let number = 0; number < 70; number++) {
      using peer = await RtspPeer.dial(weir.port);
      const port = 21_000 + 2 * number;
      const headers = { Transport: `RTP/AVP;unicast;client_port=${port}-${port + 1}` };
      const setUp = await peer.request("SETUP", { url, headers });
      const session = { Session: setUp.headers.get("Session")! };
      assertEquals((await peer.request("PLAY", { headers: session })).status, 200);
    }
    await until(() => weir.server.connectionCount === 1);
    assertEquals(weir.server.snapshot().doors.rtsp.detachedSessions, most);
  }
});
