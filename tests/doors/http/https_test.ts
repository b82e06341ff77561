import { assertEquals, assertRejects } from "@std/assert";
import { ServerError } from "../../../mod.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { ignoreWithout, run } from "../../support/process.ts";
import { RtmpClient } from "../../support/rtmp_client.ts";
import { TestServer, until } from "../../support/test_server.ts";
import { FlvPlayer } from "./flv_player.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const ignore = ignoreWithout("openssl");

/** Asserts that a port shows a certificate that `cert` vouches for. */
async function assertShows(port: number, cert: string): Promise<void> {
  using conn = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [cert] });
  await conn.handshake();
}

Deno.test({
  name: "HTTPS plays, by HTTP/2 too, and shows another certificate while players go on",
  ignore,
  // Deno counts a client of fetch that was closed with a body under way as one that is open.
  sanitizeResources: false,
  async fn() {
    const [first, second] = [await makeCertificate(), await makeCertificate()];
    await using weir = await TestServer.start({ https: LOCAL, tls: first });
    const { port } = weir.server.addresses.find(({ protocol }) => protocol === "https")!;
    const url = `https://127.0.0.1:${port}/live/cam.flv`;
    using publisher = await RtmpClient.publisher(weir.port, "cam");
    await publisher.frames(0, 2);
    await until(() => weir.server.stream("live/cam").statistics?.publisher?.units === 4);

    using client = Deno.createHttpClient({ caCerts: [first.cert, second.cert] });
    await assertShows(port, first.cert);
    const player = FlvPlayer.ofAnswer(await fetch(url, { client }));
    assertEquals(await player.frameNumbers(1), [0, 1]);

    await assertRejects(
      () => weir.server.reloadTls({ cert: second.cert, key: first.key }),
      ServerError,
      "do not belong together",
    );
    await weir.server.reloadTls(second);
    assertEquals(
      weir.server.addresses.find(({ protocol }) => protocol === "https")?.port,
      port,
    );
    await publisher.frames(2, 2);
    assertEquals(await player.frameNumbers(3), [2, 3], "the player goes on");
    await assertRejects(() =>
      fetch(url, { client: Deno.createHttpClient({ caCerts: [first.cert] }) })
    );
    const other = FlvPlayer.ofAnswer(await fetch(url, { client }));
    assertEquals(await other.frameNumbers(3), [0, 1, 2, 3]);
    await player.leave();
    await other.leave();
  },
});

Deno.test({
  name: "HTTPS offers HTTP/2",
  ignore: ignore || ignoreWithout("curl"),
  async fn() {
    const tls = await makeCertificate();
    await using weir = await TestServer.start({ rtmp: false, https: LOCAL, tls });
    const { stdout } = await run("curl", [
      ...["-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"],
      `https://127.0.0.1:${weir.port}/healthz`,
    ]);
    assertEquals(new TextDecoder().decode(stdout), "2 200");
  },
});

Deno.test("HTTPS without a certificate is refused before anything listens", async () => {
  await assertRejects(
    () => TestServer.start({ rtmp: false, https: LOCAL }),
    ServerError,
    "without a certificate",
  );
});
