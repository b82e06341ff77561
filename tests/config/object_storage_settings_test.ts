import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ConfigError,
  leastPermissions,
  readConfiguredFiles,
  shownSettings,
} from "../../src/config/mod.ts";
import { ServerError } from "../../src/server/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { optionsOfArguments, settingsOfArguments } from "../support/settings_of_arguments.ts";

const RECORD = ["--record", "live/*=s3://bucket/prefix", "--webrtc", "off", "--rtsp", "off"];

Deno.test("recordings in object storage have their key from a file, and need the network of the service", async () => {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/key`;
  const arguments_ = [...RECORD, "--s3-credentials", path, "--s3-region", "eu-central-1"];
  const settings = settingsOfArguments(arguments_);
  const needed = leastPermissions(settings);
  assert(
    needed.some((one) => one.name === "net" && one.host === "s3.eu-central-1.amazonaws.com:443"),
  );
  assert(!needed.some(({ name }) => name === "write"));
  assertEquals(optionsOfArguments(arguments_).record?.[0]?.to, "s3://bucket/prefix");
  await Deno.writeTextFile(path, "[default]\naws_access_key_id = public\n");
  const lacking = await assertRejects(() => readConfiguredFiles(settings), ServerError);
  assert(/lacks aws_secret_access_key/.test(lacking.message) && !/public/.test(lacking.message));
  await Deno.writeTextFile(
    path,
    "[default]\naws_access_key_id=public\naws_secret_access_key = a/b+c\n",
  );
  const { s3 } = await readConfiguredFiles(settings);
  assertEquals(s3, { region: "eu-central-1", accessKeyId: "public", secretAccessKey: "a/b+c" });
  assert(!JSON.stringify(shownSettings(settings)).includes("a/b+c"));
});

Deno.test("recordings in object storage without a key, or to a wrong URL, are refused in words", () => {
  assertThrows(() => settingsOfArguments(RECORD), ConfigError, "--record needs s3.accessKeyId");
  for (const wrong of ["s3://", "s3://Bucket", "s3://bucket/a/../b"]) {
    assertThrows(
      () => settingsOfArguments(["--record", `live/*=${wrong}`, "--s3-credentials", "key"]),
      Error,
      "s3://BUCKET/PREFIX",
    );
  }
  const user = ["--s3-endpoint", "http://user:word@host"];
  const error = assertThrows(() => settingsOfArguments([...RECORD, ...user]), Error);
  assert(!(error as Error).message.includes("word@"), (error as Error).message);
});
