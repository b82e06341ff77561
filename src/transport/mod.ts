/**
 * Byte connections, whatever carries them: TCP, TLS, or a pair of web streams that an embedder has.
 *
 * @module
 */
export * from "./acceptor.ts";
export { canReach, isLoopback, plainAddress } from "./address.ts";
export * from "./balancers.ts";
export { bindDatagram, type DatagramSocket, joinDatagramGroup } from "./datagram.ts";
export type * from "./datagram_peer.ts";
export * from "./datagram_pace.ts";
export * from "./datagram_pair.ts";
export * from "./each_in_turn.ts";
export * from "./gentle_close.ts";
export { hurryCollection } from "./hurry_collection.ts";
export * from "./http_request.ts";
export * from "./listen_address.ts";
export * from "./listener.ts";
export * from "./net_permission.ts";
export * from "./outbox.ts";
export * from "./proxied_transport.ts";
export { parseProxyHeader, type ProxyHeader, ProxyHeaderError } from "./proxy_header.ts";
export * from "./reading_turn.ts";
export * from "./server_error.ts";
export type * from "./stream_listener.ts";
export * from "./system_clock.ts";
export * from "./tls_handshake_error.ts";
export * from "./tls_listener.ts";
export * from "./transport.ts";
export * from "./write_all.ts";
export { youngSpace } from "./young_space.ts";
