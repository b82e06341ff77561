/** Clients of WebRTC that have proved who they are, and then send what no client would. */
import { assertEquals } from "@std/assert";
import { buildRtcp, buildRtpPacket, genericNack } from "../../../src/rtp/mod.ts";
import { Chance, mutated } from "../../../scripts/fuzz/mutation.ts";
import { TestServer, until } from "../../support/test_server.ts";
import { offerOf, WebRtcClient } from "../../support/webrtc_client.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const SEED = 7;
const INPUTS = 300;

/** A key frame of one slice, behind its parameter sets, as a packet of several NAL units (RFC 6184, 5.7.1). */
const PICTURE = Uint8Array.fromHex(
  "78" + "0019" + "6742c01ed90280bfe5c044000003000400000300f23c58b920" + "0004" + "68cb83cb" +
    "0006" + "658855555555",
);

/** What a publisher sends: a picture, an aggregate, fragments; mostly with something changed. */
function rtpOf(chance: Chance, sequenceNumber: number): Uint8Array {
  const payload = chance.of([
    () => PICTURE,
    () => Uint8Array.of(0x7c, chance.below(256), ...chance.bytes(40)),
    () => Uint8Array.of(0x18, ...chance.bytes(30)),
    () => chance.bytes(chance.below(200)),
  ])();
  const packet = buildRtpPacket({
    payloadType: chance.of([102, 102, 102, 103, 111, 0, 127]),
    sequenceNumber: chance.is(0.9) ? sequenceNumber & 0xffff : chance.below(0x10000),
    timestamp: chance.is(0.9) ? sequenceNumber * 3000 : chance.below(2 ** 32),
    ssrc: chance.is(0.9) ? 7 : chance.below(2 ** 32),
    marker: chance.is(0.5),
    payload,
  });
  return chance.is(0.5) ? mutated(packet, chance) : packet;
}

/** What both may send: reports, questions, farewells, and bytes without sense. */
function rtcpOf(chance: Chance, mediaSsrc: number): Uint8Array {
  const missing = Array.from({ length: 1 + chance.below(300) }, () => chance.below(0x10000));
  const packet = buildRtcp([
    { type: "receiver-report", ssrc: 1, reports: [] },
    genericNack({ ssrc: 1, mediaSsrc }, missing),
    ...(chance.is(0.05) ? [{ type: "goodbye" as const, ssrcs: [1, mediaSsrc] }] : []),
  ]);
  const bytes = chance.is(0.8) ? mutated(packet, chance) : chance.bytes(chance.below(120));
  // Of what is too short to be protected nothing leaves a client.
  return bytes.length < 8 ? packet : bytes;
}

Deno.test("a publisher and players that send garbage under the right keys fail nothing, and disturb nobody", async () => {
  const weir = await TestServer.start({ rtmp: false, http: LOCAL, webrtc: LOCAL });
  await using _ = weir;
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
  const base = `http://127.0.0.1:${port}/live`;
  const publish = async (name: string) =>
    await (await WebRtcClient.begin(`${base}/${name}/whip`, offerOf("sendonly"))).connect();
  const play = async (name: string) =>
    await (await WebRtcClient.begin(`${base}/${name}/whep`, offerOf("recvonly"))).connect();
  await using healthy = await publish("healthy");
  let sequenceNumber = 0;
  const picture = () =>
    healthy.sendRtp(buildRtpPacket({
      payloadType: 102,
      sequenceNumber: sequenceNumber & 0xffff,
      timestamp: sequenceNumber++ * 3600,
      ssrc: 9,
      marker: true,
      payload: PICTURE,
    }));
  await picture();
  await using watcher = await play("healthy");
  let watched = 0;
  watcher.onPacket = (packet) => {
    if (watcher.receiver!.unprotect(packet) !== undefined) watched++;
  };
  await using publisher = await publish("hostile");
  await using player = await play("healthy");
  let playedSsrc = 0;
  player.onPacket = (packet) => {
    if (player.receiver!.unprotect(packet) !== undefined) {
      playedSsrc = new DataView(packet.buffer, packet.byteOffset).getUint32(8);
    }
  };
  await picture();
  await until(() => playedSsrc !== 0);
  const chance = new Chance(SEED);
  for (let at = 0; at < INPUTS; at++) {
    const packet = rtpOf(chance, at);
    // The key of the sender protects nothing whose header is broken: that goes out as it is.
    await publisher.sendRtp(packet).catch(() => publisher.send(packet));
    if (at % 3 === 0) await publisher.sendRtcp(rtcpOf(chance, 7));
    await player.sendRtcp(rtcpOf(chance, chance.is(0.7) ? playedSsrc : chance.below(2 ** 32)));
    // The server reads as it is sent to, on a buffer that is bounded.
    if (at % 50 === 0) {
      const before = watched;
      await picture();
      await until(() => watched > before);
    }
  }
  assertEquals(weir.log.lines.filter(({ level }) => level === "error"), [], `seed ${SEED}`);
  const playing = [...weir.server.tickets.values()].filter(({ info }) => info.action === "play");
  assertEquals(playing.map(({ info }) => info.state), ["live", "live"]);
});
