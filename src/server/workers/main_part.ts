import {
  type Carrier,
  type ClusterNode,
  type ClusterOptions,
  CombinedCarrier,
  DEFAULT_MAX_FEEDS,
  MemoryDirectory,
  PeerDesk,
  PortCarrier,
  RtmpCarrier,
} from "../../cluster/mod.ts";
import { GuessGuard } from "../../gate/mod.ts";
import type { Hub } from "../../hub/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import type { ServerPart } from "../server_part.ts";
import type { Guards } from "./guess_desk.ts";

/** What a {@linkcode MainPart} is made of. */
export interface MainPartOptions {
  /** How many workers there are beside this thread, or 1 where this thread serves. */
  readonly workers: number;
  /** See `MemoryDirectoryOptions.onSought`. */
  readonly onSought: (name: string, members: readonly string[]) => void;
  /** The log for lines about the server. */
  readonly log: ServerLog;
  /** The cluster that this machine is one of. */
  readonly beyond?: {
    readonly cluster: ClusterOptions;
    readonly node: Pick<ClusterNode, "directory" | "placeOf">;
  };
}

/** The main thread, as one of the parts of a server that has workers, or is one machine of a cluster. */
export class MainPart implements ServerPart {
  readonly member = "main";
  readonly directory: MemoryDirectory;
  readonly numbers: { readonly first: number; readonly step: number };
  /** Who judges the other machines, where there are any. */
  readonly peers: PeerDesk | undefined;
  /** Who slows those that guess, here and at workers. */
  readonly shared: Guards = {
    guesses: new GuessGuard(systemClock),
    nameGuesses: new GuessGuard(systemClock),
  };
  readonly #options: MainPartOptions;
  #ports: PortCarrier | undefined;

  constructor(options: MainPartOptions) {
    this.#options = options;
    const { workers, onSought, beyond } = options;
    this.numbers = workers > 1 ? { first: workers + 1, step: workers + 1 } : { first: 1, step: 1 };
    this.directory = new MemoryDirectory({
      onSought,
      ...(beyond === undefined ? {} : {
        beyond: { directory: beyond.node.directory, member: beyond.cluster.node },
      }),
    });
    if (beyond === undefined) return;
    const { secret, maxFeeds = DEFAULT_MAX_FEEDS } = beyond.cluster;
    this.peers = new PeerDesk({
      secret,
      maxFeeds,
      directory: this.directory,
      unixMs: Date.now,
      placeOf: (name) => beyond.node.placeOf(name),
    });
  }

  get nodes(): PeerDesk | undefined {
    return this.peers;
  }

  /** What brings the streams of the workers here. */
  get ports(): PortCarrier {
    return this.#ports!;
  }

  readonly carrier = (hub: Hub): Carrier => {
    const near = this.#ports = new PortCarrier({ hub, clock: systemClock });
    const { beyond, log } = this.#options;
    if (beyond === undefined) return near;
    const { node, secret, caCerts } = beyond.cluster;
    const far = new RtmpCarrier({
      node,
      secret,
      caCerts,
      unixMs: Date.now,
      clock: systemClock,
      log,
    });
    return new CombinedCarrier({ near, far });
  };
}
