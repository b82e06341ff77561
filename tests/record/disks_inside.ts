/**
 * What `disks_long.ts` runs in a mount namespace of its own, where a small disk can be mounted: `disks_inside.ts FOLDER`.
 * Ends with 0 when all is as it should be.
 */
import { assert, assertEquals } from "@std/assert";
import type { MediaUnit, Track } from "../../src/media/mod.ts";
import { run } from "../support/process.ts";
import { TestServer, until } from "../support/test_server.ts";

const PCMA = {
  ...{ kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 8000, channels: 1 },
} as Track;

const [folder] = Deno.args as [string];

/** Runs a program of the system, which must succeed. */
async function system(...command: string[]): Promise<void> {
  const { code, stderr } = await run(command[0]!, command.slice(1));
  assertEquals(code, 0, stderr);
}

/** A server that records a stream of 800 kB/s, and a player of it. */
async function recording(rule: { readonly segmentMs?: number } = {}) {
  const server = await TestServer.start({
    rtmp: false,
    hub: { lingerMs: 0 },
    record: [{ name: "live/*", to: folder, partMs: 100, ...rule }],
  });
  let units: ReadableStreamDefaultController<MediaUnit>;
  const publishing = server.server.publish(
    "live/radio",
    new ReadableStream<MediaUnit>({ start: (controller) => void (units = controller) }),
    { tracks: [PCMA] },
  );
  let at = 0;
  const timer = setInterval(() => {
    const us = 20_000 * at++;
    units.enqueue({
      ...{ kind: "audio", role: "media", track: 0, dtsUs: us, ptsUs: us, keyFrame: true },
      ...{ discardable: false },
      payload: { format: "access-unit", data: new Uint8Array(16_000) },
    } as MediaUnit);
  }, 20);
  let played = 0;
  const playing = (async () => {
    for await (const _ of server.server.stream("live/radio").units()) played++;
  })();
  const count = (text: string): number =>
    server.log.lines.filter(({ message, level }) => message === text && level === "warn").length;
  return {
    server,
    count,
    /** Fails unless the stream plays on. */
    async plays(): Promise<void> {
      const before = played;
      await until(() => played > before + 10);
    },
    line: (text: string) => server.log.line(({ message }) => message === text),
    async end(): Promise<void> {
      clearInterval(timer);
      units!.close();
      await publishing;
      await playing;
      await server.log.line(({ message }) => message === "recording ended");
      await server[Symbol.asyncDispose]();
    },
  };
}

// A disk that is full, and has room again.
await system("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder);
{
  const { server, count, plays, line, end } = await recording();
  const failed = await line("recording failed");
  assert(/No space/.test(String(failed.fields.reason)), String(failed.fields.reason));
  await plays();
  const [first] = server.server.recordings.find();
  assert(first!.bytes > 1_000_000 && !first!.isOpen);
  // It is tried again, and says nothing more.
  await until(() => server.server.recordings.statistics[0]!.gaps >= 2);
  assertEquals(count("recording failed"), 1);
  await server.server.recordings.remove(first!);
  await line("recording goes on");
  await plays();
  await end();
  console.log("a full disk: told once, and recording goes on when there is room");
}
// One that can only be read, from the start.
await system("mount", "-o", "remount,ro,size=20m", folder);
{
  const { count, plays, line, end } = await recording();
  const failed = await line("recording failed");
  assert(/Read-only/.test(String(failed.fields.reason)), String(failed.fields.reason));
  await plays();
  assertEquals(count("recording failed"), 1);
  await system("mount", "-o", "remount,rw,size=20m", folder);
  await line("recording goes on");
  await plays();
  await end();
  console.log(
    "a disk that can only be read: told once, and recording goes on when it can be written",
  );
}
// A folder that vanishes, and one whose disk does.
for (const vanish of [["rm", "-r", `${folder}/live`], ["umount", "-l", folder]]) {
  const { server, count, plays, line, end } = await recording();
  await until(() => (server.server.recordings.statistics[0]?.bytes ?? 0) > 0);
  const before = server.server.recordings.statistics[0]!.path;
  await system(...vanish);
  await line("recording failed");
  await plays();
  await line("recording goes on");
  const after = server.server.recordings.statistics[0]!.path;
  assert(before !== after && Deno.statSync(`${folder}/${after}`).isFile);
  assertEquals(count("recording failed"), 1);
  await end();
  assertEquals(server.server.recordings.find().filter(({ path }) => path === before), []);
  console.log(`${vanish[0]}: told once, and recording goes on in a folder that is made anew`);
}
Deno.exit();
