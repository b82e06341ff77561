import { assert, assertEquals, assertMatch } from "@std/assert";
import type { MediaUnit } from "../../../src/media/mod.ts";
import {
  buildRtcp,
  buildRtpPacket,
  genericNack,
  parseRtcp,
  parseRtpPacket,
  pictureLossIndication,
  type RtpPacket,
} from "../../../src/rtp/mod.ts";
import type { ServerOptions } from "../../../mod.ts";
import { TestServer, until } from "../../support/test_server.ts";
import { ShownOrder } from "../../../src/doors/http/webrtc/shown_order.ts";
import { offerOf, post, WebRtcClient } from "../../support/webrtc_client.ts";
import { random } from "../../webrtc/dtls_peer.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A server that speaks HTTP and WebRTC alone, and where. */
async function start(options: ServerOptions = {}) {
  const weir = await TestServer.start({
    rtmp: false,
    http: LOCAL,
    webrtc: LOCAL,
    timing: { playWaitMs: 50, describeWaitMs: 2000 },
    ...options,
  });
  const port = weir.server.addresses.find(({ protocol }) => protocol === "http")!.port;
  return { weir, base: `http://127.0.0.1:${port}` };
}

/** avcC of 640 × 480, without B frames. */
const AVC_CONFIG = Uint8Array.fromHex(
  "0142c01effe100196742c01ed90280bfe5c044000003000400000300f23c58b92001000468cb83cb",
);

/** A publisher of H.264 whose pictures come when the test says so. */
class Camera {
  readonly #controller: ReadableStreamDefaultController<MediaUnit>;
  readonly #published: Promise<void>;
  #pictures = 0;

  constructor(weir: TestServer, name = "live/cam") {
    let controller: ReadableStreamDefaultController<MediaUnit>;
    const units = new ReadableStream<MediaUnit>({ start: (one) => void (controller = one) });
    this.#controller = controller!;
    this.#published = weir.server.publish(name, units, {
      tracks: [{ kind: "video", id: 0, codec: "h264", config: AVC_CONFIG }],
    });
    this.#published.catch(() => {});
  }

  /** Sends the next picture, 40 ms after the one before. */
  picture({ key = false, bytes = 3000 }: { key?: boolean; bytes?: number } = {}): void {
    const dtsUs = this.#pictures++ * 40_000;
    const data = new Uint8Array(4 + bytes).fill(0xab);
    new DataView(data.buffer).setUint32(0, bytes);
    data.set([key ? 0x65 : 0x41, 0x88], 4);
    this.#controller.enqueue({
      ...{ kind: "video", role: "media", track: 0, dtsUs, ptsUs: dtsUs, keyFrame: key },
      discardable: false,
      payload: { format: "access-unit", data },
    });
  }

  async end(): Promise<void> {
    this.#controller.close();
    await this.#published.catch(() => {});
  }
}

/** Collects what a player is sent, unprotected. */
function collect(client: WebRtcClient): { readonly rtp: RtpPacket[]; readonly rtcp: Uint8Array[] } {
  const rtp: RtpPacket[] = [];
  const rtcp: Uint8Array[] = [];
  client.onPacket = (packet) => {
    const type = packet[1]!;
    const isControl = type >= 192 && type <= 223;
    const plain = isControl
      ? client.receiver!.unprotectRtcp(packet)
      : client.receiver!.unprotect(packet);
    if (plain === undefined) return;
    if (isControl) rtcp.push(plain);
    else rtp.push(parseRtpPacket(plain));
  };
  return { rtp, rtcp };
}

Deno.test("a WHEP player gets the newest group with the payload type it offered, and what follows", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  camera.picture();
  await using client = await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly"));
  const { rtp } = collect(client);
  await client.connect();
  await until(() => rtp.filter(({ marker }) => marker).length === 2);
  // The parameter sets come in front of the key frame, though the publisher has them beside.
  assertEquals(rtp[0]!.payload[0]! & 0x1f, 24);
  camera.picture();
  await until(() => rtp.filter(({ marker }) => marker).length === 3);
  assert(rtp.every(({ payloadType, payload }) => payloadType === 102 && payload.length <= 1180));
  const numbers = rtp.map(({ sequenceNumber }) => sequenceNumber);
  assertEquals(numbers, numbers.map((_, index) => (numbers[0]! + index) & 0xffff));
  const [ticket] = [...weir.server.tickets.values()].filter(({ info }) => info.action === "play");
  assertEquals([ticket?.info.protocol, ticket?.info.state], ["whep", "live"]);
  await camera.end();
});

