import { createECDH, createHash, timingSafeEqual } from "node:crypto";
import { concat } from "@std/bytes/concat";
import type { SrtpMasterKey, SrtpProfile } from "../../rtp/mod.ts";
import { Alert, DtlsFault } from "./alert.ts";
import { readerOf } from "./client_hello.ts";
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
  type DtlsContent,
  type DtlsRecord,
  dtlsRecords,
  DtlsRecordWriter,
  type DtlsWriteKey,
  openRecord,
} from "./dtls_record.ts";
import { type CertificateFingerprint, matchesFingerprint } from "./peer_certificate.ts";
import { prf } from "./prf.ts";

/** Options of a side of DTLS. */
export interface DtlsOptions {
  /** Its certificate and key. */
  readonly identity: DtlsIdentity;
  /** The fingerprints that the peer's certificate may have: those of its description. */
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

/** How far a side has come. */
export type DtlsState = "waiting" | "shaking" | "connected" | "closed";

/** The randoms of both hellos, and whether the master secret hangs on the whole handshake (RFC 7627). */
export interface DtlsHellos {
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  readonly hasExtendedMasterSecret: boolean;
}

/** The first wait for an answer, which doubles each time (RFC 6347, 4.2.4.1, allows less than 1 s where it is known). */
const FIRST_WAIT_MS = 400;

/** Bytes of a datagram that several records share: what all paths carry. */
const DATAGRAM_BYTES = 1200;

/** Times that a flight is sent; a peer that asks for it more often is not answered. */
const MOST_SENDINGS = 12;

/** Encrypted records that come before the keys do, since datagrams overtake each other, and are kept. */
const MOST_EARLY = 4;

/**
 * What both sides of DTLS 1.2 (RFC 6347) have in common, as WebRTC needs it: one handshake, from which keys for SRTP
 * come (RFC 5764), and no data after it. The peer shows a certificate with the fingerprint that its description told,
 * proves that it has the key of it, and that both have seen the same handshake.
 *
 * It touches no socket and no clock.
 */
export abstract class DtlsSide {
  /** What it was made with. */
  protected readonly options: DtlsOptions;
  /** The key pair of this handshake alone. */
  protected readonly ecdh = createECDH("prime256v1");
  /** All messages so far, as the signatures and the ends of the handshake cover them. */
  protected transcript: Uint8Array[] = [];
  /** The peer's certificate, once it has come. */
  protected certificate: Uint8Array | undefined;
  /** The way to protect RTP that both know. */
  protected profile: SrtpProfile | undefined;
  readonly #isServer: boolean;
  readonly #reader = new HandshakeReader();
  readonly #writer = new DtlsRecordWriter();
  #state: DtlsState = "waiting";
  #reason = "";
  #sequence = 0;
  #isDone = false;
  #master: Uint8Array | undefined;
  #peerKey: DtlsWriteKey | undefined;
  #ownKey: DtlsWriteKey | undefined;
  #keys: DtlsKeys | undefined;
  #early: DtlsRecord[] = [];
  #output: Uint8Array[] = [];
  /** The messages that were sent last, to be sent again. */
  #flight: readonly DtlsContent[] = [];
  #sendings = 0;
  #waitMs = FIRST_WAIT_MS;
  #dueMs = Infinity;

  /** Begins nothing yet. */
  protected constructor(options: DtlsOptions, { isServer }: { readonly isServer: boolean }) {
    this.options = options;
    this.#isServer = isServer;
    // A number over the order of the curve, which is as likely as to guess the key, is refused.
    this.ecdh.setPrivateKey(options.random(32));
  }

  /** How far it has come. */
  get state(): DtlsState {
    return this.#state;
  }

  /** Whether it is over. */
  get isClosed(): boolean {
    return this.#state === "closed";
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

  /** The way to the peer is known: the side that begins does. */
  abstract start(nowMs: number): void;

  /** Takes a datagram of the peer; what is wrong with it is told to the peer, and never thrown. */
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
    this.schedule(nowMs);
  }

