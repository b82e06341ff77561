/** Other ports while the server runs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ServerError } from "../../mod.ts";
import { makeCertificate } from "../support/certificate.ts";
import { freePort } from "../support/free_port.ts";
import { RtmpClient } from "../support/rtmp_client.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

async function isOpen(port: number, hostname = "127.0.0.1"): Promise<boolean> {
  try {
    (await Deno.connect({ hostname, port })).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test("a port that is changed is another for newcomers, and whoever is there goes on", async () => {
  await using weir = await TestServer.start({ rtmp: LOCAL, rtsp: LOCAL, http: LOCAL });
  const { server } = weir;
  const portOf = (protocol: string) =>
    server.addresses.find((one) => one.protocol === protocol)?.port ?? 0;
  using publisher = await RtmpClient.publisher(portOf("rtmp"), "cam");
  using player = await RtmpClient.player(portOf("rtmp"), "cam");
  await publisher.frames(0, 1);
  await player.frameNumbers(0);
  using rtsp = await RtspPeer.dial(portOf("rtsp"));
  assertEquals((await rtsp.request("OPTIONS")).status, 200);
  const answer = await fetch(`http://127.0.0.1:${portOf("http")}/live/cam.flv`);
  const body = answer.body!.getReader();
  await body.read();

  const before = ["rtmp", "rtsp", "http"].map(portOf);
  for (const protocol of ["rtmp", "rtsp", "http"]) {
    await server.relisten(protocol, { hostname: "127.0.0.1", port: freePort() });
  }
  assertEquals(await Promise.all(before.map((port) => isOpen(port))), [false, false, false]);
  await publisher.frames(1, 1);
  await player.frameNumbers(1);
  assertEquals((await rtsp.request("OPTIONS")).status, 200);
  assertEquals((await body.read()).done, false);
  using late = await RtmpClient.player(portOf("rtmp"), "cam");
  await late.frameNumbers(1);
  using other = await RtspPeer.dial(portOf("rtsp"));
  assertEquals((await other.request("OPTIONS")).status, 200);
  const health = await fetch(`http://127.0.0.1:${portOf("http")}/healthz`);
  await health.body?.cancel();
  assertEquals(health.status, 200);
  await body.cancel();
});

Deno.test("a port that cannot be had leaves the former as it is", async () => {
  await using weir = await TestServer.start({ rtmp: LOCAL, http: LOCAL });
  const { server } = weir;
  using taken = Deno.listen(LOCAL);
  for (const protocol of ["rtmp", "http"]) {
    const address = server.addresses.find((one) => one.protocol === protocol)!;
    const error = await assertRejects(
      () => server.relisten(protocol, { hostname: "127.0.0.1", port: taken.addr.port }),
      ServerError,
    );
    assertEquals(error.code, "address-in-use");
    // The former has the port, and has to go first.
    await assertRejects(
      () => server.relisten(protocol, { hostname: "192.0.2.1", port: address.port }),
      ServerError,
    );
    assert(await isOpen(address.port));
    assertEquals(server.addresses.filter((one) => one.protocol === protocol), [address]);
  }
  await assertRejects(() => server.relisten("https", LOCAL), ServerError, "certificate");
  await assertRejects(() => server.relisten("telnet", LOCAL), ServerError, "telnet");
});

Deno.test("a protocol is turned off and on, over TLS too, and the same port is had at other addresses", async () => {
  const tls = await makeCertificate();
  await using weir = await TestServer.start({ rtmp: LOCAL });
  const { server } = weir;
  const { port } = weir;
  await server.relisten("rtmp", false);
  assertEquals([await isOpen(port), server.addresses], [false, []]);
  await server.reloadTls(tls);
  for (const protocol of ["rtmp", "rtsp", "rtmps", "rtsps", "http", "https"]) {
    await server.relisten(protocol, LOCAL);
  }
  assertEquals(server.addresses.map(({ protocol }) => protocol).toSorted(), [
    ...["http", "https", "rtmp", "rtmps", "rtsp", "rtsps"],
  ]);
  for (const { port } of server.addresses) assert(await isOpen(port));
  const fixed = freePort();
  await server.relisten("rtmp", { hostname: "127.0.0.1", port: fixed });
  await server.relisten("rtmp", { hostname: "0.0.0.0", port: fixed });
  assert(await isOpen(fixed));
  assertEquals(server.addresses.find(({ protocol }) => protocol === "rtmp")?.hostname, "0.0.0.0");
});
