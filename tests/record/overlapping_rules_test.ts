/** Rules of recordings whose files are in one folder, or one below the other. */
import { assertEquals } from "@std/assert";
import { PathTemplate } from "../../src/record/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { TestServer } from "../support/test_server.ts";

const START_UNIX_MS = Date.UTC(2026, 0, 31, 12);

async function leave(folder: string, name: string): Promise<void> {
  const path = new PathTemplate("{name}/{date}/{time}").pathOf({
    name,
    startUnixMs: START_UNIX_MS,
  });
  const full = `${folder}/${path}.mp4`;
  await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(full, "ftyp");
}

Deno.test("a file that several rules find is listed once, by the rule whose streams have its name", async () => {
  await using folder = new TemporaryFolder();
  const top = folder.path;
  for (const name of ["live/cam", "live/door", "hall"]) await leave(top, name);
  await leave(`${top}/live`, "cam/upper");
  await using weir = await TestServer.start({
    rtmp: false,
    record: [
      { name: "live/cam", to: `${top}/` },
      { name: "live/*", to: top },
      { name: "cam/*", to: `${top}/./live` },
    ],
  });
  const { recordings } = weir.server;
  const found = recordings.find().map(({ rule, name }) => [rule, name]);
  // Of "hall" no rule is told, and the first that finds it has it.
  assertEquals(found, [[2, "cam/upper"], [0, "hall"], [0, "live/cam"], [1, "live/door"]]);
  assertEquals(recordings.names, ["cam/upper", "hall", "live/cam", "live/door"]);
  assertEquals(recordings.find({ name: "live/cam" }).length, 1);
  // The streams of the outer rule that a path names otherwise are none.
  assertEquals(recordings.find({ name: "live/cam/upper" }), []);

  const [upper] = recordings.find({ name: "cam/upper" });
  assertEquals(await recordings.remove(upper!), true);
  assertEquals(recordings.names, ["hall", "live/cam", "live/door"]);
});
