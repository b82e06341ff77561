import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseMulticastRange } from "../../../src/server/mod.ts";
import { MulticastGroups } from "../../../src/doors/rtsp/multicast_groups.ts";
import { run } from "../../support/process.ts";

/** A network of its own for one test, so that nothing reaches the machine's interfaces. */
class Namespace implements AsyncDisposable {
  readonly name = `weir-test-${Deno.pid}`;

  /** Makes one, or returns why it cannot be made. */
  static async open(options: { route: boolean }): Promise<Namespace | string> {
    if (Deno.build.os !== "linux") return "there are network namespaces on Linux only";
    const namespace = new Namespace();
    const { name } = namespace;
    const commands = [
      ["netns", "add", name],
      ["-n", name, "link", "set", "lo", "up", "multicast", "on"],
      ...(options.route ? [["-n", name, "route", "add", "224.0.0.0/4", "dev", "lo"]] : []),
    ];
    for (const command of commands) {
      try {
        const { code, stderr } = await run("ip", command);
        if (code === 0) continue;
        await namespace[Symbol.asyncDispose]();
        return `ip ${command.join(" ")}: ${stderr.trim()}`;
      } catch (error) {
        return String(error);
      }
    }
    return namespace;
  }

  /** Runs `multicast_inside.ts` in it. */
  async run(what: string): Promise<void> {
    const { code, stdout, stderr } = await run("ip", [
      ...["netns", "exec", this.name],
      ...[Deno.execPath(), "run", "-A", "--no-check", "tests/doors/rtsp/multicast_inside.ts", what],
    ], { limitMs: 40_000 });
    assertEquals(code, 0, new TextDecoder().decode(stdout) + stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("ip", ["netns", "del", this.name]);
  }
}

for (
  const [part, name] of [
    [
      "route",
      "multicast: each packet once to the group, whatever the number of players (R091, R092, R093, R096)",
    ],
    [
      "reports",
      "multicast: receiver reports to the group, or to where its packets come from, keep a session alive (R086, R087)",
    ],
    [
      "takeover",
      "multicast: who comes when another publisher has taken over gets what that one sends",
    ],
    ["no-route", "without a way to the groups multicast gets 461, and the log says it once (R097)"],
  ] as const
) {
  Deno.test(name, async () => {
    const namespace = await Namespace.open({ route: part !== "no-route" });
    if (typeof namespace === "string") {
      console.log(`Not tested, since no network namespace can be made: ${namespace}`);
      return;
    }
    await using opened = namespace;
    await opened.run(part);
  });
}

Deno.test("parseMulticastRange takes multicast groups that routers forward, and nothing else", () => {
  assertEquals(parseMulticastRange("239.1.2.3"), { first: 0xef010203, count: 1 });
  assertEquals(parseMulticastRange("239.1.2.3/16"), { first: 0xef010000, count: 65_536 });
  assertEquals(parseMulticastRange("224.0.1.0/24"), { first: 0xe0000100, count: 256 });
  for (
    const text of [
      "",
      "239",
      "239.1.2",
      "239.1.2.256",
      "239.1.2.3/33",
      "239.1.2.3/3",
      "239.1.2.3/",
      "224.0.0.1",
      "224.0.0.0/4",
      "192.0.2.1",
      "240.0.0.0",
      "ff02::1",
      "239.1.2.3:8000",
    ]
  ) {
    assertThrows(() => parseMulticastRange(text), RangeError, `current value is "${text}"`);
  }
});

Deno.test("MulticastGroups refuses ports and ttl that cannot be", () => {
  const make = (options: { ttl?: number; port?: number }) =>
    new MulticastGroups({ group: "239.0.0.1", ...options }, () => false);
  for (const ttl of [0, 256, 1.5, NaN]) assertThrows(() => make({ ttl }), RangeError, "ttl");
  for (const port of [8001, 0, 1022, 65_506, 70_000]) {
    assertThrows(() => make({ port }), RangeError, "port");
  }
});

Deno.test("streams keep their group, and those that nobody plays give theirs up", () => {
  const used = new Set<string>();
  const groups = new MulticastGroups(
    { group: "239.0.0.0/31", port: 65_536 - 3 * 32 },
    (name) => used.has(name),
  );
  const a = groups.of("a", 0)!;
  assertEquals(a, { address: "239.0.0.0", ports: [65_440, 65_441], ttl: 16 });
  assertEquals(groups.of("a", 1)!.ports, [65_442, 65_443]);
  assertEquals(groups.of("a", 15)!.ports, [65_470, 65_471]);
  assertEquals(groups.of("a", 16), undefined);
  const b = groups.of("b", 0)!;
  assertEquals(b.address, "239.0.0.1");
  // Two streams in one group have other ports.
  const c = groups.of("c", 0)!;
  assertEquals([c.address, c.ports], ["239.0.0.0", [65_504, 65_505]]);
  used.add("a");
  assertEquals(groups.of("b", 0), b);
  // The oldest is a, which is played; then c.
  assertEquals(groups.of("d", 0), c);
  assertEquals(groups.of("a", 0), a);
  for (const name of ["b", "d"]) used.add(name);
  assertEquals(groups.of("e", 0), undefined);
  assert(groups.of("d", 0) !== undefined);
});

Deno.test("a path that names no stream has no group", () => {
  const groups = new MulticastGroups({ group: "239.0.0.1" }, () => false);
  assertEquals(groups.ofPath("/live/%zz", 0), undefined);
  assertEquals(groups.ofPath("/live/../x", 0), undefined);
  assertEquals(groups.ofPath("/live/cam", 0), groups.of("live/cam", 0));
});
