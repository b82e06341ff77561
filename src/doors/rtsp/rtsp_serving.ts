import type { Guest } from "../../gate/mod.ts";
import type { RtspTransportPolicy } from "../../rtsp/mod.ts";
import type { Transport } from "../../transport/mod.ts";
import type { ServedConnection, Shell } from "../mod.ts";
import { RtspFront, RtspTunnels } from "./rtsp_front.ts";
import type { RtspParts } from "./rtsp_parts.ts";
import { RtspService, type RtspServiceOptions, type RtspServiceParts } from "./rtsp_service.ts";

/** What the clients of an RTSP door are served with, which is loaded when the first of them comes. */
export class RtspServing {
  /** The media side of their sessions. */
  readonly service: RtspService;
  readonly #shell: Shell;
  readonly #parts: RtspParts | undefined;
  readonly #tunnels = { plain: new RtspTunnels(), tls: new RtspTunnels() };

  /** Serves nobody yet. */
  constructor(
    shell: Shell,
    { parts, ...options }: RtspServiceOptions & RtspServiceParts & {
      readonly parts: RtspParts | undefined;
    },
  ) {
    this.#shell = shell;
    this.#parts = parts;
    this.service = new RtspService(shell, options);
  }

  /** Serves a connection. */
  serve(
    transport: Transport,
    { guest, policy, isTls }: {
      readonly guest: Guest;
      readonly policy: RtspTransportPolicy;
      readonly isTls: boolean;
    },
  ): ServedConnection {
    return new RtspFront(this.#shell, transport, {
      guest,
      service: this.service,
      policy,
      tunnels: isTls ? this.#tunnels.tls : this.#tunnels.plain,
      isTls,
      parts: this.#parts,
    });
  }
}
