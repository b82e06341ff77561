/** What becomes of pictures of which packets were lost, where they are pushed on or read by a program. */
import { assertEquals } from "@std/assert";
import type { LossPolicy, StreamUnit } from "../../src/server/mod.ts";
import { TestCamera } from "../client/rtsp_media.ts";
import { TestRelay } from "../support/test_relay.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** Pictures between two of the camera's. */
const PICTURE_US = 40_000;

/** The pictures of a camera that loses a packet of number 3, and has a key frame each tenth. */
const EXPECTED: Readonly<Record<LossPolicy, readonly number[]>> = {
  pass: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  "key-frame": [0, 1, 2, 10, 11],
};

async function publish(weir: TestServer): Promise<TestCamera> {
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "rtsp")!;
  return await TestCamera.publish(`rtsp://127.0.0.1:${port}/live/cam`, { transport: "tcp" });
}

/** Sends the pictures, and one more by whose beginning the last is known to be whole. */
async function sendAll(camera: TestCamera): Promise<void> {
  for (let number = 0; number <= 12; number++) await camera.send(number, { isCut: number === 3 });
}

/** The numbers of the pictures that come, up to number 11. */
async function numbers(units: ReadableStream<StreamUnit>): Promise<number[]> {
  const found: number[] = [];
  let firstUs: number | undefined;
  for await (const { role, ptsUs } of units) {
    if (role !== "media") continue;
    firstUs ??= ptsUs;
    found.push(Math.round((ptsUs - firstUs) / PICTURE_US));
    if (found.at(-1) === 11) break;
  }
  return found;
}

for (const onLoss of ["pass", "key-frame"] as const) {
  Deno.test(`a push over RTMP has the pictures after a loss that its onLoss says: ${onLoss}`, async () => {
    await using far = await TestServer.start();
    await using near = await TestServer.start({ rtsp: LOCAL, rtp: LOCAL });
    await using camera = await publish(near);
    await using _relay = new TestRelay(near, {
      mode: "push",
      name: "live/cam",
      url: `${far.url}/live/cam`,
      onLoss,
    });
    const pictures = numbers(far.server.stream("live/cam").units({ tracks: ["video"] }));
    await camera.send(0);
    await until(() => far.server.stream("live/cam").isLive);
    for (let number = 1; number <= 12; number++) await camera.send(number, { isCut: number === 3 });
    assertEquals(await pictures, EXPECTED[onLoss]);
  });

  Deno.test(`a program that reads units has the pictures after a loss that its onLoss says: ${onLoss}`, async () => {
    await using near = await TestServer.start({ rtsp: LOCAL, rtp: LOCAL });
    const units = near.server.stream("live/cam").units({ tracks: ["video"], onLoss });
    const pictures = numbers(units);
    await using camera = await publish(near);
    await sendAll(camera);
    assertEquals(await pictures, EXPECTED[onLoss]);
  });
}
