/**
 * What all doors share. Each protocol that clients come in by has a folder of its own in this one.
 *
 * @module
 */
export * from "./connection_end.ts";
export * from "./door.ts";
export * from "./door_ports.ts";
export * from "./late_connection.ts";
export * from "./name_of_path.ts";
