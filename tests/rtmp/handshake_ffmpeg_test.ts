/** FFmpeg as a player checks the digests of S1 and S2, and leaves when they are wrong. */
import { assertEquals } from "@std/assert";
import { RtmpServerHandshake } from "../../src/rtmp/handshake_server.ts";
import { ignoreWithout } from "../support/process.ts";

/** Lets ffmpeg play from a server that shakes hands; tells whether it went on to send chunks. */
async function isAccepted(change: (output: Uint8Array) => void): Promise<boolean> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `rtmp://127.0.0.1:${listener.addr.port}/live/cam`;
  const args = ["-v", "quiet", "-i", url, "-f", "null", "-"];
  const ffmpeg = new Deno.Command("ffmpeg", { args, stdin: "null" }).spawn();
  const connection = await listener.accept();
  const handshake = new RtmpServerHandshake({
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  });
  let chunks = 0;
  const buffer = new Uint8Array(4096);
  while (chunks === 0) {
    const count = await connection.read(buffer);
    if (count === null) break;
    const output = handshake.push(buffer.slice(0, count));
    if (output !== undefined) {
      change(output);
      // 3073 bytes fit the socket's buffer at once.
      assertEquals(await connection.write(output), output.length);
    }
    chunks += handshake.takeRest().length;
  }
  assertEquals(handshake.scheme, "digest-0");
  connection.close();
  listener.close();
  await ffmpeg.status;
  return chunks > 0;
}

Deno.test({
  name: "FFmpeg accepts S1 and S2, and no others: it does check them (M002)",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    assertEquals(await isAccepted(() => {}), true);
    const flip = (at: number) => (output: Uint8Array) => {
      output[at]! ^= 1;
    };
    assertEquals(await isAccepted(flip(1 + 1535)), false, "S1");
    assertEquals(await isAccepted(flip(1 + 1536 + 1535)), false, "S2");
  },
});