Deno.test("a WHEP player that joins late is brought to the live end in an instant of its own time", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  for (let i = 0; i < 9; i++) camera.picture();
  await using client = await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly"));
  const { rtp } = collect(client);
  await client.connect();
  await until(() => rtp.filter(({ marker }) => marker).length === 10);
  camera.picture();
  await until(() => rtp.filter(({ marker }) => marker).length === 11);
  const times = [...new Set(rtp.map(({ timestamp }) => timestamp))];
  assertEquals(times.length, 11);
  const apart = times.slice(1).map((time, index) => (time - times[index]!) >>> 0);
  assert(apart.slice(0, 9).every((ticks) => ticks > 0 && ticks < 90), `${apart} ticks`);
  assert(Math.abs(apart[9]! - 3600) < 90, `${apart} ticks`);
  await camera.end();
});

Deno.test("a WHEP player is sent lost packets again (RFC 4588), and as they were where it has no other type", async () => {
  for (const retransmission of [true, false]) {
    const { weir, base } = await start();
    await using _ = weir;
    const camera = new Camera(weir);
    camera.picture({ key: true });
    await using client = await WebRtcClient.begin(
      `${base}/live/cam/whep`,
      offerOf("recvonly", { retransmission }),
    );
    const { rtp } = collect(client);
    await client.connect();
    await until(() => rtp.some(({ marker }) => marker));
    const [first, lost] = rtp;
    const before = rtp.length;
    // The same bytes come once more: what a receiver takes for a replay is seen in its count.
    const { replayed } = client.receiver!.stats;
    await client.sendRtcp(buildRtcp([
      { type: "receiver-report", ssrc: 1, reports: [] },
      genericNack({ ssrc: 1, mediaSsrc: first!.ssrc }, [lost!.sequenceNumber, 0xfff0]),
    ]));
    if (retransmission) {
      await until(() => rtp.length === before + 1);
      const again = rtp.at(-1)!;
      assertEquals(again.payloadType, 103);
      assertEquals(again.timestamp, lost!.timestamp);
      assertEquals(again.payload[0]! << 8 | again.payload[1]!, lost!.sequenceNumber);
      assertEquals(again.payload.subarray(2), lost!.payload);
      const told = client.media[0]!.attributes!.find(({ name }) => name === "ssrc-group")!;
      assertEquals(told.value, `FID ${lost!.ssrc} ${again.ssrc}`);
    } else await until(() => client.receiver!.stats.replayed === replayed + 1);
    await camera.end();
  }
});

Deno.test("a WHEP player that has lost the picture is sent the kept key frame again, as newer than all it had", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  camera.picture();
  await using client = await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly"));
  const { rtp } = collect(client);
  await client.connect();
  await until(() => rtp.filter(({ marker }) => marker).length === 2);
  const { ssrc, timestamp, sequenceNumber } = rtp.at(-1)!;
  const ask = buildRtcp([pictureLossIndication({ ssrc: 1, mediaSsrc: ssrc })]);
  await client.sendRtcp(ask);
  // A second one at once is not answered.
  await client.sendRtcp(ask);
  await until(() => rtp.filter(({ marker }) => marker).length === 4);
  camera.picture();
  await until(() => rtp.filter(({ marker }) => marker).length === 5);
  const again = rtp.slice(rtp.findIndex((packet) => packet.sequenceNumber === sequenceNumber) + 1);
  assertEquals(again[0]!.payload[0]! & 0x1f, 24);
  assertEquals(again[0]!.sequenceNumber, (sequenceNumber + 1) & 0xffff);
  let last = timestamp;
  for (const packet of again) {
    assert(((packet.timestamp - last) | 0) >= 0, "time goes back");
    last = packet.timestamp;
  }
  assert(((again[0]!.timestamp - timestamp) | 0) > 0);
  await camera.end();
});

