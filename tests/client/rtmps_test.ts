import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import { RtmpError } from "../../src/rtmp/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";
import { frame, frameNumber, headers, readUntil, writeAll } from "./rtmp_media.ts";

Deno.test({
  name: "RtmpClient speaks RTMPS with a server whose certificate it is told to trust, and no other",
  ignore: ignoreWithout("openssl"),
  async fn() {
    await using folder = new TemporaryFolder();
    const paths = { key: `${folder.path}/key.pem`, cert: `${folder.path}/cert.pem` };
    const { code } = await run("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(" "),
      ..."-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1".split(" "),
      ..."-addext basicConstraints=critical,CA:FALSE -keyout".split(" "),
      paths.key,
      "-out",
      paths.cert,
    ]);
    assertEquals(code, 0);
    const cert = await Deno.readTextFile(paths.cert);
    const key = await Deno.readTextFile(paths.key);
    await using weir = await TestServer.start();
    const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
    const serving = (async () => {
      for (;;) {
        const conn = await listener.accept().catch(() => undefined);
        if (conn === undefined) return;
        weir.server.serveRtmp({
          readable: conn.readable,
          writable: conn.writable,
          remoteAddress: "127.0.0.1",
        });
      }
    })();
    try {
      const url = `rtmps://localhost:${listener.addr.port}/live/cam`;
      {
        await using publisher = await RtmpClient.connect(url, { caCerts: [cert] });
        const publication = await publisher.publish();
        await writeAll(publication, [...headers(), ...frame(0, { bytes: 100_000 })]);
        await using player = await RtmpClient.connect(url, { caCerts: [cert] });
        await readUntil(await player.play(), (unit) => frameNumber(unit) === 0);
      }
      const error = await assertRejects(() => RtmpClient.connect(url));
      assertInstanceOf(error, RtmpError);
      assertEquals(error.code, "unreachable");
    } finally {
      listener.close();
      await serving;
    }
  },
});
