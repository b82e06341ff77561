import { sign } from "node:crypto";
import { concat } from "@std/bytes/concat";
import { ByteWriter } from "../../bytes/mod.ts";
import { Alert, DtlsFault } from "./alert.ts";
import {
  ECDHE_ECDSA_AES_128_GCM_SHA256,
  ExtensionType,
  readerOf,
  readExtensions,
  SECP256R1,
  SignatureScheme,
} from "./client_hello.ts";
import { HandshakeType, type ReceivedHandshake } from "./dtls_handshake.ts";
import { DTLS_1_2 } from "./dtls_record.ts";
import { identityMessage } from "./dtls_server.ts";
import { type DtlsOptions, DtlsSide } from "./dtls_side.ts";
import { checkSignature } from "./peer_certificate.ts";

/** A curve that is named (RFC 8422, 5.4). */
const NAMED_CURVE = 3;

/** Cookies that a server has its client show again are so long at most (RFC 6347, 4.2.1). */
const MAX_COOKIE_BYTES = 255;

/** The client's side of DTLS 1.2, for peers whose description says that they wait for it (`a=setup:passive`). */
export class DtlsClient extends DtlsSide {
  readonly #random: Uint8Array;
  #hasCookie = false;
  #serverRandom: Uint8Array | undefined;
  #hasExtendedMasterSecret = false;
  /** The server's point of the curve, once it is proved to be of who has the certificate. */
  #point: Uint8Array | undefined;
  #isAsked = false;

  /** Sends nothing until `start`. */
  constructor(options: DtlsOptions) {
    super(options, { isServer: false });
    this.#random = options.random(32);
  }

  /** Says hello; harmless when repeated. */
  start(nowMs: number): void {
    if (this.state !== "waiting") return;
    this.#hello(new Uint8Array(0));
    this.schedule(nowMs);
  }

