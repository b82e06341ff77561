import { assertEquals } from "@std/assert";
import { TemporaryFolder } from "../support/media_file.ts";
import { ROOT, run } from "../support/process.ts";

Deno.test("a disk that is full, cannot be written, or vanishes stops no stream; the log says it once, and recording goes on when it can", async () => {
  await using folder = new TemporaryFolder();
  const can = await run("unshare", ["-rm", "true"]).catch((error) => ({ code: 1, stderr: error }));
  if (can.code !== 0) {
    console.log(`Not tested, since no mount namespace can be made: ${can.stderr}`);
    assertEquals(Deno.env.has("CI"), false);
    return;
  }
  const { code, stdout, stderr } = await run("unshare", [
    ...["-rm", Deno.execPath(), "run", "-A", "--no-check"],
    ...["tests/record/disks_inside.ts", folder.path],
  ], { cwd: ROOT, limitMs: 120_000 });
  console.log(new TextDecoder().decode(stdout));
  assertEquals(code, 0, stderr);
});
