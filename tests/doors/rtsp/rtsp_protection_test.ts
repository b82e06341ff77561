import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  buildMikey,
  formatSdesCrypto,
  isRtcp,
  ntpFromUnixUs,
  parseMikey,
  parseRtpPacket,
  srtpProfile,
  SrtpReceiver,
  SrtpSender,
} from "../../../src/rtp/mod.ts";
import { formatKeyMgmt, parseKeyMgmt } from "../../../src/rtsp/mod.ts";
import { parseSdp } from "../../../src/sdp/mod.ts";
import { RtspClient } from "../../../src/client/mod.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { ignoreWithout } from "../../support/process.ts";
import { audioPacket, RtspPeer, SDP } from "../../support/rtsp_peer.ts";
import { TestServer } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const ignore = ignoreWithout("openssl");
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

/** A server of RTSP with and without TLS, and clients of it. */
async function start() {
  const tls = await makeCertificate();
  const weir = await TestServer.start({ rtmp: false, rtsp: LOCAL, rtsps: LOCAL, rtp: LOCAL, tls });
  const portOf = (protocol: string) =>
    weir.server.addresses.find((address) => address.protocol === protocol)!.port;
  const secure = async (name = "cam") =>
    new RtspPeer(
      await Deno.connectTls({ hostname: "127.0.0.1", port: portOf("rtsps"), caCerts: [tls.cert] }),
      { url: `rtsps://127.0.0.1:${portOf("rtsps")}/live/${name}` },
    );
  const url = `rtsps://127.0.0.1:${portOf("rtsps")}/live/cam`;
  return { weir, secure, plain: () => RtspPeer.dial(portOf("rtsp")), url, cert: tls.cert };
}

function newMaster() {
  return { profile: srtpProfile("AES_CM_128_HMAC_SHA1_80"), key: random(16), salt: random(14) };
}

function keyMgmt(master: ReturnType<typeof newMaster>, url: string): string {
  const time = ntpFromUnixUs(Date.now() * 1000);
  return formatKeyMgmt(buildMikey(master, { time, random }), url);
}

const SAVP = SDP.replace("RTP/AVP", "RTP/SAVP");

Deno.test({
  name: "RTSPS players get SRTP by MIKEY, interleaved and by UDP, and each a key of its own",
  ignore,
  async fn() {
    const { weir, secure, plain, url } = await start();
    await using _ = weir;
    using camera = await plain();
    await camera.record();
    await camera.frame(0, audioPacket(1));
    const keys: string[] = [];
    for (const over of ["tcp", "udp"]) {
      using player = await secure();
      const described = await player.request("DESCRIBE");
      const [media] = parseSdp(described.body).media;
      assertEquals(media?.protocol, "RTP/SAVP");
      const told = media!.attributes!.find(({ name }) => name === "key-mgmt")!.value!;
      const { master } = parseMikey(Uint8Array.fromBase64(told.replace("mikey ", "")));
      const socket = Deno.listenDatagram({ transport: "udp", ...LOCAL });
      const { port } = socket.addr as Deno.NetAddr;
      const transport = over === "tcp"
        ? "RTP/SAVP/TCP;unicast;interleaved=0-1"
        : `RTP/SAVP;unicast;client_port=${port}-${port + 1}`;
      const own = newMaster();
      const setUp = await player.request("SETUP", {
        url: `${url}/trackID=0`,
        headers: { Transport: transport, KeyMgmt: keyMgmt(own, url) },
      });
      assertEquals(setUp.status, 200);
      assertMatch(setUp.headers.get("Transport")!, /^RTP\/SAVP/);
      const answered = parseMikey(parseKeyMgmt(setUp.headers.get("KeyMgmt")!));
      assertEquals(answered.master, master);
      keys.push(master.key.toHex());
      const session = { Session: setUp.headers.get("Session")!.split(";")[0]! };
      assertEquals((await player.request("PLAY", { headers: session })).status, 200);
      const receiver = new SrtpReceiver(master);
      let plainPacket: Uint8Array | undefined;
      for (let number = 2; plainPacket === undefined; number++) {
        await camera.frame(0, audioPacket(number));
        if (over === "udp") plainPacket = receiver.unprotect((await socket.receive())[0]);
        else {
          const { channel, payload } = await player.nextFrame();
          if (channel === 0) plainPacket = receiver.unprotect(payload);
          else assert(isRtcp(receiver.unprotectRtcp(payload)!));
        }
      }
      assertEquals(parseRtpPacket(plainPacket).payload.length, 160);
      socket.close();
    }
    assert(keys[0] !== keys[1]);
  },
});

