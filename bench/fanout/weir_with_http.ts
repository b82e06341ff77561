/** weir with the ports of RTMP and HTTP that are the arguments, and a free one of WebRTC. */
import { Server } from "../../mod.ts";

const [rtmp, http] = Deno.args.map(Number) as [number, number];
await new Server({
  rtmp: { hostname: "127.0.0.1", port: rtmp },
  http: { hostname: "127.0.0.1", port: http },
  webrtc: { hostname: "127.0.0.1", port: 0 },
}).listen();
