/**
 * AMF0 of a connect command and an onMetaData, beside Node-Media-Server's, in one run:
 * `deno bench -A bench/amf_bench.ts`.
 */
import { assertEquals } from "@std/assert";
import { AmfEcmaArray, decodeAmf0, encodeAmf0 } from "@weir/server/amf";
import nms from "npm:node-media-server@^4.4/src/protocol/amf.js";
import { Buffer } from "node:buffer";
import {
  FFMPEG_CONNECT,
  FFMPEG_METADATA,
  FFMPEG_METADATA_PROPERTIES,
  fromHex,
} from "../tests/amf/vectors.ts";

const connect = fromHex(FFMPEG_CONNECT);
const metadata = fromHex(FFMPEG_METADATA);
const connectBuffer = Buffer.from(connect);
const metadataBuffer = Buffer.from(metadata);
const command = {
  app: "live",
  type: "nonprivate",
  flashVer: "FMLE/3.0 (compatible; Lavf59.27.100)",
  tcUrl: "rtmp://127.0.0.1:19350/live",
};
const ecmaArray = new AmfEcmaArray(FFMPEG_METADATA_PROPERTIES);

// Both do the work that they are timed for.
assertEquals(nms.decodeAmf0Cmd(connectBuffer).cmdObj, command);
assertEquals(nms.decodeAmf0Data(metadataBuffer).dataObj, FFMPEG_METADATA_PROPERTIES);
assertEquals(decodeAmf0(connect), ["connect", 1, command]);
assertEquals(encodeAmf0(["onMetaData", ecmaArray]), metadata);

Deno.bench("weir", { group: "decode connect", baseline: true }, () => {
  decodeAmf0(connect);
});
Deno.bench("Node-Media-Server", { group: "decode connect" }, () => {
  nms.decodeAmf0Cmd(connectBuffer);
});

Deno.bench("weir", { group: "decode onMetaData", baseline: true }, () => {
  decodeAmf0(metadata);
});
Deno.bench("Node-Media-Server", { group: "decode onMetaData" }, () => {
  nms.decodeAmf0Data(metadataBuffer);
});

Deno.bench("weir", { group: "encode connect", baseline: true }, () => {
  encodeAmf0(["connect", 1, command]);
});
Deno.bench("Node-Media-Server", { group: "encode connect" }, () => {
  nms.encodeAmf0Cmd({ cmd: "connect", transId: 1, cmdObj: command });
});

// Its encoder writes the metadata as an object; the bytes differ in the four of the count.
Deno.bench("weir", { group: "encode onMetaData", baseline: true }, () => {
  encodeAmf0(["onMetaData", ecmaArray]);
});
Deno.bench("Node-Media-Server", { group: "encode onMetaData" }, () => {
  nms.encodeAmf0Data({ cmd: "onMetaData", dataObj: FFMPEG_METADATA_PROPERTIES });
});
