/** Dialogues with real servers: what they answer, and what RtspClient makes of it. */
import { assert, assertEquals } from "@std/assert";
import { RtspClient } from "../../src/client/mod.ts";
import { encodeInterleavedFrame } from "../../src/rtsp/mod.ts";
import { sound } from "./scripted_camera.ts";

/** A server that gives these answers in turn, whatever it is asked. */
class Transcript implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;

  constructor(answers: readonly (string | Uint8Array)[]) {
    this.#serving = this.#serve(answers);
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async #serve(answers: readonly (string | Uint8Array)[]): Promise<void> {
    using conn = await this.#listener.accept();
    const buffer = new Uint8Array(65536);
    for (const answer of answers) {
      if (typeof answer !== "string") {
        await conn.write(answer);
        continue;
      }
      const count = await conn.read(buffer);
      if (count === null) return;
      const request = new TextDecoder().decode(buffer.subarray(0, count));
      this.asked.push(request);
      const cseq = /^CSeq: (\d+)/m.exec(request)![1]!;
      const text = answer.replace(/^\n/, "").replaceAll("CSEQ", cseq)
        .replaceAll("PORT", String(this.port)).replaceAll("\n", "\r\n");
      const [head, body = ""] = text.split("\r\n\r\n");
      const length = body === "" ? "" : `\r\nContent-Length: ${body.length}`;
      await conn.write(new TextEncoder().encode(`${head}${length}\r\n\r\n${body}`));
    }
    while (await conn.read(buffer) !== null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }

  urls(): string[] {
    return this.asked.map((text) => text.split(" ", 2).join(" ").replace(`:${this.port}`, ""));
  }
}

async function playFirst(server: Transcript, url: string, tracks?: number[]): Promise<Uint8Array> {
  await using client = await RtspClient.connect(url, { transport: "tcp" });
  const playback = await client.play(tracks === undefined ? {} : { tracks });
  const { value } = await playback.tracks[0]!.packets.getReader().read();
  assert(value !== undefined && server.asked.length > 0);
  return value.bytes;
}

const DONE = "RTSP/1.0 200 OK\nCSeq: CSEQ\n\n";
const frame = encodeInterleavedFrame(0, sound(5));

// Recorded, but for the transport: VLC itself knows UDP only.
Deno.test("VLC 3.0.24: absolute controls, `Cseq`, Public without OPTIONS", async () => {
  await using server = new Transcript([
    `RTSP/1.0 200 OK
Server: VLC/3.0.24
Content-Length: 0
Cseq: CSEQ
Public: DESCRIBE,SETUP,TEARDOWN,PLAY,PAUSE,GET_PARAMETER

`,
    `RTSP/1.0 200 OK
Server: VLC/3.0.24
Content-Type: application/sdp
Content-Base: rtsp://127.0.0.1:PORT/x
Cache-Control: no-cache
Cseq: CSEQ

v=0
o=- 17198123285166152372 17198123285166152372 IN IP4 vm
s=Unnamed
c=IN IP4 0.0.0.0
t=0 0
a=tool:vlc 3.0.24
a=recvonly
a=control:rtsp://127.0.0.1:PORT/x
m=video 0 RTP/AVP 96
b=RR:0
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=4d400b;sprop-parameter-sets=Z01AC+yhQj8uAiAAAAMAIAAABkHihTLA,aM4PyA==;
a=control:rtsp://127.0.0.1:PORT/x/trackID=0
`,
    `RTSP/1.0 200 OK
Server: VLC/3.0.24
Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=791FB1A6;mode=play
Session: 2769fea4769a8c81;timeout=60
Content-Length: 0
Cseq: CSEQ

`,
    `RTSP/1.0 200 OK
RTP-Info: url=rtsp://127.0.0.1:PORT/x/trackID=0;seq=48361;rtptime=545129433
Range: npt=2.411016-
Session: 2769fea4769a8c81;timeout=60
Cseq: CSEQ

`,
    frame,
    DONE,
  ]);
  await playFirst(server, `rtsp://127.0.0.1:${server.port}/x`);
  assertEquals(server.urls(), [
    "OPTIONS rtsp://127.0.0.1/x",
    "DESCRIBE rtsp://127.0.0.1/x",
    "SETUP rtsp://127.0.0.1/x/trackID=0",
    "PLAY rtsp://127.0.0.1/x",
    "TEARDOWN rtsp://127.0.0.1/x",
  ]);
});

