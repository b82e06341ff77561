/** The servers that are measured, each a process of its own on a port of this machine. */
import { lalConfiguration } from "../../tests/support/lal.ts";
import {
  mediamtxConfiguration,
  mediamtxHttpConfiguration,
  srsConfiguration,
} from "./peer_configurations.ts";

/** A server that runs. */
export interface ServerUnderTest extends AsyncDisposable {
  /** The process that serves. */
  readonly pid: number;
  readonly port: number;
  /** Port of RTSP; of servers of RTMP alone `undefined`. */
  readonly rtspPort?: number;
  /** Port of HTTP, where it has one. */
  readonly httpPort?: number;
  /** Port of WHEP, where it has HTTP: that of HTTP, but for servers that have one of its own. */
  readonly whepPort?: number;
}

/** How each is started. */
const SERVERS: Readonly<Record<string, () => Promise<ServerUnderTest>>> = {
  "weir": () => startWeir(ROOT),
  "weir-ffi": () => startWeir(ROOT, [], ["--allow-ffi"]),
  "weir-2-workers": () => startWeir(ROOT, ["--workers", "2"]),
  "weir-http": () => startWithHttp(ROOT),
  "weir-http-ffi": () => startWithHttp(ROOT, ["--allow-ffi"]),
  "weir-50ms": () => startWeir(ROOT, ["--flush", "50ms"]),
  "weir-100ms": () => startWeir(ROOT, ["--flush", "100ms"]),
  "nginx": startNginx,
  "node-media-server": startNodeMediaServer,
};

/** The names that {@linkcode startServer} knows. */
export const SERVER_NAMES: readonly string[] = [
  ...Object.keys(SERVERS),
  ...["weir:FOLDER", "weir-http:FOLDER", "mediamtx:PROGRAM", "mediamtx-http:PROGRAM"],
  ...["lal:PROGRAM", "srs:PROGRAM", "srs-100ms:PROGRAM"],
];

/** How those are started whose place is told: weir of another checkout, and programs that nobody packages. */
const ELSEWHERE: Readonly<Record<string, (path: string) => Promise<ServerUnderTest>>> = {
  "weir": (folder) => startWeir(folder),
  "weir-http": (folder) => startWithHttp(folder),
  "mediamtx": startMediamtx,
  "mediamtx-http": startMediamtxWithHttp,
  "lal": startLal,
  "srs": (program) => startSrs(program, 0),
  "srs-100ms": (program) => startSrs(program, 100),
};

/** A name such as `lal:/usr/local/bin/lalserver`. */
function elsewhere(name: string): { start: typeof startLal; path: string } | undefined {
  const [, kind = "", path = ""] = /^([^:]*):(.+)$/.exec(name) ?? [];
  return Object.hasOwn(ELSEWHERE, kind) ? { start: ELSEWHERE[kind]!, path } : undefined;
}

/** Whether there is a server of that name. */
export function isServer(name: string): boolean {
  return Object.hasOwn(SERVERS, name) || elsewhere(name) !== undefined;
}

/** Starts a server: one of those above, or one whose place is told. */
export async function startServer(name: string): Promise<ServerUnderTest> {
  const start = SERVERS[name];
  if (start !== undefined) return await start();
  const { start: startThere, path } = elsewhere(name)!;
  return await startThere(path);
}

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

async function startWeir(
  cwd: string,
  more: readonly string[] = [],
  permissions: readonly string[] = [],
): Promise<ServerUnderTest> {
  const port = freePort();
  const rtspPort = freePort(port + 1);
  const rtpPort = freeRtpPort();
  return await start(Deno.execPath(), {
    args: [
      ...["run", "--allow-net", "--allow-read=.", ...permissions],
      ...["mod.ts", "--log-level", "warn"],
      ...more,
      ...["--rtmp", `127.0.0.1:${port}`, "--rtsp", `127.0.0.1:${rtspPort}`],
      ...["--rtp", String(rtpPort)],
      ...(await knowsHttp(cwd) ? ["--http", "off"] : []),
    ],
    port,
    rtspPort,
    cwd,
  });
}

/** weir with RTMP and HTTP. */
async function startWithHttp(
  cwd: string,
  permissions: readonly string[] = [],
): Promise<ServerUnderTest> {
  const port = freePort();
  const httpPort = freePort(port + 1);
  const script = "bench/fanout/weir_with_http.ts";
  const args = ["run", "--allow-net", ...permissions, script, String(port), String(httpPort)];
  return await start(Deno.execPath(), { args, port, httpPort, cwd });
}

/** Whether a checkout has the door of HTTP, whose port is fixed by default: earlier ones have none. */
async function knowsHttp(cwd: string): Promise<boolean> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "mod.ts", "--help"],
    cwd,
  }).output();
  return new TextDecoder().decode(stdout).includes("--http");
}