/** Ends a session as its client does; resolves with the status. */
async function remove(session: string): Promise<number> {
  const response = await fetch(session, { method: "DELETE" });
  await response.body?.cancel();
  return response.status;
}

Deno.test("DELETE ends a session, a kick and the end of the stream do, and the client is told by DTLS", async () => {
  const { weir, base } = await start({ hub: { lingerMs: 0 } });
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  const begin = async () =>
    await (await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly"))).connect();
  const plays = () =>
    [...weir.server.tickets.values()].filter(({ info }) => info.action === "play");
  {
    await using client = await begin();
    await until(() => plays()[0]?.info.state === "live");
    const other = client.session.replace("live/cam", "live/other");
    assertEquals(await remove(other), 404);
    assertEquals(await remove(client.session), 200);
    await client.closed;
    assertEquals(await remove(client.session), 404);
    assertEquals(plays().length, 0);
  }
  {
    await using client = await begin();
    await until(() => plays()[0]?.info.state === "live");
    plays()[0]!.kick("for a test");
    await client.closed;
  }
  {
    await using client = await begin();
    client.dtls.close();
    await client.send(client.dtls.output[0]!);
    await until(() => plays().length === 0);
  }
  await using client = await begin();
  await until(() => plays()[0]?.info.state === "live");
  await camera.end();
  await client.closed;
  await weir.quiet();
});

Deno.test("a WHEP player is sent the pictures that come as the stream ends, and then told of the end", async () => {
  const { weir, base } = await start({ hub: { lingerMs: 0 } });
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  await using client = await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly"));
  const { rtp } = collect(client);
  await client.connect();
  const pictures = () => rtp.filter(({ marker }) => marker).length;
  await until(() => pictures() === 1);
  // More than leaves in one go.
  for (let count = 0; count < 4; count++) camera.picture({ bytes: 40_000 });
  await camera.end();
  await client.closed;
  assertEquals(pictures(), 5);
});

Deno.test("packets leave in their order, more than the system takes at once too: browsers ask for what is late", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  await using clients = new AsyncDisposableStack();
  const all: RtpPacket[][] = [];
  for (let count = 0; count < 40; count++) {
    const client = clients.use(
      await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly")),
    );
    all.push(collect(client).rtp as RtpPacket[]);
    await client.connect();
  }
  await until(() => all.every(({ length }) => length > 0));
  for (let pictures = 1; pictures <= 3; pictures++) {
    camera.picture({ bytes: 24_000 });
    await until(() => all.every(({ length }) => length > pictures * 20));
  }
  for (const rtp of all) {
    const numbers = rtp.map(({ sequenceNumber }) => sequenceNumber);
    assertEquals(numbers, numbers.map((_, index) => (numbers[0]! + index) & 0xffff));
  }
  await camera.end();
});

Deno.test("PATCH takes candidates, and has ICE begin anew where the name fragment is another", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  await using client = await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly"));
  const patch = async (body: string, headers: Record<string, string> = {}) => {
    const type = { "content-type": "application/trickle-ice-sdpfrag", ...headers };
    const response = await fetch(client.session, { method: "PATCH", headers: type, body });
    return {
      status: response.status,
      etag: response.headers.get("etag"),
      text: await response.text(),
    };
  };
  const etag = client.headers.get("etag")!;
  const candidate = "a=ice-ufrag:EsAw\r\na=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n";
  assertEquals((await patch(candidate, { "if-match": etag })).status, 204);
  assertEquals((await patch(candidate, { "if-match": '"other"' })).status, 412);
  assertEquals((await patch(candidate)).status, 428);
  assertEquals((await patch("x", { "content-type": "text/plain" })).status, 415);
  for (const wrong of ["", "nothing", "a=ice-ufrag:anew\r\n"]) {
    assertEquals((await patch(wrong, { "if-match": etag })).status, 400, wrong);
  }
  const renewed = await patch("a=ice-ufrag:anew\r\na=ice-pwd:0123456789012345678901\r\n", {
    "if-match": "*",
  });
  assertEquals(renewed.status, 200);
  assert(renewed.etag !== etag);
  assertMatch(
    renewed.text,
    /^a=ice-lite\r\na=ice-options:trickle ice2\r\nm=video 9 UDP\/TLS\/RTP\/SAVPF 102\r\na=mid:0\r\n/,
  );
  const [, fragment] = /a=ice-ufrag:(\S+)/.exec(renewed.text)!;
  const [, password] = /a=ice-pwd:(\S+)/.exec(renewed.text)!;
  const { rtp } = collect(client);
  await client.send(client.request({ username: `${fragment}:anew`, password: password! }));
  await client.connect();
  await until(() => rtp.length > 0);
  await camera.end();
});

