/** weir with the ports of RTMP and HTTP that are the arguments. */
import { Server } from "../../mod.ts";

const [rtmp, http] = Deno.args.map(Number) as [number, number];
await new Server({
  rtmp: { hostname: "127.0.0.1", port: rtmp },
  http: { hostname: "127.0.0.1", port: http },
}).listen();
