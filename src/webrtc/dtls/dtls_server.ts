import { createECDH, createHash, sign, timingSafeEqual } from "node:crypto";
import { concat } from "@std/bytes/concat";
import { ByteWriter } from "../../bytes/mod.ts";
import type { SrtpMasterKey, SrtpProfile } from "../../rtp/mod.ts";
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
import {
  type HandshakeMessage,
  HandshakeReader,
  HandshakeType,
  type ReceivedHandshake,
  writeHandshake,
} from "./dtls_handshake.ts";
import type { DtlsIdentity } from "./dtls_identity.ts";
import {
  ContentType,
  DTLS_1_2,
  type DtlsContent,
  type DtlsRecord,
  dtlsRecords,
  DtlsRecordWriter,
  type DtlsWriteKey,
  openRecord,
} from "./dtls_record.ts";
import {
  type CertificateFingerprint,
  checkSignature,
  matchesFingerprint,
} from "./peer_certificate.ts";
import { prf } from "./prf.ts";

/** Options of a {@linkcode DtlsServer}. */
export interface DtlsServerOptions {
  /** Its certificate and key. */
  readonly identity: DtlsIdentity;
  /** The fingerprints that the client's certificate may have: those of its description. */
  readonly fingerprints: readonly CertificateFingerprint[];
  /** The ways to protect RTP that may be used, the best first; those with a number of DTLS count. */
  readonly srtpProfiles: readonly SrtpProfile[];
  /** Returns that many random bytes. */
  readonly random: (length: number) => Uint8Array;
}

/** What comes of a handshake: the keys of SRTP (RFC 5764, 4.2). */
export interface DtlsKeys {
  /** For what is sent. */
  readonly local: SrtpMasterKey;
  /** For what is received. */
  readonly remote: SrtpMasterKey;
}

/** How far a {@linkcode DtlsServer} has come. */
export type DtlsState = "waiting" | "shaking" | "connected" | "closed";

/** The first wait for an answer, which doubles each time (RFC 6347, 4.2.4.1, allows less than 1 s where it is known). */
const FIRST_WAIT_MS = 400;

/** Bytes of a datagram that several records share: what all paths carry. */
const DATAGRAM_BYTES = 1200;

/** Times that a flight is sent; a client that asks for it more often is not answered. */
const MOST_SENDINGS = 12;

/** Encrypted records that come before the keys do, since datagrams overtake each other, and are kept. */
const MOST_EARLY = 4;

/**
 * The server's side of DTLS 1.2 (RFC 6347) as WebRTC needs it: one handshake, from which keys for SRTP come
 * (RFC 5764), and no data after it. The client shows a certificate with the fingerprint that its description told,
 * proves that it has the key of it, and that both have seen the same handshake.
 *
 * It touches no socket and no clock. There is no exchange of cookies: datagrams are for it only from an address that
 * has proved to be there, by ICE.
 */
export class DtlsServer {
  readonly #options: DtlsServerOptions;
  readonly #reader = new HandshakeReader();
  readonly #writer = new DtlsRecordWriter();
  readonly #ecdh = createECDH("prime256v1");
  #state: DtlsState = "waiting";
  #reason = "";
  #sequence = 0;
  /** All messages so far, as the signatures and the ends of the handshake cover them. */
  #transcript: Uint8Array[] = [];
  #hello: ClientHello | undefined;
  #serverRandom: Uint8Array = new Uint8Array(0);
  #certificate: Uint8Array | undefined;
  #isProved = false;
  #isDone = false;
  #master: Uint8Array | undefined;
  #peerKey: DtlsWriteKey | undefined;
  #ownKey: DtlsWriteKey | undefined;
  #profile: SrtpProfile | undefined;
  #keys: DtlsKeys | undefined;
  #early: DtlsRecord[] = [];
  #output: Uint8Array[] = [];
  /** The messages that were sent last, to be sent again. */
  #flight: readonly DtlsContent[] = [];
  #sendings = 0;
  #waitMs = FIRST_WAIT_MS;
  #dueMs = Infinity;