Deno.test("what an endpoint and a session take is told by OPTIONS, and GET has nothing to show", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  const asked = async (method: string, url: string) => {
    const response = await fetch(url, { method });
    await response.body?.cancel();
    const { status, headers } = response;
    const told = ["allow", "accept-post", "accept-patch", "content-type"].map((name) =>
      headers.get(name)
    );
    return [status, ...told];
  };
  await using client = await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly"));
  const sdp = "application/sdp";
  const ice = "application/trickle-ice-sdpfrag";
  const endpoint = "POST, GET, HEAD, OPTIONS";
  const session = "PATCH, DELETE, GET, HEAD, OPTIONS";
  assertEquals(await asked("OPTIONS", `${base}/live/cam/whip`), [200, endpoint, sdp, null, null]);
  assertEquals(await asked("OPTIONS", client.session), [200, session, null, ice, null]);
  // Players look for endpoints by HEAD (draft-ietf-wish-whep-04, 4.2).
  for (const method of ["GET", "HEAD"]) {
    assertEquals(await asked(method, `${base}/live/cam/whep`), [200, null, null, null, sdp]);
    assertEquals(await asked(method, `${base}/live/cam/whip`), [204, null, null, null, null]);
    assertEquals(await asked(method, client.session), [204, null, null, null, null]);
    assertEquals((await asked(method, `${client.session}0`))[0], 404);
  }
  assertEquals((await asked("DELETE", `${base}/live/cam/whep`))[0], 405);
  assertEquals((await asked("POST", client.session))[0], 405);
  await camera.end();
});

Deno.test("WHIP publishes: units with the config of the key frame, lost packets are asked for", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  await using client = await WebRtcClient.begin(`${base}/live/web/whip`, offerOf("sendonly"));
  assertEquals(client.media.map(({ direction }) => direction), ["recvonly", "recvonly"]);
  const { rtcp } = collect(client);
  await client.connect();
  const [ticket] = weir.server.tickets.values();
  assertEquals([ticket?.info.protocol, ticket?.info.action], ["whip", "publish"]);
  const units = weir.server.stream("live/web").units({ tracks: ["video"] });
  const packet = (sequenceNumber: number, payload: Uint8Array, marker = true) =>
    buildRtpPacket({
      ...{ payloadType: 102, sequenceNumber, timestamp: sequenceNumber * 3000, ssrc: 77 },
      ...{ marker, payload },
    });
  const sets = Uint8Array.fromHex(
    "180019" + "6742c01ed90280bfe5c044000003000400000300f23c58b920" + "0004" + "68cb83cb" +
      "0003658880",
  );
  await client.sendRtp(packet(1, sets));
  await client.sendRtp(packet(2, Uint8Array.of(0x41, 0x9a, 1)));
  await client.sendRtp(packet(4, Uint8Array.of(0x41, 0x9a, 3)));
  const asked = () =>
    rtcp.flatMap((bytes) => parseRtcp(bytes)).find((one) =>
      one.type === "unknown" && one.packetType === 205
    );
  await until(() => asked() !== undefined);
  assertEquals((asked() as { data: Uint8Array }).data.subarray(4).toHex(), "0000004d" + "00030000");
  // The lost one comes by the other payload type: its number, and its payload.
  await client.sendRtp(buildRtpPacket({
    ...{ payloadType: 103, sequenceNumber: 9000, timestamp: 9000, ssrc: 78, marker: true },
    payload: Uint8Array.of(0, 3, 0x41, 0x9a, 2),
  }));
  const seen: number[] = [];
  for await (const unit of units) {
    if (unit.role !== "media") continue;
    if (unit.payload.format === "access-unit") seen.push(unit.payload.data.at(-1)!);
    if (seen.length === 3) break;
  }
  assertEquals(seen.slice(1), [1, 2]);
  assertEquals(await remove(client.session), 200);
  await weir.quiet();
  const ended = await weir.log.line(({ message }) => message === "whip publish ended");
  assertEquals(ended.fields.reason, "unpublished");
});

