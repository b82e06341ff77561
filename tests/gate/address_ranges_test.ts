import { assertEquals, assertThrows } from "@std/assert";
import { AddressRanges, NamePattern, parseIpAddress, rangesOfList } from "../../src/gate/mod.ts";

Deno.test("ranges of addresses have what lies between their ends, and nothing beside", () => {
  const ranges = new AddressRanges([
    "192.0.2.64/26",
    "10.0.0.1",
    "2001:db8:8000::/33",
    "0.0.0.0/32",
  ]);
  const inside = [
    "192.0.2.64",
    "192.0.2.127",
    "10.0.0.1",
    "::ffff:10.0.0.1",
    "2001:db8:ffff::1",
    "0.0.0.0",
  ];
  const outside = [
    "192.0.2.63",
    "192.0.2.128",
    "10.0.0.2",
    "2001:db8:7fff::1",
    "::",
    "",
    "x",
    "10.0.0.01",
  ];
  assertEquals(inside.filter((address) => !ranges.has(address)), []);
  assertEquals(outside.filter((address) => ranges.has(address)), []);
  assertEquals(new AddressRanges(["0.0.0.0/0", "::/0"]).has("203.0.113.9"), true);
  assertEquals(new AddressRanges([]).has("203.0.113.9"), false);
});

Deno.test("ranges that overlap or touch are one, in whatever order they come", () => {
  assertEquals(
    new AddressRanges(["10.0.1.0/24", "10.0.0.0/24", "10.0.0.7", "10.0.0.0/25"]).size,
    1,
  );
  const ranges = new AddressRanges(["10.0.0.0/8", "10.0.0.1", "11.0.0.0/9"]);
  assertEquals([ranges.size, ranges.has("10.9.9.9"), ranges.has("11.128.0.0")], [1, true, false]);
});

Deno.test("texts that are no ranges are named in the error", () => {
  for (
    const text of [
      "",
      "x",
      "10.0.0.0/33",
      "::/129",
      "10.0.0/8",
      "256.0.0.1",
      "::ffff:10.0.0.0/104",
      "1.2.3.4/",
    ]
  ) {
    assertThrows(() => new AddressRanges([text]), TypeError, JSON.stringify(text));
  }
});

Deno.test("a list of ten thousand ranges is read, and looked up in", () => {
  const list = Array.from({ length: 10_000 }, (_, n) => `${n >> 8 & 0xff}.${n & 0xff}.0.0/17 # n`);
  const ranges = new AddressRanges(rangesOfList(`# all\r\n\r\n${list.join("\n")}`));
  assertEquals([ranges.size, ranges.has("3.7.127.255"), ranges.has("3.7.128.0")], [
    10_000,
    true,
    false,
  ]);
});

Deno.test("addresses are read in all their forms", () => {
  assertEquals(parseIpAddress("::1"), { family: 6, value: 1n });
  assertEquals(parseIpAddress("fe80::1%eth0")?.family, 6);
  assertEquals(parseIpAddress("64:ff9b::192.0.2.33"), parseIpAddress("192.0.2.33"));
  for (
    const text of ["1.2.3", "1.2.3.4.5", "::1::", "12345::", "1:2:3:4:5:6:7", ":".repeat(5000)]
  ) {
    assertEquals(parseIpAddress(text), undefined, text.slice(0, 20));
  }
});

Deno.test("patterns of names match whole segments, and the user's own", () => {
  const rows = [
    ["live/cam", ["live/cam"], ["live/cam/1", "live", "live/cams"]],
    ["*", ["a", "a/b/c"], []],
    ["live/*", ["live/a", "live/a/b"], ["live", "other/a"]],
    ["*/cam", ["a/cam"], ["a/b/cam", "cam"]],
    ["live/{user}", ["live/ann"], ["live/bob", "live/{user}"]],
    ["live/{user}/*", ["live/ann/a/b"], ["live/ann"]],
  ] as const;
  for (const [text, right, wrong] of rows) {
    const pattern = new NamePattern(text);
    assertEquals(right.filter((name) => !pattern.matches(name, { user: "ann" })), [], text);
    assertEquals(
      (wrong as readonly string[]).filter((name) => pattern.matches(name, { user: "ann" })),
      [],
      text,
    );
  }
  assertEquals(new NamePattern("live/{user}").matches("live/undefined"), false);
  for (const text of ["", "a//b", "a*/b", "x{user}", "/a", "a/"]) {
    assertThrows(() => new NamePattern(text), TypeError, JSON.stringify(text));
  }
});
