/** Node-Media-Server, listening for RTMP and HTTP on the ports that are the arguments. */
// @deno-types="./node_media_server.d.ts"
import NodeMediaServer from "npm:node-media-server@^4.4";

new NodeMediaServer({
  bind: "127.0.0.1",
  rtmp: { port: Number(Deno.args[0]) },
  http: { port: Number(Deno.args[1]) },
  auth: { play: false, publish: false },
  // It keeps its state in ./data otherwise.
  store: { path: Deno.makeTempDirSync() },
}).run();
