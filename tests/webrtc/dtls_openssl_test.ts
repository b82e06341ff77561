import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { SRTP_PROFILES } from "../../src/rtp/mod.ts";
import { DtlsServer } from "../../src/webrtc/mod.ts";
import { newIdentity, random } from "./dtls_peer.ts";

interface Outcome {
  readonly server: DtlsServer;
  readonly printed: string;
}

/** Has OpenSSL's client shake hands with a server; `lose` says which datagrams never arrive. */
async function shake(
  options: {
    readonly key?: "ec" | "rsa";
    readonly fingerprint?: string;
    readonly lose?: (index: number) => boolean;
  } = {},
): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  try {
    const made = await new Deno.Command("openssl", {
      args: [
        ..."req -x509 -nodes -days 2 -subj /CN=client -keyout key.pem -out cert.pem".split(" "),
        ...(options.key === "rsa"
          ? ["-newkey", "rsa:2048"]
          : ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]),
      ],
      cwd: folder,
      stderr: "null",
    }).output();
    assert(made.success);
    const pem = await Deno.readTextFile(`${folder}/cert.pem`);
    const der = Uint8Array.fromBase64(pem.replaceAll(/-----[^-]+-----|\s/g, ""));
    const server = new DtlsServer({
      identity: newIdentity(),
      fingerprints: [{
        algorithm: "SHA-256",
        value: options.fingerprint ?? createHash("sha256").update(der).digest("hex"),
      }],
      srtpProfiles: SRTP_PROFILES,
      random,
    });
    const { port } = socket.addr as Deno.NetAddr;
    const client = new Deno.Command("openssl", {
      args: [
        ...`s_client -dtls1_2 -connect 127.0.0.1:${port} -cert cert.pem -key key.pem`.split(" "),
        ..."-use_srtp SRTP_AES128_CM_SHA1_80 -keymatexport EXTRACTOR-dtls_srtp".split(" "),
        ..."-keymatexportlen 60 -no_ticket -timeout".split(" "),
      ],
      cwd: folder,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const stdin = client.stdin.getWriter();
    let now = 0;
    let index = 0;
    let sent = 0;
    const serving = (async () => {
      for await (const [datagram, peer] of socket) {
        now += 10;
        if (options.lose?.(index++) !== true) server.receive(datagram, now);
        for (const output of server.takeOutput()) {
          if (options.lose?.(1000 + sent++) !== true) await socket.send(output, peer);
        }
        if (server.isClosed) break;
      }
    })();
    let printed = "";
    for await (const text of client.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      // It prints that once all is done, and then waits for what it is to send.
      if (printed.includes("Verify return code")) await stdin.close().catch(() => {});
    }
    await stdin.close().catch(() => {});
    await client.status;
    socket.close();
    await serving.catch(() => {});
    return { server, printed };
  } finally {
    try {
      socket.close();
    } catch {
      // Closed above.
    }
    await Deno.remove(folder, { recursive: true });
  }
}

for (const key of ["ec", "rsa"] as const) {
  Deno.test(`DtlsServer and OpenSSL, with a key of ${key}, come to the same keys of SRTP`, async () => {
    const { server, printed } = await shake({ key });
    const material = /Keying material: ([\dA-F]+)/.exec(printed)?.[1] ?? printed;
    assertEquals(server.reason, "The client has sent alert 0");
    const keys = server.keys!;
    const { local, remote } = keys;
    assertEquals(local.profile.name, "AES_CM_128_HMAC_SHA1_80");
    assertEquals(
      material,
      [remote.key, local.key, remote.salt, local.salt].map((part) => part.toHex()).join("")
        .toUpperCase(),
    );
    assertStringIncludes(printed, "ECDHE-ECDSA-AES128-GCM-SHA256");
    assertStringIncludes(printed, "Extended master secret: yes");
  });
}

Deno.test("DtlsServer ends the handshake of a client with another certificate than it told", async () => {
  const { server } = await shake({ fingerprint: "00".repeat(32) });
  assertEquals(server.keys, undefined);
  assertStringIncludes(server.reason, "not the one of the description");
});

Deno.test("DtlsServer shakes hands where the first answer and a part of the client's flight are lost", async () => {
  const { server, printed } = await shake({ lose: (index) => index === 1000 || index === 2 });
  assert(server.keys !== undefined, server.reason);
  assertStringIncludes(printed, "Keying material: ");
});
