import { assert, assertEquals } from "@std/assert";
import {
  buildStunRequest,
  isStunAuthentic,
  parseStunRequest,
  stunAnswer,
} from "../../src/webrtc/mod.ts";
import { random } from "./dtls_peer.ts";

/** RFC 5769, 2.1. */
const REQUEST = Uint8Array.fromHex(
  "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff" +
    "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249" +
    "c1b571a280280004e57a3bcf",
);
const PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt";

Deno.test("parseStunRequest reads the request of RFC 5769, whose integrity is right for its password alone", () => {
  const request = parseStunRequest(REQUEST)!;
  assertEquals(request.username, "evtj:h6vY");
  assertEquals(request.isNominating, false);
  assert(isStunAuthentic(request, PASSWORD));
  assert(!isStunAuthentic(request, PASSWORD + "x"));
});

Deno.test("parseStunRequest reads nothing of what is cut or changed, and never throws", () => {
  for (let length = 0; length < REQUEST.length; length++) {
    assertEquals(parseStunRequest(REQUEST.subarray(0, length)), undefined);
  }
  for (let bit = 0; bit < REQUEST.length * 8; bit++) {
    const changed = REQUEST.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    const request = parseStunRequest(changed);
    // A change of the fingerprint's own type leaves a message without one.
    assert(
      request === undefined || bit >> 3 >= REQUEST.length - 8 ||
        !isStunAuthentic(request, PASSWORD),
    );
  }
  for (let i = 0; i < 20_000; i++) {
    const bytes = random(i % 200);
    if (bytes.length > 20) bytes.set(REQUEST.subarray(0, 8));
    parseStunRequest(bytes);
  }
});

Deno.test("stunAnswer tells the address as RFC 5769 does, and is authentic", () => {
  const { transactionId } = parseStunRequest(REQUEST)!;
  const ipv4 = stunAnswer({ transactionId }, {
    hostname: "192.0.2.1",
    port: 32853,
    password: PASSWORD,
  });
  assertEquals(ipv4.subarray(20, 32).toHex(), "002000080001a147e112a643");
  const ipv6 = stunAnswer({ transactionId }, {
    hostname: "2001:db8:1234:5678:11:2233:4455:6677",
    port: 32853,
    password: PASSWORD,
  });
  assertEquals(
    ipv6.subarray(20, 44).toHex(),
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
  );
  assertEquals(ipv4.subarray(8, 20), transactionId);
});

Deno.test("buildStunRequest makes what parseStunRequest reads", () => {
  const bytes = buildStunRequest({
    transactionId: random(12),
    username: "a:b",
    password: "secret",
    isNominating: true,
  });
  const request = parseStunRequest(bytes)!;
  assertEquals([request.username, request.isNominating], ["a:b", true]);
  assert(isStunAuthentic(request, "secret"));
});
