/**
 * Records what real RTMP clients send, for tests/rtmp/recordings.
 *
 * Each client talks to a small listener on loopback, which answers just enough for it to go on, and
 * every byte that it sends goes to `<client>_<role>.bin`. Players get two seconds of a test picture,
 * made by ffmpeg. Clients that are not installed are passed over.
 *
 * ```
 * deno run -A scripts/record_rtmp.ts [name …]
 * ```
 */
import { type AmfValue, decodeAmf0, encodeAmf0 } from "../src/amf/mod.ts";
import { ByteWriter } from "../src/bytes/mod.ts";
import { FlvDecoder, type FlvTag } from "../src/flv/mod.ts";
import { ChunkDecoder } from "../src/rtmp/chunk_decoder.ts";
import { RtmpServerHandshake } from "../src/rtmp/handshake_server.ts";
import { MessageType, type RawMessage } from "../src/rtmp/raw_message.ts";
import { programArguments } from "./program_arguments.ts";

/** Part of the tcUrl that clients send, so it is the same in every recording. */
const PORT = 19350;
const URL_TEXT = `rtmp://127.0.0.1:${PORT}/live/cam`;
const FOLDER = new URL("../tests/rtmp/recordings/", import.meta.url);
/** Small, so that players acknowledge within two seconds of a tiny picture. */
const ACK_WINDOW = 4000;
const CHUNK_SIZE = 65536;

const TEST_PICTURE = "-f lavfi -i testsrc=size=64x48:rate=10 -f lavfi -i sine=sample_rate=44100";
const TEST_CODECS = "-c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p -c:a aac -b:a 16k";
const GST_PICTURE = "videotestsrc num-buffers=20 ! video/x-raw,width=64,height=48,framerate=10/1 " +
  "! x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! flvmux streamable=true name=mux " +
  "audiotestsrc num-buffers=86 ! audio/x-raw,rate=44100,channels=1 ! voaacenc bitrate=16000 " +
  "! aacparse ! mux. mux.";
/** SWF verification is what makes librtmp use digests; hash and size may be anything. */
const SWF = `--swfhash ${"5a".repeat(32)} --swfsize 12345`;

/** Command lines by recording; a name that ends in _publish or _play. */
const CLIENTS: Readonly<Record<string, string>> = {
  ffmpeg_publish: `ffmpeg -v error ${TEST_PICTURE} -t 2 ${TEST_CODECS} -f flv ${URL_TEXT}`,
  ffmpeg_play: `ffmpeg -v error -i ${URL_TEXT} -t 1 -f null -`,
  gstreamer_publish: `gst-launch-1.0 -q ${GST_PICTURE} ! rtmp2sink location=${URL_TEXT}`,
  gstreamer_play: `gst-launch-1.0 -q rtmp2src location=${URL_TEXT} num-buffers=40 ! fakesink`,
  librtmp_publish: `gst-launch-1.0 -q ${GST_PICTURE} ! rtmpsink location=${URL_TEXT}`,
  rtmpdump_play: `rtmpdump -q --live -r ${URL_TEXT} --stop 1 -o /dev/null`,
  rtmpdumpswf_play: `rtmpdump -q --live -r ${URL_TEXT} ${SWF} --stop 1 -o /dev/null`,
  vlc_play: `su nobody -s /bin/sh -c`,
};

/** VLC does not run as root. */
const VLC = `HOME=/tmp cvlc -q --vout=dummy --aout=dummy --run-time=2 ${URL_TEXT} vlc://quit`;

interface Answer {
  readonly chunkStreamId: number;
  readonly type: number;
  readonly streamId: number;
  readonly timestampMs: number;
  readonly payload: Uint8Array;
}

/** One message as one chunk of type 0: written here by hand, so that recordings test the decoder. */
function toChunk(answer: Answer): Uint8Array {
  return new ByteWriter(12 + answer.payload.length)
    .u8(answer.chunkStreamId).u24(answer.timestampMs).u24(answer.payload.length)
    .u8(answer.type).u32le(answer.streamId).bytes(answer.payload).finish();
}

function control(type: number, payload: Uint8Array): Answer {
  return { chunkStreamId: 2, type, streamId: 0, timestampMs: 0, payload };
}

function command(values: AmfValue[], streamId = 0): Answer {
  const payload = encodeAmf0(values);
  return { chunkStreamId: 3, type: MessageType.CommandAmf0, streamId, timestampMs: 0, payload };
}

function status(code: string): Answer {
  return command(["onStatus", 0, null, { level: "status", code, description: code }], 1);
}

