/** The client's side of the handshake, as plain as it can be: for tests and benchmarks that need many clients. */
import { createECDH, createHash, sign } from "node:crypto";
import { concat } from "@std/bytes/concat";
import { ByteReader, ByteWriter } from "../../src/bytes/mod.ts";
import { SRTP_PROFILES, type SrtpMasterKey } from "../../src/rtp/mod.ts";
import type { DtlsIdentity } from "../../src/webrtc/mod.ts";
import { HandshakeReader, writeHandshake } from "../../src/webrtc/dtls/dtls_handshake.ts";
import {
  dtlsRecords,
  DtlsRecordWriter,
  type DtlsWriteKey,
  openRecord,
} from "../../src/webrtc/dtls/dtls_record.ts";
import { prf } from "../../src/webrtc/dtls/prf.ts";
import { random } from "./dtls_peer.ts";

/** Does a handshake with a server, over datagrams that do not get lost; whom it talks to, it does not check. */
export class DtlsTestClient {
  /** What is to be sent. */
  output: Uint8Array[] = [];
  /** The keys of SRTP, once it is done. */
  keys: { readonly local: SrtpMasterKey; readonly remote: SrtpMasterKey } | undefined;
  /** Whether the server has said that it is over. */
  isClosed = false;
  readonly #identity: DtlsIdentity;
  readonly #random = random(32);
  readonly #ecdh = createECDH("prime256v1");
  readonly #reader = new HandshakeReader();
  readonly #writer = new DtlsRecordWriter();
  readonly #profiles: readonly number[];
  readonly #changeSignature: ((signature: Uint8Array) => Uint8Array) | undefined;
  #transcript: Uint8Array[] = [];
  #sequence = 0;
  #serverRandom: Uint8Array = new Uint8Array(0);
  #profile = 0;
  #master: Uint8Array = new Uint8Array(0);
  #serverKey: DtlsWriteKey | undefined;

  constructor(
    identity: DtlsIdentity,
    options: {
      readonly profiles?: readonly number[];
      readonly changeSignature?: (signature: Uint8Array) => Uint8Array;
    } = {},
  ) {
    this.#identity = identity;
    this.#changeSignature = options.changeSignature;
    this.#profiles = options.profiles ?? [1];
    this.#ecdh.setPrivateKey(random(32));
    this.#sayHello(new Uint8Array(0));
  }

  receive(datagram: Uint8Array): void {
    for (const record of dtlsRecords(datagram)) {
      const content = record.epoch === 0 ? record.fragment : openRecord(this.#serverKey!, record);
      if (content === undefined) continue;
      if (record.type === 21) this.isClosed = true;
      if (record.type !== 22) continue;
      this.#reader.push(content, record.epoch);
      for (let message; (message = this.#reader.next()) !== undefined;) {
        if (message.type === 20) this.keys = this.#srtpKeys();
        // What asks for the cookie is no part of the transcript (RFC 6347, 4.2.1).
        else if (message.type !== 3) this.#transcript.push(writeHandshake(message));
        if (message.type === 3) this.#showCookie(message.body);
        else if (message.type === 2) this.#readHello(message.body);
        else if (message.type === 12) this.#readExchange(message.body);
        else if (message.type === 14) this.#answer();
      }
    }
  }

  #sayHello(cookie: Uint8Array): void {
    const profiles = this.#profiles;
    const extensions = new ByteWriter().u16(10).u16(4).u16(2).u16(23).u16(13).u16(4).u16(2)
      .u16(0x0403).u16(14).u16(3 + profiles.length * 2).u16(profiles.length * 2);
    for (const profile of profiles) extensions.u16(profile);
    extensions.u8(0).u16(23).u16(0);
    this.#send(
      1,
      new ByteWriter().u16(0xfefd).bytes(this.#random).u8(0).u8(cookie.length).bytes(cookie)
        .u16(2).u16(0xc02b).u8(1).u8(0).u16(extensions.length).bytes(extensions.finish()).finish(),
    );
  }

  #showCookie(body: Uint8Array): void {
    this.#transcript = [];
    this.#sayHello(body.slice(3, 3 + body[2]!));
  }

  #readHello(body: Uint8Array): void {
    this.#serverRandom = body.slice(2, 34);
    const reader = new ByteReader(body.subarray(40));
    while (reader.remaining > 0) {
      const type = reader.u16();
      const value = reader.view(reader.u16());
      if (type === 14) this.#profile = value[2]! << 8 | value[3]!;
    }
  }

  #readExchange(body: Uint8Array): void {
    this.#master = this.#ecdh.computeSecret(body.slice(4, 4 + body[3]!));
  }

  #answer(): void {
    const { certificate, privateKey } = this.#identity;
    this.#send(
      11,
      new ByteWriter().u24(certificate.length + 3).u24(certificate.length).bytes(certificate)
        .finish(),
    );
    const point = this.#ecdh.getPublicKey();
    this.#send(16, new ByteWriter().u8(point.length).bytes(point).finish());
    this.#master = prf(this.#master, {
      label: "extended master secret",
      seed: this.#hash(),
      length: 48,
    });
    const made = new Uint8Array(sign("sha256", concat(this.#transcript), privateKey));
    const signature = this.#changeSignature?.(made) ?? made;
    this.#send(15, new ByteWriter().u16(0x0403).u16(signature.length).bytes(signature).finish());
    const block = prf(this.#master, {
      label: "key expansion",
      seed: concat([this.#serverRandom, this.#random]),
      length: 40,
    });
    this.#serverKey = { key: block.slice(16, 32), salt: block.slice(36, 40) };
    this.output.push(this.#writer.write({ type: 20, epoch: 0, content: Uint8Array.of(1) }));
    this.#writer.encrypt({ key: block.slice(0, 16), salt: block.slice(32, 36) });
    this.#send(20, prf(this.#master, { label: "client finished", seed: this.#hash(), length: 12 }));
  }

  #srtpKeys() {
    const profile = SRTP_PROFILES.find(({ dtlsId }) => dtlsId === this.#profile)!;
    const { keyBytes, saltBytes } = profile;
    const reader = new ByteReader(prf(this.#master, {
      label: "EXTRACTOR-dtls_srtp",
      seed: concat([this.#random, this.#serverRandom]),
      length: 2 * (keyBytes + saltBytes),
    }));
    const [key, remoteKey] = [reader.view(keyBytes), reader.view(keyBytes)];
    const [salt, remoteSalt] = [reader.view(saltBytes), reader.view(saltBytes)];
    return { local: { profile, key, salt }, remote: { profile, key: remoteKey, salt: remoteSalt } };
  }

  /** Says that it is over. */
  close(): void {
    this.output.push(this.#writer.write({ type: 21, epoch: 1, content: Uint8Array.of(1, 0) }));
  }

  #send(type: number, body: Uint8Array): void {
    const content = writeHandshake({ type, sequence: this.#sequence++, body });
    this.#transcript.push(content);
    const { epoch } = this.#writer;
    this.output.push(this.#writer.write({ type: 22, epoch, content }));
  }

  #hash(): Uint8Array {
    return createHash("sha256").update(concat(this.#transcript)).digest();
  }
}