/** Ports that are free now. */
function freePorts() {
  const port = freePort();
  const rtspPort = freePort(port + 1);
  const httpPort = freePort(rtspPort + 1);
  return { port, rtspPort, httpPort, rtpPort: freeRtpPort(), otherPort: freePort(httpPort + 1) };
}

async function startMediamtx(program: string): Promise<ServerUnderTest> {
  const { port, rtspPort, rtpPort } = freePorts();
  const folder = await Deno.makeTempDir({ prefix: "weir-bench-" });
  const file = `${folder}/mediamtx.yml`;
  await Deno.writeTextFile(file, mediamtxConfiguration({ port, rtspPort, rtpPort }));
  return await start(program, { args: [file], port, rtspPort, folder, cwd: folder });
}

async function startMediamtxWithHttp(program: string): Promise<ServerUnderTest> {
  const { port, httpPort, otherPort: whepPort, rtpPort: webrtcPort } = freePorts();
  const folder = await Deno.makeTempDir({ prefix: "weir-bench-" });
  const file = `${folder}/mediamtx.yml`;
  const ports = { port, httpPort, whepPort, webrtcPort };
  await Deno.writeTextFile(file, mediamtxHttpConfiguration(ports));
  return await start(program, { args: [file], port, httpPort, whepPort, folder, cwd: folder });
}

async function startLal(program: string): Promise<ServerUnderTest> {
  const { port, rtspPort, httpPort } = freePorts();
  const folder = await Deno.makeTempDir({ prefix: "weir-bench-" });
  const file = `${folder}/lal.json`;
  await Deno.writeTextFile(file, lalConfiguration({ port, rtspPort, httpPort }));
  return await start(program, {
    args: ["-c", file],
    port,
    rtspPort,
    httpPort,
    folder,
    cwd: folder,
  });
}

async function startSrs(program: string, gatherMs: number): Promise<ServerUnderTest> {
  const { port, httpPort, otherPort } = freePorts();
  const folder = await Deno.makeTempDir({ prefix: "weir-bench-" });
  const file = `${folder}/srs.conf`;
  await Deno.writeTextFile(
    file,
    srsConfiguration({ port, httpPort, apiPort: otherPort, folder, gatherMs }),
  );
  return await start(program, { args: ["-c", file], port, httpPort, folder, cwd: folder });
}

async function startNginx(): Promise<ServerUnderTest> {
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: "weir-bench-" });
  const configuration = `
    load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
    daemon off;
    master_process off;
    worker_processes 1;
    worker_rlimit_nofile 16384;
    pid ${folder}/pid;
    error_log ${folder}/error.log;
    events { worker_connections 8192; }
    rtmp { access_log off; server { listen 127.0.0.1:${port}; application live { live on; } } }
  `;
  await Deno.writeTextFile(`${folder}/nginx.conf`, configuration);
  return await start("nginx", {
    args: ["-p", folder, "-c", `${folder}/nginx.conf`],
    port,
    folder,
  });
}

async function startNodeMediaServer(): Promise<ServerUnderTest> {
  const { port, httpPort } = freePorts();
  const script = new URL("node_media_server.ts", import.meta.url).href;
  const args = ["run", "-A", script, String(port), String(httpPort)];
  return await start(Deno.execPath(), { args, port, httpPort });
}

async function start(
  program: string,
  options: {
    readonly args: readonly string[];
    readonly port: number;
    readonly rtspPort?: number;
    readonly httpPort?: number;
    readonly whepPort?: number;
    readonly folder?: string;
    readonly cwd?: string;
  },
): Promise<ServerUnderTest> {
  const { args, port, rtspPort, httpPort, whepPort = httpPort, folder, cwd = ROOT } = options;
  const child = new Deno.Command(program, {
    args: [...args],
    cwd,
    stdin: "null",
    stdout: "null",
  }).spawn();
  for (const each of new Set([port, rtspPort, httpPort, whepPort])) {
    if (each !== undefined) await answers(each);
  }
  return {
    pid: child.pid,
    port,
    ...(rtspPort === undefined ? {} : { rtspPort }),
    ...(httpPort === undefined ? {} : { httpPort }),
    ...(whepPort === undefined ? {} : { whepPort }),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      if (folder !== undefined) await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A port that is free now, below those that the system gives to clients. */
export function freePort(from = 21_935): number {
  for (let port = from; port < 32_768; port++) {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("No port is free");
}

/** An even UDP port that is free now, and its neighbour. */
function freeRtpPort(): number {
  for (let port = 22_000; port < 32_768; port += 2) {
    try {
      for (const offset of [0, 1]) {
        Deno.listenDatagram({ hostname: "127.0.0.1", port: port + offset, transport: "udp" })
          .close();
      }
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("No pair of UDP ports is free");
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`Nothing listens on port ${port}`);
}