Deno.test("WHIP and WHEP pass the gate: names, users, limits and conflicts are answered in HTTP's words", async () => {
  const { weir, base } = await start({
    hooks: {
      authenticate: ({ action, credentials }) =>
        action === "play" || (credentials.kind === "token" && credentials.token === "right")
          ? { allow: "anonymous" }
          : { challenge: "Who are you?" },
    },
    hub: { conflict: "reject" },
  });
  await using _ = weir;
  const whip = `${base}/live/web/whip`;
  const offer = offerOf("sendonly");
  const statusOf = async (url: string, body = offer, headers: Record<string, string> = {}) => {
    const response = await post(url, body, headers);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await statusOf(whip), 401);
  assertEquals(await statusOf(`${whip}?token=right`), 201);
  assertEquals(await statusOf(whip, offer, { authorization: "Bearer right" }), 409);
  assertEquals(await statusOf(whip, offer, { origin: "http://elsewhere.example" }), 403);
  assertEquals(await statusOf(`${base}/live/none/whep`, offerOf("recvonly")), 404);
  assertEquals(await statusOf(`${base}/../whep`, offerOf("recvonly")), 400);
  assertEquals(await statusOf(`${base}/live/other/whip?token=right`, offerOf("recvonly")), 422);
  assertEquals(
    await statusOf(`${base}/live/other/whip`, offer, { "content-type": "text/html" }),
    415,
  );
  assertEquals(await statusOf(`${base}/live/other/whip`, "garbage"), 400);
  assertEquals(await statusOf(`${base}/live/other/whip`, "a=".repeat(40_000)), 413);
  const unknown = offer.replace("opus/48000", "speex/16000").replace("PCMU/8000", "CN/8000");
  assertEquals(await statusOf(`${base}/live/other/whip?token=right`, unknown), 422);
  const changed = await fetch(whip, { method: "PATCH", body: "a=end-of-candidates" });
  assertEquals([changed.status, (await changed.json()).code], [405, "method"]);
  const limited = await start({ maxConnectionsPerAddress: 2 });
  await using _limited = limited.weir;
  const url = `${limited.base}/live/a`;
  assertEquals(await statusOf(`${url}1/whip`), 201);
  assertEquals(await statusOf(`${url}2/whip`), 201);
  assertEquals(await statusOf(`${url}3/whip`), 503);
});

Deno.test("strangers on the UDP port get no answer, and disturb nobody", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  await using client = await WebRtcClient.begin(`${base}/live/cam/whep`, offerOf("recvonly"));
  const { rtp } = collect(client);
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "webrtc")!;
  const stranger = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  let answers = 0;
  const listening = (async () => {
    for await (const _ of stranger) answers++;
  })();
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  await client.connect();
  await until(() => rtp.length > 0);
  const before = rtp.length;
  for (let i = 0; i < 2000; i++) {
    const bytes = random(1 + i % 300);
    if (i % 4 === 0) bytes[0] = 20 + i % 44;
    if (i % 4 === 1) bytes[0] = 128;
    await stranger.send(i % 10 === 0 ? client.request({ password: "wrong" }) : bytes, to);
    // The client itself sends garbage too.
    if (i % 5 === 0) await client.send(random(20 + i % 200));
  }
  await stranger.send(client.request({ username: "nobody:EsAw" }), to);
  camera.picture();
  await until(() => rtp.length > before);
  assertEquals(answers, 0);
  stranger.close();
  await listening.catch(() => {});
  await camera.end();
});

