import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { SRTP_PROFILES } from "../../src/rtp/mod.ts";
import { DtlsClient, type DtlsIdentity, DtlsServer, type DtlsSide } from "../../src/webrtc/mod.ts";
import { newIdentity, random } from "./dtls_peer.ts";

interface Pair {
  readonly client: DtlsSide;
  readonly server: DtlsSide;
}

const [HERE, THERE] = [newIdentity(), newIdentity()];

function side(identity: DtlsIdentity, peer: DtlsIdentity) {
  return { identity, fingerprints: [peer.fingerprint], srtpProfiles: SRTP_PROFILES, random };
}

/** Has both shake hands; `change` says what becomes of each datagram. Time passes as long as it is needed. */
function shake(
  { client, server }: Pair = {
    client: new DtlsClient(side(HERE, THERE)),
    server: new DtlsServer(side(THERE, HERE)),
  },
  change: (datagram: Uint8Array, index: number) => readonly Uint8Array[] = (one) => [one],
): Pair {
  let index = 0;
  client.start(0);
  for (let now = 0; now < 20_000; now += 100) {
    for (const [from, to] of [[client, server], [server, client]] as const) {
      from.tick(now);
      for (const datagram of from.takeOutput()) {
        for (const one of change(datagram, index++)) to.receive(one, now);
      }
    }
    if (client.keys !== undefined && server.keys !== undefined) break;
  }
  return { client, server };
}

function assertSameKeys({ client, server }: Pair, about: string): void {
  assert(client.keys !== undefined && server.keys !== undefined, about);
  assertEquals(client.keys.local, server.keys.remote, about);
  assertEquals(client.keys.remote, server.keys.local, about);
}

Deno.test("DtlsClient and DtlsServer come to the same keys, whatever datagram is lost, doubled or late", () => {
  assertSameKeys(shake(), "as it is");
  for (let lost = 0; lost < 8; lost++) {
    assertSameKeys(shake(undefined, (one, at) => at === lost ? [] : [one]), `without ${lost}`);
    assertSameKeys(
      shake(undefined, (one, at) => at === lost ? [one, one] : [one]),
      `twice ${lost}`,
    );
    let held: Uint8Array | undefined;
    const late = (one: Uint8Array, at: number): readonly Uint8Array[] => {
      if (at === lost) {
        held = one;
        return [];
      }
      return at === lost + 2 && held !== undefined ? [one, held] : [one];
    };
    assertSameKeys(shake(undefined, late), `${lost} late`);
  }
});

Deno.test("DtlsClient ends where the server has another certificate than it told, and tells it", () => {
  const stranger = newIdentity();
  const { client, server } = shake({
    client: new DtlsClient(side(HERE, THERE)),
    server: new DtlsServer(side(stranger, HERE)),
  });
  assertEquals([client.keys, server.keys], [undefined, undefined]);
  assertStringIncludes(client.reason, "not the one of the description");
  assertStringIncludes(server.reason, "alert 42");
});

Deno.test("DtlsClient takes nothing from a server that does not have the key of the certificate", () => {
  const { certificate, fingerprint } = THERE;
  const { privateKey } = newIdentity();
  const { client } = shake({
    client: new DtlsClient(side(HERE, THERE)),
    server: new DtlsServer(side({ certificate, fingerprint, privateKey }, HERE)),
  });
  assertEquals(client.keys, undefined);
  assertStringIncludes(client.reason, "The signature is wrong");
});

Deno.test("a byte that is changed on the way gives neither side keys that differ, and nothing is thrown", () => {
  for (let round = 0; round < 120; round++) {
    const pair = shake(undefined, (one, at) => {
      if (at !== round % 4) return [one];
      const changed = one.slice();
      const place = Math.floor(changed.length * round / 120);
      changed[place] = changed[place]! ^ (1 + round % 255);
      return [changed];
    });
    const { client, server } = pair;
    if (client.keys !== undefined && server.keys !== undefined) assertSameKeys(pair, `${round}`);
  }
});

Deno.test("DtlsClient sends its hello again in time, and not for ever, and then shows a cookie", () => {
  const client = new DtlsClient(side(HERE, THERE));
  client.start(0);
  client.start(0);
  assertEquals(client.takeOutput().length, 1);
  let sent = 0;
  for (let now = 0; now < 1e9; now = now * 1.2 + 1) {
    client.tick(now);
    sent += client.takeOutput().length;
  }
  assertEquals(sent, 11);
});

/** Has the client shake hands with OpenSSL's server, which wants a cookie first. */
async function shakeWithOpenSsl(): Promise<{ client: DtlsSide; printed: string }> {
  const folder = await Deno.makeTempDir();
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const probe = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr as Deno.NetAddr;
  probe.close();
  try {
    const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1";
    const request = `req -x509 -nodes -days 2 -subj /CN=s -keyout key.pem -out cert.pem ${key}`;
    const made = { cwd: folder, stderr: "null" } as const;
    assert(
      (await new Deno.Command("openssl", { args: request.split(" "), ...made }).output()).success,
    );
    const pem = await Deno.readTextFile(`${folder}/cert.pem`);
    const der = Uint8Array.fromBase64(pem.replaceAll(/-----[^-]+-----|\s/g, ""));
    const server = new Deno.Command("openssl", {
      args: [
        ...`s_server -dtls1_2 -listen -accept 127.0.0.1:${port} -4 -cert cert.pem -key key.pem`
          .split(" "),
        ..."-Verify 1 -use_srtp SRTP_AES128_CM_SHA1_80 -keymatexport EXTRACTOR-dtls_srtp".split(
          " ",
        ),
        ..."-keymatexportlen 60".split(" "),
      ],
      cwd: folder,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const client = new DtlsClient({
      identity: HERE,
      fingerprints: [{
        algorithm: "sha-256",
        value: createHash("sha256").update(der).digest("hex"),
      }],
      srtpProfiles: SRTP_PROFILES,
      random,
    });
    const peer: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
    const flush = async () => {
      for (const one of client.takeOutput()) await socket.send(one, peer);
    };
    const start = performance.now();
    // It may not listen yet at the first hello, which is sent again.
    const timer = setInterval(() => {
      client.tick(performance.now() - start);
      void flush().catch(() => {});
    }, 50);
    const receiving = (async () => {
      client.start(0);
      await flush();
      for await (const [datagram] of socket) {
        client.receive(datagram, performance.now() - start);
        await flush();
        if (client.isClosed) break;
      }
    })().catch(() => {});
    let printed = "";
    for await (const text of server.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      if (/Keying material: \w+\s/.test(printed)) break;
    }
    clearInterval(timer);
    server.kill("SIGKILL");
    await server.stdin.close().catch(() => {});
    await server.status;
    socket.close();
    await receiving;
    return { client, printed };
  } finally {
    try {
      socket.close();
    } catch {
      // Closed above.
    }
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("DtlsClient and OpenSSL's server, with a cookie, come to the same keys of SRTP", async () => {
  const { client, printed } = await shakeWithOpenSsl();
  const { local, remote } = client.keys!;
  assertEquals(
    /Keying material: ([\dA-F]+)/.exec(printed)?.[1],
    [local.key, remote.key, local.salt, remote.salt].map((part) => part.toHex()).join("")
      .toUpperCase(),
  );
});
