import { assert, assertEquals, assertThrows } from "@std/assert";
import { nameOfPath, pathOfName, PathTemplate } from "../../src/record/mod.ts";
import fc from "../support/fast_check.ts";

const AT = Date.UTC(2026, 10, 27, 9, 30, 0, 250);

Deno.test("names that lead elsewhere, or that some file system cannot have, become safe paths", () => {
  const cases: readonly [string, string][] = [
    ["live/cam", "live/cam"],
    ["live/../../etc/passwd", "live/%2E%2E/%2E%2E/etc/passwd"],
    ["live/.hidden", "live/%2Ehidden"],
    ["live/Cam", "live/%43am"],
    ["live/nul", "live/%6Eul"],
    ["live/com1.mp4", "live/%63om1.mp4"],
    ["live/a\0b", "live/a%00b"],
    ["live/a\\b:c", "live/a%5Cb%3Ac"],
    ["live/über", "live/%C3%BCber"],
    ["live/50%", "live/50%25"],
  ];
  for (const [name, path] of cases) {
    assertEquals(pathOfName(name), path);
    assertEquals(nameOfPath(path), name);
  }
});

Deno.test("no two names have one path, whatever the case, and each can be told from its path", () => {
  const segment = fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 })
    .filter((text) => !text.includes("/") && text.isWellFormed());
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 3 }), (segments) => {
      const name = segments.join("/");
      const path = pathOfName(name);
      assertEquals(nameOfPath(path), name);
      assertEquals(
        path.replaceAll(/%[0-9A-F]{2}/g, "").toLowerCase(),
        path.replaceAll(/%[0-9A-F]{2}/g, ""),
      );
      for (const folder of path.split("/")) {
        assert(folder.length <= 255 && folder !== "" && !folder.startsWith("."), folder);
        assert(!/[^\w.%+-]/.test(folder), folder);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("paths that were not made of a name are none", () => {
  for (const path of ["live/Cam", "live/%63am", "..", "a/%ff", "%C3", "a//b"]) {
    assertEquals(nameOfPath(path), undefined, path);
  }
});

Deno.test("a template makes paths that tell stream and time again", () => {
  for (
    const [text, path] of [
      ["{name}/{date}/{time}", "live/cam/2026-11-27/09-30-00-250"],
      ["{date}/{name}/{time}", "2026-11-27/live/cam/09-30-00-250"],
      ["rec_{unix}_{name}", "rec_1795771800-250_live/cam"],
    ] as const
  ) {
    const template = new PathTemplate(text);
    const place = { name: "live/cam", startUnixMs: AT };
    assertEquals(template.pathOf(place), path);
    assertEquals(template.placeOf(path), place);
    assertEquals(template.placeOf(template.pathOf(place, 3)), place);
    assertEquals(template.placeOf(`${path}!`), undefined);
  }
});

Deno.test("a template that would mix streams or times, or lead elsewhere, is refused with the reason", () => {
  for (
    const [text, reason] of [
      ["{date}/{time}", "it lacks {name}"],
      ["{name}/{date}", "it lacks {unix}"],
      ["{name}/{name}/{unix}", "may stand there once"],
      ["{name}/{place}/{unix}", "{place} is none of"],
      ["../{name}/{unix}", "no part of the path"],
      ["/{name}/{unix}", "no part of the path"],
      ["{name}/{unix}\0", "letters, digits"],
    ] as const
  ) {
    assertThrows(() => new PathTemplate(text), TypeError, reason);
  }
});
