import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { blankCommentsAndStrings } from "../../scripts/blank_source.ts";
import {
  checkCircles,
  checkGraph,
  checkProject,
  checkSource,
  LADDER,
} from "../../scripts/check_layers.ts";

const root = new URL("file:///weir/");

/** Checks one import: of a file, by what is written, by where that leads. */
function problems(
  from: string,
  specifier: string,
  { to, kind = "code" }: { to?: string; kind?: "code" | "type" } = {},
): string[] {
  const resolved = to === undefined ? specifier : new URL(to, root).href;
  return checkGraph({
    modules: [{
      specifier: new URL(from, root).href,
      dependencies: [{ specifier, [kind]: { specifier: resolved } }],
    }],
  }, root);
}

Deno.test("checkGraph lets a folder import lower lines through mod.ts, and itself freely", () => {
  const fine = [
    problems("src/rtmp/session.ts", "../amf/mod.ts", { to: "src/amf/mod.ts" }),
    problems("src/rtp/payload/h264.ts", "../../bytes/mod.ts", { to: "src/bytes/mod.ts" }),
    problems("src/rtp/payload/h264.ts", "../packet.ts", { to: "src/rtp/packet.ts" }),
    problems("src/flv/tag.ts", "../amf/mod.ts", { to: "src/amf/mod.ts" }),
    problems("src/server/server.ts", "../hub/mod.ts", { to: "src/hub/mod.ts" }),
    problems("src/relay/relay.ts", "../rtsp/early.ts", { to: "src/rtsp/early.ts" }),
    problems("mod.ts", "./src/cli/mod.ts", { to: "src/cli/mod.ts" }),
    problems("src/amf/text.ts", "@std/bytes/equals", { to: "scripts/std/bytes/equals.ts" }),
    problems("src/server/log.ts", "@std/log", { to: "scripts/std/log/mod.ts" }),
    problems("scripts/x.ts", "../src/rtp/packet.ts", { to: "src/rtp/packet.ts" }),
  ];
  assertEquals(fine.flat(), []);
});

Deno.test("checkGraph refuses an import from a higher line, of types too", () => {
  for (const kind of ["code", "type"] as const) {
    assertEquals(problems("src/amf/value.ts", "../hub/mod.ts", { to: "src/hub/mod.ts", kind }), [
      "src/amf/value.ts imports ../hub/mod.ts: src/hub is on a higher line than src/amf",
    ]);
  }
  assertMatch(
    problems("src/cli/run.ts", "../../mod.ts", { to: "mod.ts" }).join(),
    /higher line than src\/cli/,
  );
});

Deno.test("checkGraph refuses an import within a line", () => {
  assertEquals(problems("src/rtmp/x.ts", "../rtsp/mod.ts", { to: "src/rtsp/mod.ts" }), [
    "src/rtmp/x.ts imports ../rtsp/mod.ts: src/rtsp is on the same line as src/rtmp",
  ]);
  assertMatch(
    problems("src/flv/x.ts", "../sdp/mod.ts", { to: "src/sdp/mod.ts" }).join(),
    /same line as src\/flv/,
  );
});

Deno.test("checkGraph refuses a way into a folder other than its mod.ts", () => {
  assertEquals(problems("src/hub/x.ts", "../amf/text.ts", { to: "src/amf/text.ts" }), [
    "src/hub/x.ts imports ../amf/text.ts: other folders are imported through their mod.ts: " +
    "src/amf/mod.ts",
  ]);
});

Deno.test("checkGraph refuses folders that are not on the ladder, and missing modules", () => {
  assertMatch(
    problems("src/new/x.ts", "../amf/mod.ts", { to: "src/amf/mod.ts" }).join(),
    /src\/new is not on the ladder/,
  );
  const missing = { specifier: "file:///weir/src/amf/gone.ts", error: "Module not found" };
  assertEquals(checkGraph({ modules: [missing] }, root), ["src/amf/gone.ts: Module not found"]);
});

Deno.test("checkGraph refuses packages below transport, but @std/bytes and node:crypto", () => {
  assertEquals(problems("src/rtmp/x.ts", "node:crypto"), []);
  assertEquals(problems("src/client/x.ts", "node:dgram"), []);
  assertMatch(problems("src/rtmp/x.ts", "node:net").join(), /below src\/transport only/);
  assertMatch(
    problems("src/amf/x.ts", "@std/log", { to: "scripts/std/log/mod.ts" }).join(),
    /below src\/transport only/,
  );
});

