/** Servers on `::`, which clients of both address families reach. */
import { assert, assertEquals } from "@std/assert";
import type { ConnectionInfo } from "../../src/server/mod.ts";
import { bindDatagram, canReach, plainAddress } from "../../src/transport/mod.ts";
import { ffmpeg, makeRecording, readPackets, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { RtspPeer, SDP } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";

const ANY = { hostname: "::", port: 0 };
const HOSTS = { "127.0.0.1": "127.0.0.1", "::1": "[::1]" } as const;

/** URLs of a server by protocol, for clients of one family. */
function doors({ server }: TestServer, host: string) {
  const port = (wanted: string) =>
    server.addresses.find(({ protocol }) => protocol === wanted)!.port;
  return { rtmp: `rtmp://${host}:${port("rtmp")}`, rtsp: `rtsp://${host}:${port("rtsp")}` };
}

/** What FFmpeg is told before a URL, by what carries the media. */
const WAYS = {
  "RTSP over UDP": { scheme: "rtsp", output: ["-f", "rtsp", "-rtsp_transport", "udp"] },
  "RTSP over TCP": { scheme: "rtsp", output: ["-f", "rtsp", "-rtsp_transport", "tcp"] },
  RTMP: { scheme: "rtmp", output: ["-flvflags", "no_duration_filesize", "-f", "flv"] },
} as const;

for (const [publisherAddress, publisherHost] of Object.entries(HOSTS)) {
  for (const [publisherWay, { scheme, output }] of Object.entries(WAYS)) {
    Deno.test({
      name:
        `ffmpeg of ${publisherAddress} publishes by ${publisherWay} to [::], and players of both families get it`,
      ignore: ignoreWithout("ffmpeg"),
      async fn() {
        await using folder = new TemporaryFolder();
        const source = `${folder.path}/source.mkv`;
        await makeRecording(source, { seconds: 2 });
        const seen: ConnectionInfo[] = [];
        const players: ConnectionInfo[] = [];
        await using weir = await TestServer.start({
          ...{ rtmp: ANY, rtsp: ANY, rtp: ANY },
          hooks: {
            onPublish: ({ connection }) => void seen.push(connection),
            onPlay: ({ connection }) => void players.push(connection),
          },
        });
        const target = `${doors(weir, publisherHost)[scheme]}/live/cam`;
        await using _publisher = ffmpeg([
          ...["-re", "-stream_loop", "-1", "-i", source, "-c", "copy"],
          ...[...output, target],
        ]);
        await until(() => weir.server.hub.get("live/cam")?.lastDtsUs !== undefined);
        await using started = new AsyncDisposableStack();
        const playing = Object.values(HOSTS).flatMap((host) =>
          Object.entries(WAYS).map(([way, { scheme, output }]) => {
            const input = scheme === "rtsp" ? output.slice(2) : [];
            const url = `${doors(weir, host)[scheme]}/live/cam`;
            const list = ["-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "framemd5", "-"];
            const player = ffmpeg([...input, "-i", url, "-t", "1", ...list]);
            return { name: `${way} at ${host}`, player: started.use(player) };
          })
        );
        for (const { name, player } of playing) {
          const { code, stdout, stderr } = await player.ended;
          assertEquals(code, 0, `${name}: ${stderr}`);
          const kinds = readPackets(stdout).map(({ kind }) => kind);
          for (const kind of ["video", "audio"]) {
            const count = kinds.filter((one) => one === kind).length;
            assert(count >= 10, `${name}: ${count} of ${kind}`);
          }
        }
        assertEquals(seen.map(({ remoteAddress }) => remoteAddress), [publisherAddress]);
        assertEquals(
          new Set(players.map(({ remoteAddress }) => remoteAddress)),
          new Set(["127.0.0.1", "::1"]),
        );
        assertEquals(weir.log.lines.filter((line) => /ffff/.test(JSON.stringify(line))), []);
      },
    });
  }
}

Deno.test("a session on [::] belongs to the address that made it, in whatever form (R024)", async () => {
  await using weir = await TestServer.start({ rtmp: false, rtsp: ANY, rtp: ANY });
  const port = weir.port;
  using maker = await RtspPeer.dial(port);
  const session = await maker.announce("RTP/AVP;unicast;client_port=20980-20981");
  // A listener for both families has this address of its peer in the other form.
  using same = await RtspPeer.dial(port, "::ffff:127.0.0.1");
  assertEquals((await same.request("RECORD", { headers: session })).status, 200);
  using other = await RtspPeer.dial(port, "::1");
  assertEquals((await other.request("TEARDOWN", { headers: session })).status, 400);
});

Deno.test("a client is offered UDP only where the RTP sockets are of its family (R060)", async () => {
  const families = [["127.0.0.1", "::1"], ["::1", "127.0.0.1"]] as const;
  for (const [sameFamily, otherFamily] of families) {
    await using weir = await TestServer.start({
      ...{ rtmp: false, rtsp: ANY },
      rtp: { hostname: sameFamily, port: 0 },
    });
    for (const [hostname, status] of [[sameFamily, 200], [otherFamily, 461]] as const) {
      using peer = await RtspPeer.dial(weir.port, hostname);
      const headers = { "Content-Type": "application/sdp" };
      const announced = await peer.request("ANNOUNCE", { headers, body: SDP });
      const setUp = await peer.request("SETUP", {
        url: `rtsp://127.0.0.1:${weir.port}/live/cam/streamid=0`,
        headers: {
          Session: announced.headers.get("Session")!.split(";")[0]!,
          Transport: "RTP/AVP;unicast;client_port=20980-20981;mode=record",
        },
      });
      assertEquals(setUp.status, status, hostname);
    }
  }
});

Deno.test("RTP is at the address of RTSP where nothing else is said", async () => {
  await using weir = await TestServer.start({ rtmp: false, rtsp: ANY, rtp: { port: 0 } });
  assertEquals(weir.server.addresses.map(({ hostname }) => hostname), ["::", "::"]);
});

Deno.test("IPv4 addresses have one form, wherever they come from", async () => {
  const forms = {
    "::ffff:192.0.2.1": "192.0.2.1",
    "::FFFF:192.0.2.1": "192.0.2.1",
    "192.0.2.1": "192.0.2.1",
    "::1": "::1",
    "2001:db8::ffff:1": "2001:db8::ffff:1",
    "a camera": "a camera",
  };
  for (const [given, plain] of Object.entries(forms)) assertEquals(plainAddress(given), plain);
  assert(canReach("::", "192.0.2.1") && canReach("::", "2001:db8::1"));
  assert(canReach("0.0.0.0", "::ffff:192.0.2.1") && !canReach("0.0.0.0", "2001:db8::1"));
  assert(canReach("::1", "2001:db8::1") && !canReach("::1", "192.0.2.1"));
  const socket = await bindDatagram(ANY);
  assertEquals(socket.hostname, "::");
  socket.close();
});
