/** A peer of datagrams. */
export interface DatagramPeer {
  /** Address, not a name. */
  readonly hostname: string;
  /** Port. */
  readonly port: number;
}