  /** See {@linkcode DtlsSide.handle}. */
  protected handle(message: ReceivedHandshake): boolean {
    const { type, body, isEncrypted } = message;
    if (this.state !== "shaking" || isEncrypted !== (type === HandshakeType.Finished)) return false;
    switch (type) {
      case HandshakeType.HelloVerifyRequest:
        if (this.#hasCookie || this.#serverRandom !== undefined) return false;
        this.#showCookie(body);
        return true;
      case HandshakeType.ServerHello:
        if (this.#serverRandom !== undefined) return false;
        this.note(message);
        this.#takeHello(body);
        return true;
      case HandshakeType.Certificate:
        if (this.#serverRandom === undefined || this.certificate !== undefined) return false;
        this.note(message);
        this.takeCertificate(body);
        return true;
      case HandshakeType.ServerKeyExchange:
        if (this.certificate === undefined || this.#point !== undefined) return false;
        this.note(message);
        this.#takeKeyExchange(body);
        return true;
      case HandshakeType.CertificateRequest:
        if (this.#point === undefined || this.#isAsked || this.hasKeys) return false;
        this.note(message);
        this.#isAsked = true;
        return true;
      case HandshakeType.ServerHelloDone:
        if (this.#point === undefined || this.hasKeys) return false;
        this.note(message);
        this.#answer(this.#point);
        return true;
      case HandshakeType.Finished:
        if (!this.hasKeys) return false;
        this.takeFinished(body);
        this.connected();
        return true;
    }
    return false;
  }

  #hello(cookie: Uint8Array): void {
    const profiles = this.options.srtpProfiles.flatMap(({ dtlsId }) => dtlsId ?? []);
    const extensions = new ByteWriter()
      .u16(ExtensionType.RenegotiationInfo).u16(1).u8(0)
      .u16(ExtensionType.SupportedGroups).u16(4).u16(2).u16(SECP256R1)
      .u16(ExtensionType.EcPointFormats).u16(2).u8(1).u8(0)
      .u16(ExtensionType.SignatureAlgorithms).u16(4).u16(2).u16(SignatureScheme.EcdsaSha256)
      .u16(ExtensionType.UseSrtp).u16(2 * profiles.length + 3).u16(2 * profiles.length);
    for (const profile of profiles) extensions.u16(profile);
    extensions.u8(0).u16(ExtensionType.ExtendedMasterSecret).u16(0);
    const body = new ByteWriter().u16(DTLS_1_2).bytes(this.#random).u8(0)
      .u8(cookie.length).bytes(cookie).u16(2).u16(ECDHE_ECDSA_AES_128_GCM_SHA256).u8(1).u8(0)
      .u16(extensions.length).bytes(extensions.finish()).finish();
    this.send([this.own(HandshakeType.ClientHello, body)]);
  }

  /** The first hello and what asks for the cookie are no part of the transcript (RFC 6347, 4.2.1). */
  #showCookie(body: Uint8Array): void {
    const reader = readerOf(body);
    reader.skip(2);
    const cookie = reader.view(Math.min(reader.u8(), MAX_COOKIE_BYTES)).slice();
    this.#hasCookie = true;
    this.transcript = [];
    this.#hello(cookie);
  }

  #takeHello(body: Uint8Array): void {
    const reader = readerOf(body);
    if (reader.u16() !== DTLS_1_2) {
      throw new DtlsFault(Alert.ProtocolVersion, "The server has no DTLS 1.2");
    }
    this.#serverRandom = reader.view(32).slice();
    reader.skip(reader.u8());
    if (reader.u16() !== ECDHE_ECDSA_AES_128_GCM_SHA256 || reader.u8() !== 0) {
      throw new DtlsFault(Alert.IllegalParameter, "The server has chosen what was not offered");
    }
    const extensions = readExtensions(reader);
    this.#hasExtendedMasterSecret = extensions.has(ExtensionType.ExtendedMasterSecret);
    const chosen = extensions.get(ExtensionType.UseSrtp) ?? new Uint8Array(0);
    const dtlsId = chosen.length < 4 ? undefined : chosen[2]! << 8 | chosen[3]!;
    this.profile = this.options.srtpProfiles.find((one) =>
      one.dtlsId !== undefined && one.dtlsId === dtlsId
    );
    if (this.profile === undefined) {
      throw new DtlsFault(Alert.HandshakeFailure, "The server has none of the profiles of SRTP");
    }
  }

  /** The server's point, signed with the key of its certificate, together with both randoms (RFC 8422, 5.4). */
  #takeKeyExchange(body: Uint8Array): void {
    const reader = readerOf(body);
    if (reader.u8() !== NAMED_CURVE || reader.u16() !== SECP256R1) {
      throw new DtlsFault(Alert.IllegalParameter, "The server has chosen another curve");
    }
    const point = reader.view(reader.u8()).slice();
    const parameters = body.subarray(0, 4 + point.length);
    const scheme = reader.u16();
    const signature = reader.view(reader.u16());
    const transcript = concat([this.#random, this.#serverRandom!, parameters]);
    checkSignature(this.certificate!, { scheme, transcript, signature });
    this.#point = point;
  }

  #answer(point: Uint8Array): void {
    const { identity } = this.options;
    const key = new Uint8Array(this.ecdh.getPublicKey());
    const flight = [
      ...(this.#isAsked
        ? [this.own(HandshakeType.Certificate, identityMessage(identity.certificate))]
        : []),
      this.own(
        HandshakeType.ClientKeyExchange,
        new ByteWriter().u8(key.length).bytes(key).finish(),
      ),
    ];
    this.makeKeys(point, {
      clientRandom: this.#random,
      serverRandom: this.#serverRandom!,
      hasExtendedMasterSecret: this.#hasExtendedMasterSecret,
    });
    if (this.#isAsked) {
      const proof = new Uint8Array(sign("sha256", concat(this.transcript), identity.privateKey));
      const body = new ByteWriter().u16(SignatureScheme.EcdsaSha256).u16(proof.length).bytes(proof);
      flight.push(this.own(HandshakeType.CertificateVerify, body.finish()));
    }
    this.send([...flight, ...this.finished()]);
    this.takeEarly();
  }
}
