import { LoopedPublisher } from "../doors/http/looped_publisher.ts";
import { TestServer } from "../support/test_server.ts";
import type { NodeProcess } from "./node_process.ts";

/** The encoder: weir, which pushes streams to a machine, and connects again when it is sent away. */
export async function studio(
  node: Pick<NodeProcess, "port">,
  names: readonly string[] = ["live/cam"],
): Promise<AsyncDisposable> {
  const weir = await TestServer.start({
    rtmp: false,
    relays: names.map((name) => ({
      mode: "push",
      name,
      url: `rtmp://127.0.0.1:${node.port}/${name}`,
      retryMs: 50,
      maxRetryMs: 50,
    })),
  });
  const publishers = names.map((name) => new LoopedPublisher(weir.server, name, ["h264", "aac"]));
  return {
    async [Symbol.asyncDispose]() {
      for (const publisher of publishers) await publisher[Symbol.asyncDispose]();
      await weir.server.stop();
    },
  };
}
