/**
 * Publishes a file of H.264, with silence, by WHIP as OBS does: by the same library, libdatachannel, with the same tracks,
 * handlers and requests (`plugins/obs-webrtc/whip-output.cpp`). The arguments are a URL, the file, and a bearer token.
 */
import { Buffer } from "node:buffer";

const PACKAGE = "npm:node-datachannel@0.33.4";

/** Microseconds of a picture, and of a packet of Opus: 25 and 50 a second. */
const PICTURE_US = 40_000;
const SOUND_US = 20_000;

const AUDIO_TYPE = 111;
const VIDEO_TYPE = 96;
const SSRC = 1000;

interface Handler {
  addToChain(handler: Handler): void;
}

interface Media {
  addOpusCodec(type: number): void;
  addH264Codec(type: number): void;
  addSSRC(ssrc: number, cname: string, stream: string, track: string): void;
}

interface Track {
  isOpen(): boolean;
  setMediaHandler(handler: Handler): void;
  sendMessageBinary(bytes: Buffer): boolean;
}

interface Clocked {
  timestamp: number;
}

interface Peer {
  addTrack(media: Media): Track;
  setLocalDescription(type: "offer"): void;
  setRemoteDescription(sdp: string, type: "answer"): void;
  localDescription(): { readonly sdp: string } | null;
  gatheringState(): string;
  state(): string;
  close(): void;
}

type Maker<T, A extends readonly unknown[]> = new (...options: A) => T;

/** What is used of the package. */
interface Library {
  readonly PeerConnection: Maker<Peer, [string, object]>;
  readonly Audio: Maker<Media, [string, "SendOnly"]>;
  readonly Video: Maker<Media, [string, "SendOnly"]>;
  readonly RtpPacketizationConfig: Maker<Clocked, [number, string, number, number]>;
  readonly RtpPacketizer: Maker<Handler, [Clocked]>;
  readonly H264RtpPacketizer: Maker<Handler, [string, Clocked, number]>;
  readonly RtcpSrReporter: Maker<Handler, [Clocked]>;
  readonly RtcpNackResponder: Maker<Handler, [number?]>;
  readonly PacingHandler: Maker<Handler, [number, number]>;
  getLibraryVersion(): string;
}

async function main([endpoint, path, token]: readonly string[]): Promise<void> {
  const { default: library }: { default: Library } = await import(PACKAGE);
  const peer = new library.PeerConnection("obs", { iceServers: [] });
  const sound = soundOf(peer, library);
  const picture = pictureOf(peer, library);
  peer.setLocalDescription("offer");
  await until(() => peer.gatheringState() === "complete");
  const headers = {
    authorization: `Bearer ${token}`,
    "user-agent": "Mozilla/5.0 (OBS-Studio/32.0.0; Linux x86_64; en-US)",
  };
  const answer = await fetch(endpoint!, {
    method: "POST",
    headers: { ...headers, "content-type": "application/sdp" },
    body: peer.localDescription()!.sdp,
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`${answer.status} ${text}`);
  peer.setRemoteDescription(text, "answer");
  await until(() => sound.track.isOpen() && picture.track.isOpen());
  console.log(`libdatachannel ${library.getLibraryVersion()} is connected`);
  let sounds = 0;
  const startMs = performance.now();
  const units = accessUnits(await Deno.readFile(path!));
  for (const [index, unit] of units.entries()) {
    await until(() => performance.now() - startMs >= index * PICTURE_US / 1000);
    picture.config.timestamp = index * PICTURE_US * 9 / 100;
    picture.track.sendMessageBinary(Buffer.from(unit));
    for (; sounds * SOUND_US <= index * PICTURE_US; sounds++) {
      sound.config.timestamp = sounds * SOUND_US * 48 / 1000;
      sound.track.sendMessageBinary(Buffer.from([0xf8, 0xff, 0xfe]));
    }
  }
  // OBS closes its connection first, and then deletes what the answer named, without the query of the URL.
  await until(() => performance.now() - startMs >= units.length * PICTURE_US / 1000 + 500);
  peer.close();
  const session = new URL(answer.headers.get("location")!, endpoint);
  const deleted = await fetch(session, { method: "DELETE", headers });
  console.log(`deleted: ${deleted.status}, sent: ${units.length}`);
  Deno.exit(0);
}

function soundOf(peer: Peer, library: Library): { track: Track; config: Clocked } {
  const audio = new library.Audio("0", "SendOnly");
  audio.addOpusCodec(AUDIO_TYPE);
  audio.addSSRC(SSRC, "aName", "aStream", "aStream-audio");
  const track = peer.addTrack(audio);
  const config = new library.RtpPacketizationConfig(SSRC, "aName", AUDIO_TYPE, 48_000);
  const packetizer = new library.RtpPacketizer(config);
  packetizer.addToChain(new library.RtcpSrReporter(config));
  packetizer.addToChain(new library.RtcpNackResponder());
  track.setMediaHandler(packetizer);
  return { track, config };
}

function pictureOf(peer: Peer, library: Library): { track: Track; config: Clocked } {
  const video = new library.Video("1", "SendOnly");
  video.addH264Codec(VIDEO_TYPE);
  video.addSSRC(SSRC + 1, "aName", "aStream", "aStream-video");
  const track = peer.addTrack(video);
  const config = new library.RtpPacketizationConfig(SSRC + 1, "aName", VIDEO_TYPE, 90_000);
  const packetizer = new library.H264RtpPacketizer("StartSequence", config, 1200);
  packetizer.addToChain(new library.RtcpSrReporter(config));
  packetizer.addToChain(new library.RtcpNackResponder(4000));
  packetizer.addToChain(new library.PacingHandler(25_000_000, 5));
  track.setMediaHandler(packetizer);
  return { track, config };
}

/** The pictures of a file, of one slice each, with what stands before them. */
function accessUnits(bytes: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  let from = 0;
  let hasSlice = false;
  for (let at = 0; at + 4 < bytes.length; at++) {
    const isStart = bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 1;
    if (!isStart) continue;
    if (hasSlice) {
      // The zero in front of a start code of four bytes is the next one's.
      const end = bytes[at - 1] === 0 ? at - 1 : at;
      units.push(bytes.subarray(from, end));
      from = end;
    }
    const type = bytes[at + 3]! & 0x1f;
    hasSlice = type === 1 || type === 5;
  }
  units.push(bytes.subarray(from));
  return units;
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 2));
}

await main(Deno.args);
