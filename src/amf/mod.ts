/**
 * Action Message Format, versions 0 and 3: the values inside RTMP commands and FLV metadata.
 *
 * Decoders take the bytes of a whole message, which RTMP and FLV delimit; AMF that ends early is an
 * {@linkcode AmfError}, as is all else that a peer can do wrong.
 *
 * @example Answer a connect
 * ```ts
 * import { amfProperty, decodeAmf0, encodeAmf0 } from "@weir/server/amf";
 *
 * const body = encodeAmf0(["connect", 1, { app: "live", tcUrl: "rtmp://host/live" }]);
 *
 * const [name, transaction, command] = decodeAmf0(body);
 * console.log(name, transaction, amfProperty(command, "app")); // connect 1 live
 * const answer = encodeAmf0(["_result", transaction, null, { level: "status" }]);
 * console.log(answer.length); // 40
 * ```
 *
 * @module
 */
export type { ByteReader, ByteReaderOptions, ByteWriter } from "../bytes/mod.ts";
export { decodeAmf0, type DecodeAmf0Options, decodeAmf0Value } from "./amf0_decoder.ts";
export { encodeAmf0, writeAmf0 } from "./amf0_encoder.ts";
export { decodeAmf3, decodeAmf3Value } from "./amf3_decoder.ts";
export { encodeAmf3, writeAmf3 } from "./amf3_encoder.ts";
export * from "./errors.ts";
export * from "./limits.ts";
export {
  amfNumberProperty,
  amfProperties,
  amfProperty,
  amfStringProperty,
  isAmfObject,
} from "./property.ts";
export * from "./value.ts";
