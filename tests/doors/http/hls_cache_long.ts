/** Players of LL-HLS behind a cache, nginx's: what it answers, and how little of that it asks the server for. */
import { assert, assertEquals } from "@std/assert";
import { freePort } from "../../support/free_port.ts";
import { type ReadPlaylist, readPlaylist } from "../../support/hls_rules.ts";
import { TemporaryFolder } from "../../support/media_file.ts";
import { ignoreWithout, RunningProcess } from "../../support/process.ts";
import { TestServer } from "../../support/test_server.ts";
import { LoopedPublisher } from "./looped_publisher.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const PLAYERS = 40;
const PLAYLISTS = 25;

/** As docs/scaling.md has it, below `folder`. */
const configuration = (folder: string, port: number, server: number): string => `
daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  ${
  ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
    `${name}_temp_path ${folder}/${name};`
  ).join(" ")
}
  proxy_cache_path ${folder}/cache keys_zone=hls:10m max_size=1g inactive=60s;
  upstream weir { server 127.0.0.1:${server}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://weir;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache hls;
      proxy_cache_key $uri$is_args$args;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 10s;
      proxy_cache_lock_age 10s;
      proxy_cache_revalidate on;
      add_header x-cache $upstream_cache_status always;
    }
  }
}
`;

/** What players have been answered: by whom, and the bytes of each file. */
class Seen {
  readonly files = new Map<string, string>();
  hits = 0;
  others = 0;

  async ask(url: string, coding: string): Promise<Uint8Array> {
    const answer = await fetch(url, { headers: { "accept-encoding": coding } });
    const bytes = await answer.bytes();
    assertEquals(answer.status, 200, `${url}: ${new TextDecoder().decode(bytes.slice(0, 200))}`);
    if (answer.headers.get("x-cache") === "HIT") this.hits++;
    else this.others++;
    return bytes;
  }

  async file(url: string): Promise<void> {
    const hash = await hashOf(await this.ask(url, "identity"));
    const name = url.slice(url.lastIndexOf("/") + 1);
    assertEquals(this.files.get(name) ?? hash, hash, name);
    this.files.set(name, hash);
  }
}

/** Resolves when a server answers that a process is; fails with what that has said where it ends. */
async function answers(url: string, process: RunningProcess): Promise<void> {
  const ended = process.ended.then(({ stderr }) => Promise.reject(new Error(stderr)));
  for (;;) {
    const answer = await Promise.race([fetch(url).catch(() => undefined), ended]);
    await answer?.body?.cancel();
    if (answer === undefined) continue;
    ended.catch(() => {});
    return assertEquals(answer.status, 200);
  }
}

async function hashOf(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice())).toHex();
}

/** Plays as hls.js does: each playlist is waited for, with the part that the one before has hinted at. */
async function play(base: string, { seen, place }: { seen: Seen; place: number }): Promise<string> {
  const coding = place % 2 === 0 ? "gzip" : "identity";
  const skip = place % 3 === 0 ? "&_HLS_skip=YES" : "";
  const playlist = async (url: string): Promise<ReadPlaylist> =>
    readPlaylist(new TextDecoder().decode(await seen.ask(url, coding)), { strict: false });
  const index = new TextDecoder().decode(await seen.ask(`${base}/index.m3u8`, coding));
  const url = `${base}/${index.trim().split("\n").at(-1)!}`;
  let now = await playlist(url);
  for (let at = 0; at < PLAYLISTS; at++) {
    const msn = now.mediaSequence + now.skipped + now.segments.length;
    const part = now.openParts.length;
    const [next] = await Promise.all([
      playlist(`${url}?_HLS_msn=${msn}&_HLS_part=${part}${skip}`),
      seen.file(url.replace("main.m3u8", now.hint!)),
    ]);
    const nextMsn = next.mediaSequence + next.skipped + next.segments.length;
    assert(
      nextMsn > msn || next.openParts.length > part,
      `asked for ${msn}.${part}, and had ${nextMsn}.${next.openParts.length}`,
    );
    now = next;
  }
  return url;
}

Deno.test({
  name: "a cache in front serves players of LL-HLS, and none of its answers is a wrong one",
  ignore: ignoreWithout("nginx"),
  async fn() {
    await using weir = await TestServer.start({
      ...{ rtmp: false, http: LOCAL },
      hls: { sessions: "shared" },
    });
    const { port: server } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
    await using _publisher = new LoopedPublisher(weir.server, "live/cam", ["h264", "aac"]);
    await using folder = new TemporaryFolder();
    const port = freePort();
    const file = `${folder.path}/nginx.conf`;
    await Deno.writeTextFile(file, configuration(folder.path, port, server));
    await using nginx = new RunningProcess("nginx", ["-c", file], { limitMs: 60_000 });
    await answers(`http://127.0.0.1:${port}/healthz`, nginx);
    const seen = new Seen();
    const base = `http://127.0.0.1:${port}/live/cam`;
    const [url] = await Promise.all(
      Array.from({ length: PLAYERS }, (_, place) => play(base, { seen, place })),
    );
    // A player of each kind would have asked for so much alone; and caches may ask twice as they begin.
    assert(seen.others < 6 * PLAYLISTS * 1.5, `${seen.others} of ${seen.others + seen.hits}`);
    for (const [name, hash] of seen.files) {
      const own = url!.replace(String(port), String(server)).replace("main.m3u8", name);
      assertEquals(await hashOf(await (await fetch(own)).bytes()), hash, name);
    }
  },
});
