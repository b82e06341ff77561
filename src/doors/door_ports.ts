import { type ListenAddress, ServerError } from "../transport/mod.ts";

/** A port that is listened at. */
export interface OpenPort {
  /**
   * Closes it to newcomers; the connections that came by it go on. Resolves when the system lets nobody in any more,
   * which is when an accept that was under way has ended.
   */
  retire(): Promise<void>;
}

/** The ports of a door, by protocol, which may be changed while it is open. */
export class DoorPorts {
  readonly #ports = new Map<string, { readonly asked: ListenAddress; readonly port: OpenPort }>();

  /**
   * Has a protocol listened for at an address, or nowhere. The new port is opened first, and the former then closed to
   * newcomers; where the two have the same number, the former has to go first, and comes back where the new one cannot be
   * had.
   *
   * @throws as `open`: then all is as before
   */
  async set(
    protocol: string,
    address: ListenAddress | false,
    open: (address: ListenAddress) => Promise<OpenPort>,
  ): Promise<void> {
    const former = this.#ports.get(protocol);
    if (address === false) {
      this.#ports.delete(protocol);
      await former?.port.retire();
      return;
    }
    if (former !== undefined && isSame(former.asked, address)) return;
    const isInTheWay = former !== undefined && address.port !== 0 &&
      former.asked.port === address.port;
    if (!isInTheWay) {
      this.#ports.set(protocol, { asked: address, port: await open(address) });
      await former?.port.retire();
      return;
    }
    await former.port.retire();
    const reopen = async (asked: ListenAddress): Promise<void> => {
      this.#ports.set(protocol, { asked, port: await afterFormer(() => open(asked)) });
    };
    try {
      await reopen(address);
    } catch (error) {
      await reopen(former.asked);
      throw error;
    }
  }
}

/** The system lets go of a port some milliseconds after it was closed; so long is waited at most. */
const RELEASE_MS = 1000;
const RELEASE_EACH_MS = 5;

/** Opens a port that was closed just now. */
async function afterFormer(open: () => Promise<OpenPort>): Promise<OpenPort> {
  const endMs = performance.now() + RELEASE_MS;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const mayPass = error instanceof ServerError && error.code === "address-in-use" &&
        performance.now() < endMs;
      if (!mayPass) throw error;
      await new Promise((resolve) => setTimeout(resolve, RELEASE_EACH_MS));
    }
  }
}

function isSame(a: ListenAddress, b: ListenAddress): boolean {
  return a.port === b.port && (a.hostname ?? "") === (b.hostname ?? "");
}
