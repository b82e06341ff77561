/** Machines of a cluster, each a real process of its own. */
import { ApiClient } from "../../src/api/mod.ts";
import { RunningProcess } from "../support/process.ts";
import { RtmpClient, statusCode } from "../support/rtmp_client.ts";
import { freePort } from "../support/free_port.ts";

/** What machines of tests share. */
export const SECRET = "a secret that only tests know";

/** What opens the API of each. */
export const API_TOKEN = "a-token-that-only-tests-know";

/** What a machine is started with. */
export interface NodeOptions {
  readonly nats: string;
  readonly secret?: string;
  readonly region?: string;
  readonly maxFeeds?: number;
  readonly workers?: number;
  readonly conflict?: string;
  /** How long players wait for a publisher to return, such as `10s`. */
  readonly linger?: string;
  /** Further settings, and those of the cluster. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly cluster?: Readonly<Record<string, unknown>>;
  /** Variables of its environment. */
  readonly env?: Record<string, string>;
}

/** A machine, with the ports that clients come to. */
export class NodeProcess extends RunningProcess {
  readonly node: string;
  readonly port: number;
  readonly rtspPort: number;
  readonly httpPort: number;

  private constructor(
    node: string,
    { port, rtspPort, httpPort, args, env }: {
      readonly port: number;
      readonly rtspPort: number;
      readonly httpPort: number;
      readonly args: readonly string[];
      readonly env: Record<string, string>;
    },
  ) {
    super(Deno.execPath(), args, { limitMs: 600_000, env });
    this.node = node;
    this.port = port;
    this.rtspPort = rtspPort;
    this.httpPort = httpPort;
  }

  /** Starts one, on free ports of this machine; resolves when it serves. */
  static async start(node: string, options: NodeOptions): Promise<NodeProcess> {
    const [port, rtspPort, httpPort] = [freePort(), freePort(), freePort()];
    const { nats, secret = SECRET, region, maxFeeds, workers = 1, linger = "10s", conflict } =
      options;
    const { settings = {}, cluster = {}, env = {} } = options;
    const file = await Deno.makeTempFile({ prefix: `weir-${node}-`, suffix: ".yaml" });
    await Deno.writeTextFile(
      file,
      JSON.stringify({
        rtmp: { port: `127.0.0.1:${port}` },
        rtsp: { port: `127.0.0.1:${rtspPort}` },
        rtp: { port: "off" },
        http: { port: `127.0.0.1:${httpPort}` },
        webrtc: { port: "off" },
        workers,
        streams: { linger, ...(conflict === undefined ? {} : { conflict }) },
        log: { level: "debug" },
        access: { apiTokens: [API_TOKEN] },
        hls: { segment: "1s" },
        ...settings,
        cluster: {
          node,
          url: `rtmp://127.0.0.1:${port}`,
          secret,
          nats: [nats],
          ...(region === undefined ? {} : { region }),
          ...(maxFeeds === undefined ? {} : { maxFeeds }),
          ...cluster,
        },
      }),
    );
    const args = ["run", "--allow-all", "mod.ts", "--config", file];
    const process = new NodeProcess(node, { port, rtspPort, httpPort, args, env });
    try {
      await process.line(/this machine is one of a cluster/);
      await process.line(/http listening/);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    } finally {
      await Deno.remove(file);
    }
    return process;
  }

  /** Its API. */
  get api(): ApiClient {
    return new ApiClient({ url: `http://127.0.0.1:${this.httpPort}/`, token: API_TOKEN });
  }

  /** Lines so far that match. */
  count(pattern: RegExp): number {
    return this.lines.filter((line) => pattern.test(line)).length;
  }
}

/** Has two publishers ask for a name at two machines at once, so often; resolves with how often exactly one had it. */
export async function races(nodes: readonly NodeProcess[], count: number): Promise<number> {
  let decided = 0;
  for (let race = 0; race < count; race++) {
    const clients = await Promise.all(nodes.map(async ({ port }) => {
      const client = await RtmpClient.open(port);
      return { client, streamId: await client.createStream() };
    }));
    const codes = await Promise.all(clients.map(async ({ client, streamId }) => {
      await client.command("publish", { args: [`race${race}`, "live"], streamId });
      return statusCode(await client.status(""));
    }));
    const winners = codes.filter((code) => code === "NetStream.Publish.Start");
    const losers = codes.filter((code) => code === "NetStream.Publish.BadName");
    if (winners.length === 1 && losers.length === nodes.length - 1) decided++;
    for (const { client } of clients) client.close();
  }
  return decided;
}
