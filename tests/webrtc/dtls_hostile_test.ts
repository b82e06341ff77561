import { assertEquals } from "@std/assert";
import { generateKeyPairSync, sign } from "node:crypto";
import { SRTP_PROFILES } from "../../src/rtp/mod.ts";
import { DtlsServer } from "../../src/webrtc/mod.ts";
import { DtlsFault } from "../../src/webrtc/dtls/alert.ts";
import { checkSignature, matchesFingerprint } from "../../src/webrtc/dtls/peer_certificate.ts";
import { newIdentity, random } from "./dtls_peer.ts";

/** A hello of a client of ours: one record of one fragment. */
function hello(change: (body: Uint8Array) => Uint8Array = (body) => body): Uint8Array {
  const extensions = Uint8Array.fromHex(
    "000a00040002" + "0017" + "000d00040002" + "0403" + "000e000500020001" + "00" + "00170000",
  );
  const body = change(Uint8Array.fromHex(
    "fefd" + "11".repeat(32) + "00" + "00" + "0002c02b" + "0100" +
      extensions.length.toString(16).padStart(4, "0") + extensions.toHex(),
  ));
  const size = body.length.toString(16).padStart(6, "0");
  const fragment = `01${size}0000000000${size}${body.toHex()}`;
  const length = (fragment.length / 2).toString(16).padStart(4, "0");
  return Uint8Array.fromHex(`16fefd0000000000000000${length}${fragment}`);
}

function newServer(): DtlsServer {
  return new DtlsServer({
    identity: newIdentity(),
    fingerprints: [{ algorithm: "sha-256", value: "00" }],
    srtpProfiles: SRTP_PROFILES,
    random,
  });
}

Deno.test("DtlsServer answers a hello once, and sends its answer again in time, and not for ever", () => {
  const server = newServer();
  server.receive(hello(), 0);
  assertEquals(server.state, "shaking");
  assertEquals(server.takeOutput().length, 1);
  server.tick(399);
  assertEquals(server.takeOutput().length, 0);
  let sent = 0;
  for (let now = 400; now < 1e9; now = now * 1.2 + 1) {
    server.tick(now);
    server.receive(hello(), now);
    sent += server.takeOutput().length;
  }
  assertEquals(sent, 11);
});

Deno.test("DtlsServer ends at hellos that it cannot answer, and tells why by an alert", () => {
  const alerts = new Map<number, Uint8Array>([
    [40, hello((body) => (body[39] = 0x2c, body))],
    [70, hello((body) => (body[1] = 0xff, body))],
    [50, hello((body) => body.subarray(0, 40))],
  ]);
  for (const [alert, datagram] of alerts) {
    const server = newServer();
    server.receive(datagram, 0);
    assertEquals(server.state, "closed");
    assertEquals(server.takeOutput()[0]?.subarray(-2), Uint8Array.of(2, alert));
  }
});

Deno.test("DtlsServer never throws, and answers garbage with little", () => {
  for (let i = 0; i < 300; i++) {
    const server = newServer();
    let output = 0;
    for (let j = 0; j < 20; j++) {
      const datagram = j % 3 === 0 ? hello() : random(60 + j * 20);
      if (j % 3 !== 0) datagram.set([20 + j % 6, 0xfe, 0xfd, 0, j % 2]);
      if (j % 3 === 0) {
        for (const at of random(j)) datagram[13 + at % (datagram.length - 13)] = at;
      }
      if (j % 3 !== 0) datagram.set([0, datagram.length - 13], 11);
      server.receive(datagram, j);
      for (const { length } of server.takeOutput()) output += length;
    }
    if (output > 14 * 1200) throw new Error(`${output} bytes of answers`);
  }
});

Deno.test("checkSignature takes a signature of the certificate's own key alone", () => {
  const { certificate, privateKey, fingerprint } = newIdentity();
  const transcript = random(500);
  const signature = new Uint8Array(sign("sha256", transcript, privateKey));
  const other = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
  const forged = new Uint8Array(sign("sha256", transcript, other));
  const faultOf = (parts: Parameters<typeof checkSignature>[1], of = certificate) => {
    try {
      checkSignature(of, parts);
      return undefined;
    } catch (error) {
      if (error instanceof DtlsFault) return error.alert;
      throw error;
    }
  };
  assertEquals(faultOf({ scheme: 0x0403, transcript, signature }), undefined);
  assertEquals(faultOf({ scheme: 0x0403, transcript, signature: forged }), 51);
  assertEquals(faultOf({ scheme: 0x0401, transcript, signature }), 51);
  assertEquals(faultOf({ scheme: 0x0201, transcript, signature }), 47);
  for (let length = 0; length < certificate.length; length += 7) {
    const cut = certificate.subarray(0, length);
    if (faultOf({ scheme: 0x0403, transcript, signature }, cut) === undefined && length < 250) {
      throw new Error(`${length} bytes of a certificate were enough`);
    }
  }
  assertEquals(matchesFingerprint(certificate, [fingerprint]), true);
  assertEquals(matchesFingerprint(certificate, [{ ...fingerprint, algorithm: "sha-1" }]), false);
  assertEquals(matchesFingerprint(random(100), [fingerprint]), false);
});
