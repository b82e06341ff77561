/** weir with another flush policy than the default: port and milliseconds are the arguments. */
import { Server } from "../../mod.ts";

const [port, flushMs] = Deno.args.map(Number) as [number, number];
await new Server({
  rtmp: { hostname: "127.0.0.1", port },
  rtsp: false,
  hub: { flush: flushMs },
}).listen();
