/**
 * weir, an edge live-streaming server for Deno.
 *
 * Run it, and encoders can publish to it while players play:
 *
 * ```sh
 * deno run --allow-net mod.ts
 * ```
 *
 * Or use it as a library:
 *
 * @example A server on a free port of this machine
 * ```ts
 * import { Server } from "@weir/server";
 *
 * await using server = new Server({ rtmp: { hostname: "127.0.0.1", port: 0 } });
 * await server.listen();
 * console.log(server.addresses.length); // 1
 * ```
 *
 * @module
 */
import { main } from "./src/cli/mod.ts";

export {
  type ConnectionEnd,
  fixedUsers,
  type PublishInfo,
  Server,
  type ServerAddress,
  ServerError,
  type ServerHooks,
  type ServerOptions,
  type ServerSnapshot,
  type StreamRequest,
} from "./src/server/mod.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