Deno.test("checkCircles names files that lead back to each other, by types too, and no others", () => {
  /** A file that imports others of its folder. */
  const file = (name: string, ...others: string[]) => ({
    specifier: new URL(`src/hub/${name}`, root).href,
    dependencies: others.map((other, index) => ({
      specifier: `./${other}`,
      [index % 2 === 0 ? "type" : "code"]: { specifier: new URL(`src/hub/${other}`, root).href },
    })),
  });
  const straight = [file("a.ts", "b.ts", "c.ts"), file("b.ts", "c.ts"), file("c.ts")];
  assertEquals(checkCircles({ modules: straight }, root), []);
  const round = [file("a.ts", "b.ts"), file("b.ts", "c.ts"), file("c.ts", "d.ts", "b.ts")];
  assertEquals(checkCircles({ modules: [...round, file("d.ts")] }, root), [
    "a circle: src/hub/b.ts → src/hub/c.ts → src/hub/b.ts",
  ]);
});

Deno.test("checkSource refuses the outside world below transport, and names the line", () => {
  for (
    const word of [
      "Deno.connect()",
      "Date.now()",
      "new Date()",
      "performance.now()",
      "Math.random()",
      "crypto.getRandomValues(x)",
      "globalThis.crypto.subtle",
      "setTimeout(f, 1)",
      "setInterval(f, 1)",
      "randomBytes(5)",
      "`at ${Date.now()}`",
    ]
  ) {
    const [problem, ...more] = checkSource("src/hub/x.ts", `const a = 1;\nconst b = ${word};\n`);
    assertStringIncludes(problem ?? "", "src/hub/x.ts:2 mentions ", word);
    assertEquals(more, []);
  }
  assertEquals(checkSource("src/client/x.ts", "Deno.connect(); setTimeout(f, 1);"), []);
});

Deno.test("checkSource looks at code only, and at whole names", () => {
  const text = `
    // Date.now() in a comment
    /** Math.random() in another */
    const a = "Deno.connect", b = 'it\\'s Date.now()', c = \`Math.random() \${a}\`;
    const d = /["']Deno.x/.test(a) ? this.crypto.x : clock.performance.now();
    const e = new Date(5), f = myDeno.x, g = clock.setTimeout(f, 1);
  `;
  assertEquals(checkSource("src/hub/x.ts", text), []);
});

Deno.test("checkSource refuses names that say nothing", () => {
  for (const name of ["util", "utils", "misc", "common", "base", "helpers", "stream_helpers"]) {
    assertMatch(checkSource(`src/hub/${name}.ts`, "").join(), /does not say what the file holds/);
  }
  assertMatch(checkSource("src/common/x.ts", "").join(), /does not say/);
  assertEquals(checkSource("src/amf/base64.ts", ""), []);
});

Deno.test("blankCommentsAndStrings keeps code and line breaks", () => {
  assertEquals(blankCommentsAndStrings('a("b") // c\nd'), "a(   )     \nd");
  assertEquals(blankCommentsAndStrings("a /* b\nc */ d"), "a     \n     d");
  const nested = blankCommentsAndStrings("`a ${f({ x: `b ${c} d` })} e` + g");
  assertEquals(nested.replace(/ +/g, " "), "` f({ x: ` c} })} + g");
  assertEquals(blankCommentsAndStrings("x = /['\"]/; y / 2 / z"), "x =       ; y / 2 / z");
});

Deno.test("the ladder of this repository holds", async () => {
  assertEquals(await checkProject(new URL("../../", import.meta.url)), []);
});

Deno.test("the guide for contributors shows the ladder as it is checked", async () => {
  const guide = await Deno.readTextFile(new URL("../../CONTRIBUTING.md", import.meta.url));
  const [, shown = ""] = guide.split("\nsrc/\n");
  const folders = shown.split("```")[0]!.match(/(?<=^| )[\w/]+(?=\/ )/gm) ?? [];
  assertEquals([...folders].sort(), LADDER.flat().toSorted());
  const heights = folders.map((folder) => LADDER.findIndex((line) => line.includes(folder)));
  assertEquals(heights, heights.toSorted((a, b) => b - a));
});