Deno.test("RFC 2326, 14.3: an aggregate control, and tracks relative to Content-Base", async () => {
  await using server = new Transcript([
    "RTSP/1.0 501 Not Implemented\nCSeq: CSEQ\n\n",
    `RTSP/1.0 200 OK
CSeq: CSEQ
Content-Type: application/sdp
Content-Base: rtsp://foo/twister/

v=0
s=sample rtsp presentation
a=control:rtsp://foo/twister
m=audio 0 RTP/AVP 0
a=control:audio
m=video 0 RTP/AVP 26
a=control:video
`,
    "RTSP/1.0 200 OK\nCSeq: CSEQ\nSession: 12345678\nTransport: RTP/AVP/TCP;interleaved=0-1\n\n",
    "RTSP/1.0 200 OK\nCSeq: CSEQ\nSession: 12345678\n\n",
    encodeInterleavedFrame(0, sound(5, { payloadType: 0 })),
    DONE,
  ]);
  await playFirst(server, `rtsp://127.0.0.1:${server.port}/twister`, [0]);
  assertEquals(server.urls().slice(2), [
    "SETUP rtsp://127.0.0.1/twister/audio",
    "PLAY rtsp://127.0.0.1/twister",
    "TEARDOWN rtsp://127.0.0.1/twister",
  ]);
});

Deno.test("Dahua: blanks in the SSRC, query in the URL, padding between frames (R143, R144)", async () => {
  const query = "/cam/realmonitor?channel=1&subtype=0";
  await using server = new Transcript([
    "RTSP/1.0 200 OK\nCSeq: CSEQ\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\n\n",
    `RTSP/1.0 200 OK
CSeq: CSEQ
x-Accept-Dynamic-Rate: 1
Content-Base: rtsp://127.0.0.1:PORT${query}/
Content-Type: application/sdp

v=0
o=- 2251938202 2251938202 IN IP4 0.0.0.0
s=Media Server
c=IN IP4 0.0.0.0
t=0 0
a=control:*
a=packetization-supported:DH
a=rtppayload-supported:DH
a=range:npt=now-
m=audio 0 RTP/AVP 8
a=control:trackID=1
a=rtpmap:8 PCMA/8000
a=recvonly
`,
    "RTSP/1.0 200 OK\nCSeq: CSEQ\nSession: 633906120;timeout=60\n" +
    "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=      7\n\n",
    "RTSP/1.0 200 OK\nCSeq: CSEQ\nSession: 633906120\nRange: npt=0.000000-\nRTP-Info: url=trackID=1;seq=47195;rtptime=365903\n\n",
    Uint8Array.of(0, 0, 0),
    frame,
    DONE,
  ]);
  const bytes = await playFirst(server, `rtsp://127.0.0.1:${server.port}${query}`);
  assertEquals(bytes, new Uint8Array(sound(5)));
  assertEquals(server.urls().slice(2, 4), [
    `SETUP rtsp://127.0.0.1${query}/trackID=1`,
    `PLAY rtsp://127.0.0.1${query}/`,
  ]);
});

Deno.test("a server may ask whether the client lives, amid the media (RFC 2326, 10.1)", async () => {
  const questions = "OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\n";
  const heard = Promise.withResolvers<string>();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using conn = await listener.accept();
    const buffer = new Uint8Array(4096);
    await conn.read(buffer);
    await conn.write(new TextEncoder().encode("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n" + questions));
    heard.resolve(new TextDecoder().decode(buffer.subarray(0, (await conn.read(buffer))!)));
    listener.close();
  })();
  await using _client = await RtspClient.connect(
    `rtsp://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/x`,
  );
  assertEquals(await heard.promise, "RTSP/1.0 200 OK\r\nCSeq: 7\r\n\r\n");
  await serving;
});