  /** Passes time on: sends again what was not answered. */
  tick(nowMs: number): void {
    if (this.#state !== "shaking" || nowMs < this.#dueMs) return;
    this.#waitMs *= 2;
    this.#sendAgain();
    this.#dueMs = nowMs + this.#waitMs;
  }

  /** Tells the peer that it is over. */
  close(): void {
    if (this.#state !== "closed") this.#end("closed", Alert.CloseNotify);
  }

  /** Takes the next message of the handshake; false where it is out of place. */
  protected abstract handle(message: ReceivedHandshake): boolean;

  /** What the peer is called in faults. */
  get #peer(): string {
    return this.#isServer ? "client" : "server";
  }

  /** Has what was sent be sent again in time. */
  protected schedule(nowMs: number): void {
    if (this.#state === "shaking" && this.#dueMs === Infinity) this.#dueMs = nowMs + this.#waitMs;
  }

  /** Takes a record; whether it shows that the peer sends something again. */
  #take(record: DtlsRecord): boolean {
    const content = record.epoch === 0 ? record.fragment : this.#open(record);
    if (content === undefined) return false;
    switch (record.type) {
      case ContentType.Handshake:
        // A hello from outside of what is encrypted begins nothing anew.
        if (record.epoch === 0 && this.#state === "connected") return false;
        this.#reader.push(content, record.epoch);
        for (let message; (message = this.#reader.next()) !== undefined;) {
          if (this.handle(message)) continue;
          const what = `A message of type ${message.type} is out of place`;
          throw new DtlsFault(Alert.UnexpectedMessage, what);
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
    if (isEnd) this.#end(`The ${this.#peer} has sent alert ${description}`, undefined);
  }

  /** Takes the peer's certificate. */
  protected takeCertificate(body: Uint8Array): void {
    const reader = readerOf(body);
    const list = readerOf(reader.view(reader.u24()));
    if (list.remaining === 0) {
      throw new DtlsFault(Alert.BadCertificate, `The ${this.#peer} shows no certificate`);
    }
    const certificate = list.view(list.u24());
    if (!matchesFingerprint(certificate, this.options.fingerprints)) {
      throw new DtlsFault(
        Alert.BadCertificate,
        "The certificate is not the one of the description",
      );
    }
    this.certificate = certificate;
  }

  /** Makes all keys of the peer's point of the curve. */
  protected makeKeys(
    point: Uint8Array,
    { clientRandom, serverRandom, hasExtendedMasterSecret }: DtlsHellos,
  ): void {
    let secret: Uint8Array;
    try {
      secret = this.ecdh.computeSecret(point);
    } catch {
      const what = `The ${this.#peer}'s key is no point of the curve`;
      throw new DtlsFault(Alert.IllegalParameter, what);
    }
    const randoms = concat([clientRandom, serverRandom]);
    this.#master = prf(secret, {
      ...hasExtendedMasterSecret
        ? { label: "extended master secret", seed: sha256(concat(this.transcript)) }
        : { label: "master secret", seed: randoms },
      length: 48,
    });
    const block = prf(this.#master, {
      label: "key expansion",
      seed: concat([serverRandom, clientRandom]),
      length: 2 * (16 + 4),
    });
    const client = { key: block.subarray(0, 16), salt: block.subarray(32, 36) };
    const server = { key: block.subarray(16, 32), salt: block.subarray(36, 40) };
    [this.#ownKey, this.#peerKey] = this.#isServer ? [server, client] : [client, server];
    this.#keys = this.#srtpKeys(randoms);
  }

  /** Whether there are keys. */
  protected get hasKeys(): boolean {
    return this.#master !== undefined;
  }

  #srtpKeys(randoms: Uint8Array): DtlsKeys {
    const profile = this.profile!;
    const { keyBytes, saltBytes } = profile;
    const material = readerOf(prf(this.#master!, {
      label: "EXTRACTOR-dtls_srtp",
      seed: randoms,
      length: 2 * (keyBytes + saltBytes),
    }));
    const [clientKey, serverKey] = [material.view(keyBytes), material.view(keyBytes)];
    const [clientSalt, serverSalt] = [material.view(saltBytes), material.view(saltBytes)];
    const client = { profile, key: clientKey, salt: clientSalt };
    const server = { profile, key: serverKey, salt: serverSalt };
    return this.#isServer ? { local: server, remote: client } : { local: client, remote: server };
  }

  /** What came encrypted before there were keys. */
  protected takeEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const record of early) this.#take(record);
  }

  /** Checks that the peer has seen the same handshake. */
  protected takeFinished(body: Uint8Array): void {
    const wanted = this.#verifyData(this.#peer);
    if (body.length !== wanted.length || !timingSafeEqual(body, wanted)) {
      throw new DtlsFault(Alert.DecryptError, `The ${this.#peer} has seen another handshake`);
    }
  }

  /** The messages that end this side's part of the handshake; what comes behind is encrypted. */
  protected finished(): DtlsContent[] {
    const body = this.#verifyData(this.#isServer ? "server" : "client");
    const { content } = this.own(HandshakeType.Finished, body);
    this.#writer.encrypt(this.#ownKey!);
    return [
      { type: ContentType.ChangeCipherSpec, epoch: 0, content: Uint8Array.of(1) },
      { type: ContentType.Handshake, epoch: 1, content },
    ];
  }

  /** Both have proved all. */
  protected connected(): void {
    this.#state = "connected";
    this.#isDone = true;
    // Nothing of it is needed any more.
    this.transcript = [];
  }

  #verifyData(side: string): Uint8Array {
    const seed = sha256(concat(this.transcript));
    return prf(this.#master!, { label: `${side} finished`, seed, length: 12 });
  }

  /** Puts a message of the peer into the transcript. */
  protected note(message: HandshakeMessage): void {
    this.transcript.push(writeHandshake(message));
  }

  /** A message of this side, which goes into the transcript. */
  protected own(type: number, body: Uint8Array): DtlsContent {
    const content = writeHandshake({ type, sequence: this.#sequence++, body });
    this.transcript.push(content);
    return { type: ContentType.Handshake, epoch: 0, content };
  }

  /** Sends messages, and again until they are answered. */
  protected send(flight: readonly DtlsContent[]): void {
    if (this.#state === "waiting") this.#state = "shaking";
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
