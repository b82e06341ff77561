/** Clients made of gortsplib, which ask RTSPS servers for SRTP first; needs Go, and its module proxy. */
import { assertEquals } from "@std/assert";
import { makeCertificate } from "../../support/certificate.ts";
import { TemporaryFolder } from "../../support/media_file.ts";
import { ignoreWithout, ROOT, run, RunningProcess } from "../../support/process.ts";
import { TestServer } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

Deno.test({
  name: "gortsplib publishes and plays over RTSPS by UDP with SRTP, and plays so by TCP",
  ignore: ignoreWithout("go", "openssl"),
  async fn() {
    await using folder = new TemporaryFolder();
    const client = `${folder.path}/client`;
    const built = await run("go", ["build", "-o", client, "."], {
      cwd: `${ROOT}tests/doors/rtsp/gortsplib`,
      limitMs: 300_000,
    });
    if (/dial tcp|no such host|Forbidden/.test(built.stderr)) {
      return console.log("Skipped, since gortsplib cannot be downloaded here");
    }
    assertEquals(built.code, 0, built.stderr);
    const tls = await makeCertificate();
    await using weir = await TestServer.start({
      rtmp: false,
      rtsp: LOCAL,
      rtsps: LOCAL,
      rtp: LOCAL,
      tls,
    });
    const { port } = weir.server.addresses.find(({ protocol }) => protocol === "rtsps")!;
    const url = `rtsps://127.0.0.1:${port}/live/cam`;
    await using publisher = new RunningProcess(client, ["record", "udp", url], { limitMs: 90_000 });
    await publisher.line(/^profile 1$/);
    for (const over of ["udp", "tcp"]) {
      const { stdout } = await run(client, ["play", over, url], { limitMs: 40_000 });
      assertEquals(new TextDecoder().decode(stdout), "profile 1\nplayed, reports: true\n", over);
    }
  },
});