Deno.test({
  name:
    "RTSPS publishers protect what they send, with keys by MIKEY at SETUP, or announced by SDES",
  ignore,
  async fn() {
    const { weir, secure, plain, url } = await start();
    await using _ = weir;
    for (const way of ["mikey", "sdes"]) {
      const master = newMaster();
      using camera = await secure();
      const announced = await camera.request("ANNOUNCE", {
        headers: { "Content-Type": "application/sdp" },
        body: way === "sdes" ? `${SAVP}a=crypto:${formatSdesCrypto(master)}\r\n` : SAVP,
      });
      assertEquals(announced.status, 200);
      const session = { Session: announced.headers.get("Session")!.split(";")[0]! };
      const setUp = await camera.request("SETUP", {
        url: `${url}/streamid=0`,
        headers: {
          ...session,
          Transport: "RTP/SAVP/TCP;unicast;interleaved=0-1;mode=record",
          ...(way === "mikey" ? { KeyMgmt: keyMgmt(master, url) } : {}),
        },
      });
      assertEquals(setUp.status, 200);
      assertEquals((await camera.request("RECORD", { headers: session })).status, 200);
      const sender = new SrtpSender(master);
      // What is not protected, or by another key, is not taken.
      await camera.frame(0, audioPacket(1));
      await camera.frame(0, new SrtpSender(newMaster()).protect([audioPacket(2)])[0]!);
      const reader = weir.server.stream("live/cam").units()[Symbol.asyncIterator]();
      for (let number = 3; number < 6; number++) {
        await camera.frame(0, sender.protect([audioPacket(number)])[0]!);
      }
      const { value } = await reader.next();
      assert(value?.payload.format === "access-unit");
      assertEquals(value.payload.data[0], 3);
      await reader.return?.();
    }
    using open = await plain();
    assertEquals((await open.request("DESCRIBE")).status, 404);
  },
});

Deno.test({
  name:
    "SAVP is refused where the connection is not encrypted, beside AVP, and without a right key",
  ignore,
  async fn() {
    const { weir, secure, plain, url } = await start();
    await using _ = weir;
    using camera = await plain();
    await camera.record();
    await camera.frame(0, audioPacket(1));
    using open = await plain();
    const transport = "RTP/SAVP/TCP;unicast;interleaved=0-1";
    const plainUrl = url.replace(/rtsps:\/\/127.0.0.1:\d+/, "rtsp://127.0.0.1");
    const refused = await open.request("SETUP", {
      url: `${plainUrl}/trackID=0`,
      headers: { Transport: transport, KeyMgmt: keyMgmt(newMaster(), url) },
    });
    assertEquals(refused.status, 461);
    using player = await secure();
    for (
      const header of [
        'prot=mikey;data="AQAB"',
        "prot=other",
        keyMgmt(newMaster(), url).slice(0, -20),
      ]
    ) {
      const answer = await player.request("SETUP", {
        url: `${url}/trackID=0`,
        headers: { Transport: transport, KeyMgmt: header },
      });
      assertEquals(answer.status, 400, header);
    }
    using publisher = await secure("other");
    const announced = await publisher.request("ANNOUNCE", {
      headers: { "Content-Type": "application/sdp" },
      body: SAVP,
    });
    const unkeyed = await publisher.request("SETUP", {
      url: `${url.replace("cam", "other")}/streamid=0`,
      headers: {
        Session: announced.headers.get("Session")!.split(";")[0]!,
        Transport: `${transport};mode=record`,
      },
    });
    assertEquals(unkeyed.status, 400);
  },
});

Deno.test({
  name: "RtspClient plays and publishes what SRTP protects, interleaved and by UDP",
  ignore,
  async fn() {
    const { weir, url, cert } = await start();
    await using _ = weir;
    for (const transport of ["tcp", "udp"] as const) {
      const options = { caCerts: [cert], transport };
      const publisher = await RtspClient.connect(url, options);
      await publisher.announce(parseSdp(SAVP));
      const recording = await publisher.record();
      const player = await RtspClient.connect(url, options);
      const writer = recording.tracks[0]!.getWriter();
      let number = 65_530;
      const sending = setInterval(() => {
        void writer.write(audioPacket(number++)).catch(() => {});
      }, 5);
      try {
        const playback = await player.play();
        assertEquals(playback.tracks[0]!.media.protocol, "RTP/SAVP");
        const seen: number[] = [];
        for await (const { payload } of playback.tracks[0]!.packets) {
          assert(payload.length === 160 && payload.every((byte) => byte === payload[0]));
          if (seen.push(payload[0]!) === 10) break;
        }
      } finally {
        clearInterval(sending);
        await player.close();
        await publisher.close();
      }
    }
  },
});
