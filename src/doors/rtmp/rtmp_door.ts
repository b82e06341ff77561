import type { Guest } from "../../gate/mod.ts";
import type { ChunkLimits, RtmpChallengeShare, RtmpServerSessionOptions } from "../../rtmp/mod.ts";
import type { ListenAddress, Transport } from "../../transport/mod.ts";
import type { LossPolicy } from "../../transmux/mod.ts";
import type { EnhancedPolicy } from "../../wire/early.ts";
import {
  type Door,
  type DoorAddress,
  DoorPorts,
  type ServedConnection,
  type Shell,
} from "../mod.ts";
import { RtmpConnectDesk } from "./rtmp_connect_desk.ts";
import { RtmpConnection } from "./rtmp_connection.ts";

/** What connections of RTMP go by that come from now on: it may be changed. */
export interface RtmpServingOptions {
  /** Bounds and times of sessions. */
  readonly session?: RtmpServerSessionOptions;
  /** Bounds of what a client may make the server hold. */
  readonly chunks?: Partial<ChunkLimits>;
  /** What players that announce nothing of Enhanced RTMP are sent. Default `strip`. */
  readonly enhanced?: EnhancedPolicy;
  /** What becomes of a publisher's pictures after a loss of RTP packets, for players of RTMP. Default `pass`. */
  readonly onLoss?: LossPolicy;
}

/** Options of an {@linkcode RtmpDoor}. */
export interface RtmpDoorOptions extends RtmpServingOptions {
  /** Where RTMP is listened for; the field's port is 1935. */
  readonly rtmp?: ListenAddress | false;
  /** Where RTMP over TLS is listened for. */
  readonly rtmps?: ListenAddress | false;
  /**
   * Whether clients that must prove who they are get asked at connect, looked at with each. Default true: encoders that have a user
   * name and a password (`rtmp://user:pass@…`, or the fields of OBS) are then asked in the words that they know,
   * and a client whose credentials are in its stream key is refused once at connect, and let through as it comes
   * again, from 2 s later on. Where it is false, nobody is asked, and credentials in the query alone count.
   */
  readonly askAtConnect?: () => boolean;
  /** What the questions at connect are made with, where an answer may come to another door than has asked. */
  readonly challenges?: RtmpChallengeShare | undefined;
}

/** The door for RTMP and RTMPS clients. */
export class RtmpDoor implements Door {
  /** What it speaks. */
  readonly protocols: readonly string[] = ["rtmp", "rtmps"];
  /** All its ports are the shell's. */
  readonly addresses: readonly DoorAddress[] = [];
  readonly #options: RtmpDoorOptions;
  #serving: RtmpServingOptions;
  readonly #ports = new DoorPorts();
  /** One for all connections: what it asks is answered on another. */
  readonly #desk: RtmpConnectDesk;

  /** Makes a door that is not open yet. */
  constructor(options: RtmpDoorOptions = {}) {
    this.#options = options;
    this.#serving = options;
    this.#desk = new RtmpConnectDesk({
      asks: options.askAtConnect ?? (() => true),
      shared: options.challenges,
    });
  }

  /** Serves connections that come from now on by other options; what is left out has its default. */
  configure(options: RtmpServingOptions): void {
    this.#serving = options;
  }

  /** Listens where the options say. */
  async open(shell: Shell): Promise<void> {
    const { rtmp = false, rtmps = false } = this.#options;
    await this.relisten(shell, "rtmp", rtmp);
    await this.relisten(shell, "rtmps", rtmps);
  }

  /** Listens elsewhere from now on. */
  async relisten(shell: Shell, protocol: string, address: ListenAddress | false): Promise<void> {
    const serve = (transport: Transport, guest: Guest) => this.serve(shell, { transport, guest });
    const options = { serve, tls: protocol === "rtmps" };
    await this.#ports.set(
      protocol,
      address,
      (address) => shell.listen(protocol, address, options),
    );
  }

  /** Serves a connection that was let in. */
  serve(
    shell: Shell,
    { transport, guest }: { readonly transport: Transport; readonly guest: Guest },
  ): ServedConnection {
    const { session = {}, chunks = {}, enhanced = "strip", onLoss = "pass" } = this.#serving;
    const desk = this.#desk;
    return new RtmpConnection(shell, transport, { guest, session, chunks, enhanced, onLoss, desk });
  }

  /** Its connections keep their own time. */
  tick(): void {}

  /** It holds nothing beside its connections. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
