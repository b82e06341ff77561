import { assert, assertLess } from "@std/assert";
import { FlvDecoder } from "../../src/flv/mod.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";
import { TestServer, until } from "../support/test_server.ts";

const KINDS = { 8: "audio", 9: "video", 18: "data" } as const;
const MAX_HELD_BYTES = 256 * 1024;

Deno.test("what is kept of streams counts with what they hold, and the oldest of it is let go with that", async () => {
  const file = await Deno.readFile(new URL("fixtures/short.flv", import.meta.url));
  const tags = new FlvDecoder().push(file).filter(({ timestampMs }) => timestampMs < 2000);
  await using weir = await TestServer.start({
    rtmp: false,
    keep: { ms: 3_600_000 },
    hub: { maxHeldBytes: MAX_HELD_BYTES },
  });
  const publication = weir.server.hub.acquire("live/cam");
  const held = () => weir.server.snapshot().heldBytes.streams;
  const turns = Math.ceil((8 * MAX_HELD_BYTES) / file.length);
  let most = 0;
  for (let turn = 0; turn < turns; turn++) {
    for (const { type, timestampMs, body } of tags) {
      const dtsUs = (turn * 2000 + timestampMs) * 1000;
      const unit = unitOfFlv({ kind: KINDS[type as 8 | 9 | 18], dtsUs, body });
      if (unit !== undefined) publication.write(unit);
    }
    publication.commit();
    // It is written behind the publisher.
    await new Promise((resolve) => setTimeout(resolve));
    most = Math.max(most, held());
  }
  assert(most > MAX_HELD_BYTES / 2, `${most} bytes were kept`);
  assertLess(most, 3 * MAX_HELD_BYTES);
  await until(() => held() < 2 * MAX_HELD_BYTES);
});
