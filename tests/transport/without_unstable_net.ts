/**
 * What `datagram_test.ts` runs without `--unstable-net`: publishes over UDP, and plays over UDP. Prints
 * the type of `Deno.listenDatagram` and how many packets came.
 */
import { createSocket } from "node:dgram";
import { Server } from "../../src/server/mod.ts";
import { audioPacket, RtspPeer } from "../support/rtsp_peer.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A UDP socket of a client. */
async function open() {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  return { socket, port, transport: `RTP/AVP;unicast;client_port=${port}-${port + 1}` };
}

await using server = new Server({ rtsp: LOCAL, rtp: LOCAL });
await server.listen();
const port = (name: string) => server.addresses.find(({ protocol }) => protocol === name)!.port;

const sender = await open();
using publisher = await RtspPeer.dial(port("rtsp"));
const publishing = await publisher.announce(sender.transport);
await publisher.request("RECORD", { headers: publishing });

const receiver = await open();
using player = await RtspPeer.dial(port("rtsp"));
const setUp = await player.request("SETUP", {
  url: `rtsp://127.0.0.1:${port("rtsp")}/live/cam/trackID=0`,
  headers: { Transport: receiver.transport },
});
const playing = { Session: setUp.headers.get("Session")!.split(";")[0]! };
await player.request("PLAY", { headers: playing });

let count = 0;
for (let number = 0; number < 10; number++) {
  const received = new Promise<Uint8Array>((resolve) => receiver.socket.once("message", resolve));
  sender.socket.send(audioPacket(number), port("rtp"), "127.0.0.1");
  if ((await received).at(-1) === number) count++;
}
console.log(typeof Deno.listenDatagram, count);
await publisher.request("TEARDOWN", { headers: publishing });
sender.socket.close();
receiver.socket.close();