  /** Waits for a client's hello. */
  constructor(options: DtlsServerOptions) {
    this.#options = options;
    // A number over the order of the curve, which is as likely as to guess the key, is refused.
    this.#ecdh.setPrivateKey(options.random(32));
  }

  /** How far it has come. */
  get state(): DtlsState {
    return this.#state;
  }

  /** Why it is closed, in words. */
  get reason(): string {
    return this.#reason;
  }

  /** The keys of SRTP, once all of the handshake is proved; they stay when it is closed. */
  get keys(): DtlsKeys | undefined {
    return this.#isDone ? this.#keys : undefined;
  }

  /** Takes the datagrams that are to be sent. */
  takeOutput(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  /** Takes a datagram of the client; what is wrong with it is told to the client, and never thrown. */
  receive(datagram: Uint8Array, nowMs: number): void {
    if (this.#state === "closed") return;
    try {
      let isRepeated = false;
      for (const record of dtlsRecords(datagram)) {
        isRepeated = this.#take(record) || isRepeated;
        if (this.isClosed) return;
      }
      if (isRepeated) this.#sendAgain();
    } catch (error) {
      const fault = error instanceof DtlsFault
        ? error
        : new DtlsFault(Alert.InternalError, "The handshake has failed");
      this.#end(fault.message, fault.alert);
    }
    this.#schedule(nowMs);
  }

  /** Whether it is over. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Passes time on: sends again what was not answered. */
  tick(nowMs: number): void {
    if (this.#state !== "shaking" || nowMs < this.#dueMs) return;
    this.#waitMs *= 2;
    this.#sendAgain();
    this.#dueMs = nowMs + this.#waitMs;
  }

  /** Tells the client that it is over. */
  close(): void {
    if (this.#state !== "closed") this.#end("closed", Alert.CloseNotify);
  }

  #schedule(nowMs: number): void {
    if (this.#state === "shaking" && this.#dueMs === Infinity) this.#dueMs = nowMs + this.#waitMs;
  }

  /** Takes a record; whether it shows that the client sends something again. */
  #take(record: DtlsRecord): boolean {
    const content = record.epoch === 0 ? record.fragment : this.#open(record);
    if (content === undefined) return false;
    switch (record.type) {
      case ContentType.Handshake:
        // A hello from outside of what is encrypted begins nothing anew.
        if (record.epoch === 0 && this.#state === "connected") return false;
        this.#reader.push(content, record.epoch);
        for (let message; (message = this.#reader.next()) !== undefined;) {
          this.#handle(message);
        }
        return this.#reader.sawRepeated;
      case ContentType.Alert:
        this.#takeAlert(content, record.epoch);
    }
    return false;
  }

  #open(record: DtlsRecord): Uint8Array | undefined {
    if (record.epoch !== 1) return undefined;
    if (this.#peerKey !== undefined) return openRecord(this.#peerKey, record);
    if (this.#early.length < MOST_EARLY) this.#early.push(record);
    return undefined;
  }

  #takeAlert([level = 0, description = 0]: Uint8Array, epoch: number): void {
    // Once there are keys, an alert that is not encrypted is anybody's.
    if (epoch === 0 && this.#state === "connected") return;
    const isEnd = description === Alert.CloseNotify || level === 2;
    if (isEnd) this.#end(`The client has sent alert ${description}`, undefined);
  }

  #handle(message: ReceivedHandshake): void {
    const { type, body, isEncrypted } = message;
    const before = this.#transcript;
    switch (type) {
      case HandshakeType.ClientHello:
        if (this.#state !== "waiting" || isEncrypted) break;
        this.#note(message);
        return this.#answerHello(parseClientHello(body));
      case HandshakeType.Certificate:
        if (this.#state !== "shaking" || this.#certificate !== undefined) break;
        this.#note(message);
        return this.#takeCertificate(body);
      case HandshakeType.ClientKeyExchange:
        if (this.#certificate === undefined || this.#master !== undefined) break;
        this.#note(message);
        return this.#takeKeyExchange(body);
      case HandshakeType.CertificateVerify:
        if (this.#master === undefined || this.#isProved || isEncrypted) break;
        this.#takeProof(body, concat(before));
        this.#note(message);
        return this.#takeEarly();
      case HandshakeType.Finished:
        if (!this.#isProved || this.#state !== "shaking" || !isEncrypted) break;
        this.#takeFinished(body);
        this.#note(message);
        return this.#finish();
    }
    throw new DtlsFault(Alert.UnexpectedMessage, `A message of type ${type} is out of place`);
  }

  #answerHello(hello: ClientHello): void {
    const { srtpProfiles, random, identity } = this.#options;
    this.#hello = hello;
    this.#profile = srtpProfiles.find(({ dtlsId }) =>
      dtlsId !== undefined && hello.srtpProfiles.includes(dtlsId)
    );
    if (this.#profile === undefined) {
      throw new DtlsFault(Alert.HandshakeFailure, "The client has none of the profiles of SRTP");
    }
    this.#serverRandom = random(32);
    const key = new Uint8Array(this.#ecdh.getPublicKey());
    const exchange = new ByteWriter(80).u8(3).u16(SECP256R1).u8(key.length).bytes(key).finish();
    const signed = concat([hello.random, this.#serverRandom, exchange]);
    const signature = new Uint8Array(sign("sha256", signed, identity.privateKey));
    this.#send([
      this.#own(HandshakeType.ServerHello, this.#serverHello(hello, this.#profile)),
      this.#own(
        HandshakeType.Certificate,
        new ByteWriter().u24(identity.certificate.length + 3).u24(identity.certificate.length)
          .bytes(identity.certificate).finish(),
      ),
      this.#own(
        HandshakeType.ServerKeyExchange,
        new ByteWriter().bytes(exchange).u16(SignatureScheme.EcdsaSha256).u16(signature.length)
          .bytes(signature).finish(),
      ),
      // Certificates of ECDSA and RSA keys, of any authority.
      this.#own(
        HandshakeType.CertificateRequest,
        new ByteWriter().u8(2).u8(64).u8(1).u16(6).u16(SignatureScheme.EcdsaSha256)
          .u16(SignatureScheme.EcdsaSha384).u16(SignatureScheme.RsaSha256).u16(0).finish(),
      ),
      this.#own(HandshakeType.ServerHelloDone, new Uint8Array(0)),
    ]);
    this.#state = "shaking";
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

  #takeCertificate(body: Uint8Array): void {
    const reader = readerOf(body);
    const list = readerOf(reader.view(reader.u24()));
    if (list.remaining === 0) {
      throw new DtlsFault(Alert.BadCertificate, "The client shows no certificate");
    }
    const certificate = list.view(list.u24());
    if (!matchesFingerprint(certificate, this.#options.fingerprints)) {
      throw new DtlsFault(
        Alert.BadCertificate,
        "The certificate is not the one of the description",
      );
    }
    this.#certificate = certificate;
  }

  #takeKeyExchange(body: Uint8Array): void {
    const reader = readerOf(body);
    const point = reader.view(reader.u8());
    let secret: Uint8Array;
    try {
      secret = this.#ecdh.computeSecret(point);
    } catch {
      throw new DtlsFault(Alert.IllegalParameter, "The client's key is no point of the curve");
    }
    const { random: clientRandom, hasExtendedMasterSecret } = this.#hello!;
    const randoms = concat([clientRandom, this.#serverRandom]);
    this.#master = prf(secret, {
      ...hasExtendedMasterSecret
        ? { label: "extended master secret", seed: sha256(concat(this.#transcript)) }
        : { label: "master secret", seed: randoms },
      length: 48,
    });
    const block = prf(this.#master, {
      label: "key expansion",
      seed: concat([this.#serverRandom, clientRandom]),
      length: 2 * (16 + 4),
    });
    this.#peerKey = { key: block.subarray(0, 16), salt: block.subarray(32, 36) };
    this.#ownKey = { key: block.subarray(16, 32), salt: block.subarray(36, 40) };
    this.#keys = this.#srtpKeys(randoms);
  }

  #srtpKeys(randoms: Uint8Array): DtlsKeys {
    const profile = this.#profile!;
    const { keyBytes, saltBytes } = profile;
    const material = readerOf(prf(this.#master!, {
      label: "EXTRACTOR-dtls_srtp",
      seed: randoms,
      length: 2 * (keyBytes + saltBytes),
    }));
    const [clientKey, serverKey] = [material.view(keyBytes), material.view(keyBytes)];
    const [clientSalt, serverSalt] = [material.view(saltBytes), material.view(saltBytes)];
    return {
      local: { profile, key: serverKey, salt: serverSalt },
      remote: { profile, key: clientKey, salt: clientSalt },
    };
  }

  #takeProof(body: Uint8Array, transcript: Uint8Array): void {
    const reader = readerOf(body);
    const scheme = reader.u16();
    const signature = reader.view(reader.u16());
    checkSignature(this.#certificate!, { scheme, transcript, signature });
    this.#isProved = true;
  }

  /** What came encrypted before there were keys. */
  #takeEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const record of early) this.#take(record);
  }

  #takeFinished(body: Uint8Array): void {
    const wanted = this.#verifyData("client finished");
    if (body.length !== wanted.length || !timingSafeEqual(body, wanted)) {
      throw new DtlsFault(Alert.DecryptError, "The client has seen another handshake");
    }
  }

  #finish(): void {
    const body = this.#verifyData("server finished");
    const finished = writeHandshake({
      type: HandshakeType.Finished,
      sequence: this.#sequence++,
      body,
    });
    this.#state = "connected";
    this.#isDone = true;
    this.#writer.encrypt(this.#ownKey!);
    this.#send([
      { type: ContentType.ChangeCipherSpec, epoch: 0, content: Uint8Array.of(1) },
      { type: ContentType.Handshake, epoch: 1, content: finished },
    ]);
    // Nothing of it is needed any more.
    this.#transcript = [];
  }

  #verifyData(label: string): Uint8Array {
    const seed = sha256(concat(this.#transcript));
    return prf(this.#master!, { label, seed, length: 12 });
  }

  #note(message: HandshakeMessage): void {
    this.#transcript.push(writeHandshake(message));
  }

  /** A message of this side, which goes into the transcript. */
  #own(type: number, body: Uint8Array): DtlsContent {
    const content = writeHandshake({ type, sequence: this.#sequence++, body });
    this.#transcript.push(content);
    return { type: ContentType.Handshake, epoch: 0, content };
  }

  #send(flight: readonly DtlsContent[]): void {
    this.#flight = flight;
    this.#sendings = 0;
    this.#waitMs = FIRST_WAIT_MS;
    this.#dueMs = Infinity;
    this.#sendAgain();
  }

  /** Sends the last flight, under new numbers of records. */
  #sendAgain(): void {
    if (this.#sendings++ >= MOST_SENDINGS) return;
    let datagram: Uint8Array = new Uint8Array(0);
    for (const content of this.#flight) {
      const record = this.#writer.write(content);
      if (datagram.length > 0 && datagram.length + record.length > DATAGRAM_BYTES) {
        this.#output.push(datagram);
        datagram = record;
      } else datagram = concat([datagram, record]);
    }
    if (datagram.length > 0) this.#output.push(datagram);
  }

  #end(reason: string, alert: number | undefined): void {
    this.#state = "closed";
    this.#reason = reason;
    if (alert === undefined) return;
    const level = alert === Alert.CloseNotify ? 1 : 2;
    const content = Uint8Array.of(level, alert);
    const { epoch } = this.#writer;
    this.#output.push(this.#writer.write({ type: ContentType.Alert, epoch, content }));
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