Deno.test("sessions that are never finished are bounded, those of one address make room, and one that cannot begin takes nobody's place", async () => {
  // Time is the server's own: it is not waited for.
  const { weir, base } = await start(
    {
      maxConnectionsPerAddress: Infinity,
      maxHandshakesPerSecond: Infinity,
      hub: { conflict: "takeover" },
    } as ServerOptions,
  );
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  const begin = async (from: string, to: "whep" | "whip" = "whep") => {
    const request = new Request(`${base}/live/cam/${to}`, {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: offerOf(to === "whep" ? "recvonly" : "sendonly"),
    });
    const response = await weir.server.fetch(request, { remoteAddr: { hostname: from } });
    await response.body?.cancel();
    return response;
  };
  const statuses = new Map<number, number>();
  const sessions: string[] = [];
  for (let i = 0; i < 205; i++) {
    const { status, headers } = await begin("2001:db8::1");
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    sessions.push(headers.get("location")!);
  }
  assertEquals([...statuses], [[201, 200], [503, 5]]);
  const { publisher } = weir.server.hub.get("live/cam")!;
  assertEquals((await begin("2001:db8::1", "whip")).status, 503);
  assertEquals([publisher?.isActive, weir.server.hub.get("live/cam")!.publisher], [
    true,
    publisher,
  ]);
  // Others have room all the same: the address that has the most loses its oldest, not more than its share.
  for (let i = 0; i < 2; i++) assertEquals((await begin("203.0.113.9")).status, 201);
  assertEquals((await begin("2001:db8::2")).status, 503, "of the same network");
  const left = await Promise.all(
    sessions.slice(0, 4).map(async (path) => {
      const response = await fetch(base + path, { method: "DELETE" });
      await response.body?.cancel();
      return response.status;
    }),
  );
  assertEquals(left, [404, 404, 200, 200]);
  await camera.end();
});

Deno.test("a WHEP answer tells of B frames, and of sound that WebRTC has no name for", async () => {
  const { weir, base } = await start();
  await using _ = weir;
  const units = new ReadableStream<MediaUnit>({
    start(controller) {
      for (const [index, ptsUs] of [40_000, 160_000, 80_000, 120_000].entries()) {
        controller.enqueue({
          ...{ kind: "video", role: "media", track: 0, dtsUs: index * 40_000, ptsUs },
          ...{ keyFrame: index === 0, discardable: false },
          payload: {
            format: "access-unit",
            data: Uint8Array.of(0, 0, 0, 3, index === 0 ? 0x65 : 0x41, 0x88, 1),
          },
        });
      }
    },
  });
  const abort = new AbortController();
  const published = weir.server.publish("live/b", units, {
    tracks: [
      { kind: "video", id: 0, codec: "h264", config: AVC_CONFIG },
      { kind: "audio", id: 0, codec: "aac", config: Uint8Array.of(0x12, 0x10) },
    ],
    signal: abort.signal,
  });
  await using client = await WebRtcClient.begin(`${base}/live/b/whep`, offerOf("recvonly"));
  assertMatch(client.headers.get("weir-note")!, /B frames/);
  assertEquals(client.headers.get("weir-left-out"), "audio 0 (aac): WebRTC has no name for it");
  assertEquals(client.media.map(({ port }) => port), [9, 0]);
  await weir.log.line(({ level, message }) => level === "warn" && message.includes("B frames"));
  abort.abort();
  await published.catch(() => {});
});

Deno.test("pictures that are late are found by their timestamps, where these wrap and where they jump", () => {
  const late = (ticks: readonly number[]) => {
    const order = new ShownOrder();
    return { late: ticks.filter((one) => order.isLate(one >>> 0)), count: order.lateCount };
  };
  assertEquals(late([0, 9000, 3000, 3000, 6000, 18_000]), { late: [3000, 3000, 6000], count: 2 });
  assertEquals(late([-3000, 6000, 0, 3000, 15_000]), { late: [0, 3000], count: 2 });
  // Another publisher, or one whose clock was set.
  assertEquals(late([9_000_000, 1000, 4000]), { late: [], count: 0 });
});

Deno.test("sessions are shared out among the ports that WebRTC has", async () => {
  const { weir, base } = await start({ webrtcPorts: 3, webrtcHosts: ["127.0.0.2"] });
  await using _ = weir;
  const camera = new Camera(weir);
  camera.picture({ key: true });
  const ports = new Map<string, number>();
  for (let i = 0; i < 6; i++) {
    const answer = await post(`${base}/live/cam/whep`, offerOf("recvonly"));
    const [, port] = / (\d+) typ host/.exec(await answer.text())!;
    ports.set(port!, (ports.get(port!) ?? 0) + 1);
  }
  assertEquals([...ports.values()], [2, 2, 2]);
  await camera.end();
});
