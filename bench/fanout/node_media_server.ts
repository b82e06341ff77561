/** Node-Media-Server, listening for RTMP on the port that the first argument names. */
// @deno-types="./node_media_server.d.ts"
import NodeMediaServer from "npm:node-media-server@^4.4";

new NodeMediaServer({
  bind: "127.0.0.1",
  rtmp: { port: Number(Deno.args[0]) },
  auth: { play: false, publish: false },
  // It keeps its state in ./data otherwise.
  store: { path: Deno.makeTempDirSync() },
}).run();
