/** Talking to a camera whose publisher is at another machine of the cluster. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RtspClient } from "../../src/client/mod.ts";
import { HubError } from "../../src/hub/mod.ts";
import { RtspError } from "../../src/rtsp/mod.ts";
import { heard, say, TalkableCamera } from "../client/talkable_camera.ts";
import { freePort } from "../support/free_port.ts";
import { ignoreWithout } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";
import { NatsServer } from "./nats_server.ts";
import { API_TOKEN, NodeProcess, SECRET } from "./node_process.ts";

const ACCESS = { apiTokens: [API_TOKEN], rules: [{ allow: ["publish", "play", "talk"] }] };

function connect({ rtspPort }: NodeProcess): Promise<RtspClient> {
  return RtspClient.connect(`rtsp://127.0.0.1:${rtspPort}/live/cam`, { transport: "tcp" });
}

Deno.test({
  name:
    "players of any machine talk to a camera that another pulls from, through a third too, and one at a time in all",
  ignore: ignoreWithout("nats-server"),
  async fn() {
    await using nats = await NatsServer.start();
    await using camera = new TalkableCamera();
    const options = { nats: nats.address, maxFeeds: 1, settings: { access: ACCESS } };
    const relay = { name: "live/cam", url: camera.url, backchannel: true };
    const [a, b, c] = await Promise.all([
      NodeProcess.start("a", {
        ...options,
        workers: 2,
        settings: { access: ACCESS, relays: { pull: [relay] } },
      }),
      NodeProcess.start("b", { ...options, workers: 2 }),
      NodeProcess.start("c", options),
    ]);
    await using _a = a;
    await using _b = b;
    await using _c = c;
    await a.line(/publish started/);

    const first = await connect(b);
    const talk = await first.talk();
    const codes = talk.tracks[0]!.media.formats.map(({ payloadType }) => payloadType);
    assertEquals(codes, [116, 97, 107, 0, 8], "it is described as at the camera");
    await say(talk.tracks[0]!.getWriter());
    const packets = await heard(await camera.talker(), 5);
    assertEquals(packets.map(({ payloadType }) => payloadType), [8, 8, 8, 8, 8]);
    assertEquals(packets.map(({ payload }) => payload[0]), [0, 1, 2, 3, 4]);
    const [zero] = packets;
    assertEquals(
      packets.map(({ timestamp }) => (timestamp - zero!.timestamp) >>> 0),
      [0, 160, 320, 480, 640],
    );

    for (const node of [a, b, c]) {
      await using other = await connect(node);
      const refused = await assertRejects(() => other.talk(), RtspError, "already", node.node);
      assertEquals(refused.status, 403);
    }
    await first.close();
    await b.line(/rtsp talk ended/);
    // C fetches from B, since A feeds no second machine.
    await using second = await connect(c);
    const again = await second.talk();
    await say(again.tracks[0]!.getWriter());
    assertEquals((await heard(await camera.talker(1), 5)).length, 5);
    assertEquals((await c.api.stream("live/cam")).via, "b");
    // The camera goes: who talks to it hears that.
    for (const peer of camera.peers.all) peer.close();
    await c.line(/rtsp talk ended/);
  },
});

Deno.test({
  name: "a program talks to a camera that another machine pulls from, for as long as it likes",
  ignore: ignoreWithout("nats-server"),
  // NATS's client lets go of its timers when they are due.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using nats = await NatsServer.start();
    await using camera = new TalkableCamera();
    const relay = { name: "live/cam", url: camera.url, backchannel: true };
    await using a = await NodeProcess.start("a", {
      nats: nats.address,
      settings: { relays: { pull: [relay] } },
    });
    const url = `rtmp://127.0.0.1:${freePort()}`;
    const cluster = { node: "b", url, secret: SECRET, nats: [nats.address] };
    await using b = await TestServer.start({ rtmp: false, cluster });
    await a.line(/publish started/);
    const stream = b.server.stream("live/cam");
    const { promise: end, resolve: stop } = Promise.withResolvers<void>();
    const bell = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(800).fill(0xff)),
      cancel: () => stop(),
    });
    const abort = new AbortController();
    const talking = stream.talk(bell, { codec: "pcmu", signal: abort.signal });
    const packets = await heard(await camera.talker(), 5);
    assertEquals(packets.map(({ payloadType }) => payloadType), [0, 0, 0, 0, 0]);
    assert(b.server.hub.get("live/cam")?.isWanted, "it is fetched as long as somebody talks");
    abort.abort();
    assert((await talking).units >= 5);
    await end;
    await assertRejects(
      () => b.server.stream("live/none").talk(new ReadableStream(), { codec: "pcmu" }),
      HubError,
      "nobody publishes it",
    );
  },
});
