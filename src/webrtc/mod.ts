/**
 * The parts of WebRTC that a server needs: STUN for ICE's lite side, and DTLS for the keys of SRTP.
 *
 * Nothing here touches a socket, a clock or chance: datagrams and times come in, datagrams go out.
 *
 * @module
 */
export * from "./stun.ts";
export { isDtls } from "./dtls/dtls_record.ts";
export * from "./dtls/dtls_identity.ts";
export { DtlsClient } from "./dtls/dtls_client.ts";
export { DtlsServer } from "./dtls/dtls_server.ts";
export * from "./dtls/dtls_side.ts";
export type { CertificateFingerprint } from "./dtls/peer_certificate.ts";
export * from "./answer.ts";
export * from "./errors.ts";
export * from "./format_choice.ts";
export {
  formatIceFragment,
  type IceFragment,
  type IceFragmentOptions,
  parseIceFragment,
} from "./ice_fragment.ts";
export * from "./offer.ts";
