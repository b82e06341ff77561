import { assertEquals, assertThrows } from "@std/assert";
import { createHmac } from "node:crypto";
import { signPermission } from "../../src/access/mod.ts";
import { AccessBench } from "./access_bench.ts";

const SECRET = "a secret of this server";
const OLD = "the secret before that one";

Deno.test("a signed URL is good for its action and stream until it expires, and then no more", async () => {
  const bench = new AccessBench({ signingSecrets: [SECRET, OLD] });
  const expiresAtS = bench.nowMs / 1000 + 60;
  for (const secret of [SECRET, OLD]) {
    const query = String(signPermission(secret, { action: "play", name: "live/cam", expiresAtS }));
    assertEquals(await bench.ask({ query }), {
      allow: { user: "signed:live/cam" },
      expiresInMs: 60_000,
    });
  }
  const query = String(signPermission(SECRET, { action: "play", name: "live/cam", expiresAtS }));
  const wrong = "refused: The signature of the URL is wrong";
  assertEquals(await bench.words({ query, action: "publish" }), wrong);
  assertEquals(await bench.words({ query, name: "live/cam2" }), wrong);
  assertEquals(
    await bench.words({ query: query.replace(/expires=\d+/, `expires=${expiresAtS + 1}`) }),
    wrong,
  );
  bench.nowMs += 59_999;
  assertEquals(await bench.ask({ query }), { allow: { user: "signed:live/cam" }, expiresInMs: 1 });
  bench.nowMs += 1;
  assertEquals(await bench.words({ query }), "refused: The signed URL has expired");
});

Deno.test("hostile signatures let nobody in", async () => {
  const bench = new AccessBench({ signingSecrets: [SECRET] });
  const signature = (text: string) => createHmac("sha256", SECRET).update(text).digest("base64url");
  const later = bench.nowMs / 1000 + 60;
  for (
    const query of [
      "signature=",
      `signature=${"a".repeat(100_000)}&expires=${later}`,
      `expires=${later}&signature=${signature("")}`,
      `expires=NaN&signature=${signature("weir\nplay\nlive/cam\nNaN")}`,
      `expires=-1&signature=${signature("weir\nplay\nlive/cam\n-1")}`,
      `expires=1e99&signature=${signature("weir\nplay\nlive/cam\n1e99")}`,
      `signature=${signature("weir\nplay\nlive/cam\n")}`,
    ]
  ) {
    assertEquals(
      await bench.words({ query }),
      "refused: The signature of the URL is wrong",
      query.slice(0, 60),
    );
  }
  assertEquals(await bench.words(), "refused: Not allowed");
  assertThrows(
    () => signPermission("short", { action: "play", name: "a", expiresAtS: 1 }),
    TypeError,
  );
});

Deno.test("the signature is the HMAC that others can compute too", () => {
  const query = signPermission(SECRET, {
    action: "publish",
    name: "live/cam",
    expiresAtS: 1_900_000_000,
  });
  const expected = createHmac("sha256", SECRET).update("weir\npublish\nlive/cam\n1900000000")
    .digest("base64url");
  assertEquals(String(query), `expires=1900000000&signature=${expected}`);
});