function answersTo(name: AmfValue, transactionId: AmfValue): Answer[] {
  const u32 = (value: number) => new ByteWriter().u32(value);
  switch (name) {
    case "connect":
      return [
        control(MessageType.WindowAcknowledgementSize, u32(ACK_WINDOW).finish()),
        control(MessageType.SetPeerBandwidth, u32(ACK_WINDOW).u8(2).finish()),
        control(MessageType.SetChunkSize, u32(CHUNK_SIZE).finish()),
        command(["_result", transactionId, { fmsVer: "FMS/3,5,1,1", capabilities: 31 }, {
          level: "status",
          code: "NetConnection.Connect.Success",
          description: "Connection succeeded.",
          objectEncoding: 0,
        }]),
      ];
    case "createStream":
      return [command(["_result", transactionId, null, 1])];
    case "publish":
      return [status("NetStream.Publish.Start")];
    case "play":
      return [
        control(MessageType.UserControl, new ByteWriter().u16(0).u32(1).finish()),
        status("NetStream.Play.Reset"),
        status("NetStream.Play.Start"),
      ];
    case "FCUnpublish":
    case "deleteStream":
    case "_result":
      return [];
    default:
      return transactionId === 0 ? [] : [command(["_result", transactionId, null, undefined])];
  }
}

class Session {
  readonly received: Uint8Array[] = [];
  readonly #connection: Deno.TcpConn;
  readonly #tags: FlvTag[];
  /** The same S1 each time, so that a test can check the C2 that answers it. */
  readonly #handshake = new RtmpServerHandshake({
    random: (length) => new Uint8Array(length).fill(0x5a),
  });
  readonly #chunks = new ChunkDecoder();
  #media: Promise<void> | undefined;

  constructor(connection: Deno.TcpConn, tags: FlvTag[]) {
    this.#connection = connection;
    this.#tags = tags;
  }

  async run(): Promise<void> {
    try {
      for await (const bytes of this.#connection.readable) {
        this.received.push(bytes);
        await this.#receive(bytes);
      }
    } catch (error) {
      // Players that have enough reset the connection.
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    await this.#media;
    console.log(`  handshake ${this.#handshake.scheme}`);
  }

  async #receive(bytes: Uint8Array): Promise<void> {
    let chunks = bytes;
    if (!this.#handshake.done) {
      const output = this.#handshake.push(bytes);
      if (output !== undefined) await this.#write(output);
      chunks = this.#handshake.takeRest();
    }
    for (const message of this.#chunks.push(chunks)) await this.#answer(message);
  }

  async #answer(message: RawMessage): Promise<void> {
    if (message.type !== MessageType.CommandAmf0) return;
    const [name, transactionId] = decodeAmf0(message.payload);
    console.log(`  ${name}`);
    for (const answer of answersTo(name, transactionId)) await this.#write(toChunk(answer));
    if (name === "play") this.#media = this.#play().catch(() => {});
  }

  async #play(): Promise<void> {
    const start = performance.now();
    for (const { type, timestampMs, body } of this.#tags) {
      const wait = timestampMs - (performance.now() - start);
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const answer = { chunkStreamId: 4, type, streamId: 1, timestampMs, payload: body };
      await this.#write(toChunk(answer));
    }
    await this.#write(toChunk(status("NetStream.Play.UnpublishNotify")));
    await this.#write(
      toChunk(control(MessageType.UserControl, new ByteWriter().u16(1).u32(1).finish())),
    );
  }

  /** One write at a time: answers and media come from two places. */
  #lastWrite: Promise<void> = Promise.resolve();
  #write(bytes: Uint8Array): Promise<void> {
    const write = this.#lastWrite.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    });
    this.#lastWrite = write.catch(() => {});
    return write;
  }
}

async function makeTags(): Promise<FlvTag[]> {
  const args = `-v error ${TEST_PICTURE} -t 2 ${TEST_CODECS} -f flv -`.split(" ");
  const { stdout } = await new Deno.Command("ffmpeg", { args }).output();
  return new FlvDecoder().push(stdout);
}

function startClient(name: string, commandLine: string): Deno.ChildProcess | undefined {
  const words = commandLine.split(" ");
  if (name === "vlc_play") words.push(VLC);
  try {
    const options = { args: words.slice(1), stdin: "null", stdout: "null" } as const;
    return new Deno.Command(words[0]!, options).spawn();
  } catch (error) {
    console.log(`  passed over: ${error}`);
    return undefined;
  }
}

async function record(name: string, tags: FlvTag[]): Promise<void> {
  console.log(name);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: PORT });
  const client = startClient(name, CLIENTS[name]!);
  if (client === undefined) return listener.close();
  // Clients end by themselves; one that does not is ended, and what it sent is kept.
  const deadline = setTimeout(() => client.kill(), 15_000);
  client.status.then(() => listener.close());
  let longest: Uint8Array = new Uint8Array(0);
  // FFmpeg may connect twice: what went furthest is kept.
  for await (const connection of listener) {
    const session = new Session(connection, tags);
    await session.run();
    const writer = new ByteWriter();
    for (const piece of session.received) writer.bytes(piece);
    const bytes = writer.finish();
    if (bytes.length > longest.length) longest = bytes;
  }
  clearTimeout(deadline);
  console.log(`  ${longest.length} bytes, exit ${(await client.status).code}`);
  if (longest.length > 0) await Deno.writeFile(new URL(`${name}.bin`, FOLDER), longest);
}

const { rest } = programArguments(import.meta, { rest: "NAME …" });
const tags = await makeTags();
for (const name of rest.length > 0 ? rest : Object.keys(CLIENTS)) {
  await record(name, tags);
}
