import { assertEquals, assertThrows } from "@std/assert";
import { PathRules } from "../../src/server/path_rules.ts";

Deno.test("of several rules about a stream, each setting comes from the most particular that has it", () => {
  const rules = new PathRules([
    { pattern: "*", lingerMs: 1, maxPlayers: 1, silentMs: 1 },
    { pattern: "live/*", lingerMs: 2, maxPlayers: 2 },
    { pattern: "live/cam/*", lingerMs: 3 },
    { pattern: "*/cam", lingerMs: 4 },
    { pattern: "live/cam", lingerMs: 5, conflict: "reject" },
  ]);
  const of = (name: string) => {
    const { settings, terms } = rules.of(name);
    return [settings.lingerMs, settings.silentMs, terms.maxPlayers];
  };
  assertEquals(of("other"), [1, 1, 1]);
  assertEquals(of("live/x"), [2, 1, 2]);
  assertEquals(of("live/cam/x/y"), [3, 1, 2]);
  assertEquals(of("else/cam"), [4, 1, 1]);
  assertEquals(of("live/cam"), [5, 1, 2]);
  assertEquals(rules.of("live/cam"), {
    settings: { lingerMs: 5, silentMs: 1, conflict: "reject" },
    terms: { maxPlayers: 2, conflict: "reject" },
  });
  assertEquals(rules.of("live/cam"), rules.of("live/cam"));
});

Deno.test("what a rule of paths cannot be is told", () => {
  const wrong = (rule: object, text: string) =>
    assertThrows(() => new PathRules([{ pattern: "a/b", ...rule }]), Error, text);
  wrong({ pattern: "a/b*" }, "a/b*");
  wrong({ lingerMs: -1 }, "'lingerMs'");
  wrong({ conflict: "fight" }, "'conflict'");
  wrong({ maxPlayers: 1.5 }, "'maxPlayers'");
  wrong({ maxPlayerBitrateBps: NaN }, "'maxPlayerBitrateBps'");
  assertThrows(() => new PathRules([{ pattern: "a" }, { pattern: "a" }]), TypeError, "twice");
});
