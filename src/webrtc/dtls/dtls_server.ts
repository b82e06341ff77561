import { sign } from "node:crypto";
import { concat } from "@std/bytes/concat";
import { ByteWriter } from "../../bytes/mod.ts";
import type { SrtpProfile } from "../../rtp/mod.ts";
import { Alert, DtlsFault } from "./alert.ts";
import {
  type ClientHello,
  ECDHE_ECDSA_AES_128_GCM_SHA256,
  ExtensionType,
  parseClientHello,
  readerOf,
  SECP256R1,
  SignatureScheme,
} from "./client_hello.ts";
import { HandshakeType, type ReceivedHandshake } from "./dtls_handshake.ts";
import { DTLS_1_2 } from "./dtls_record.ts";
import { type DtlsOptions, DtlsSide } from "./dtls_side.ts";
import { checkSignature } from "./peer_certificate.ts";

/**
 * The server's side of DTLS 1.2. There is no exchange of cookies: datagrams are for it only from an address that has
 * proved to be there, by ICE.
 */
export class DtlsServer extends DtlsSide {
  #hello: ClientHello | undefined;
  #serverRandom: Uint8Array = new Uint8Array(0);
  #isProved = false;

  /** Waits for a client's hello. */
  constructor(options: DtlsOptions) {
    super(options, { isServer: true });
  }

  /** The client begins. */
  start(): void {}

  /** See {@linkcode DtlsSide.handle}. */
  protected handle(message: ReceivedHandshake): boolean {
    const { type, body, isEncrypted } = message;
    const before = this.transcript.length;
    switch (type) {
      case HandshakeType.ClientHello:
        if (this.state !== "waiting" || isEncrypted) return false;
        this.note(message);
        this.#answerHello(parseClientHello(body));
        return true;
      case HandshakeType.Certificate:
        if (this.state !== "shaking" || this.certificate !== undefined) return false;
        this.note(message);
        this.takeCertificate(body);
        return true;
      case HandshakeType.ClientKeyExchange:
        if (this.certificate === undefined || this.hasKeys) return false;
        this.note(message);
        this.#takeKeyExchange(body);
        return true;
      case HandshakeType.CertificateVerify:
        if (!this.hasKeys || this.#isProved || isEncrypted) return false;
        this.#takeProof(body, concat(this.transcript.slice(0, before)));
        this.note(message);
        this.takeEarly();
        return true;
      case HandshakeType.Finished:
        if (!this.#isProved || this.state !== "shaking" || !isEncrypted) return false;
        this.takeFinished(body);
        this.note(message);
        this.send(this.finished());
        this.connected();
        return true;
    }
    return false;
  }

  #answerHello(hello: ClientHello): void {
    const { srtpProfiles, random, identity } = this.options;
    this.#hello = hello;
    this.profile = srtpProfiles.find(({ dtlsId }) =>
      dtlsId !== undefined && hello.srtpProfiles.includes(dtlsId)
    );
    if (this.profile === undefined) {
      throw new DtlsFault(Alert.HandshakeFailure, "The client has none of the profiles of SRTP");
    }
    this.#serverRandom = random(32);
    const key = new Uint8Array(this.ecdh.getPublicKey());
    const exchange = new ByteWriter(80).u8(3).u16(SECP256R1).u8(key.length).bytes(key).finish();
    const signed = concat([hello.random, this.#serverRandom, exchange]);
    const signature = new Uint8Array(sign("sha256", signed, identity.privateKey));
    this.send([
      this.own(HandshakeType.ServerHello, this.#serverHello(hello, this.profile)),
      this.own(HandshakeType.Certificate, identityMessage(identity.certificate)),
      this.own(
        HandshakeType.ServerKeyExchange,
        new ByteWriter().bytes(exchange).u16(SignatureScheme.EcdsaSha256).u16(signature.length)
          .bytes(signature).finish(),
      ),
      // Certificates of ECDSA and RSA keys, of any authority.
      this.own(
        HandshakeType.CertificateRequest,
        new ByteWriter().u8(2).u8(64).u8(1).u16(6).u16(SignatureScheme.EcdsaSha256)
          .u16(SignatureScheme.EcdsaSha384).u16(SignatureScheme.RsaSha256).u16(0).finish(),
      ),
      this.own(HandshakeType.ServerHelloDone, new Uint8Array(0)),
    ]);
  }

  #serverHello(hello: ClientHello, profile: SrtpProfile): Uint8Array {
    const extensions = new ByteWriter()
      .u16(ExtensionType.RenegotiationInfo).u16(1).u8(0)
      .u16(ExtensionType.EcPointFormats).u16(2).u8(1).u8(0)
      .u16(ExtensionType.UseSrtp).u16(5).u16(2).u16(profile.dtlsId!).u8(0);
    if (hello.hasExtendedMasterSecret) extensions.u16(ExtensionType.ExtendedMasterSecret).u16(0);
    return new ByteWriter().u16(DTLS_1_2).bytes(this.#serverRandom).u8(0)
      .u16(ECDHE_ECDSA_AES_128_GCM_SHA256).u8(0)
      .u16(extensions.length).bytes(extensions.finish()).finish();
  }

  #takeKeyExchange(body: Uint8Array): void {
    const reader = readerOf(body);
    const { random, hasExtendedMasterSecret } = this.#hello!;
    const serverRandom = this.#serverRandom;
    const hellos = { clientRandom: random, serverRandom, hasExtendedMasterSecret };
    this.makeKeys(reader.view(reader.u8()), hellos);
  }

  #takeProof(body: Uint8Array, transcript: Uint8Array): void {
    const reader = readerOf(body);
    const scheme = reader.u16();
    const signature = reader.view(reader.u16());
    checkSignature(this.certificate!, { scheme, transcript, signature });
    this.#isProved = true;
  }
}

/** The message that shows a certificate. */
export function identityMessage(certificate: Uint8Array): Uint8Array {
  return new ByteWriter().u24(certificate.length + 3).u24(certificate.length).bytes(certificate)
    .finish();
}
