/** What a real server tells of real clients: to its program, to URLs, and to programs that it runs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ServerEventName } from "../../src/events/mod.ts";
import { EventOptionsError, SERVER_EVENT_NAMES } from "../../src/events/mod.ts";
import { ffmpeg, makeRecording, publishArguments, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, ROOT, run } from "../support/process.ts";
import { RtmpClient } from "../support/rtmp_client.ts";
import { TestServer, until } from "../support/test_server.ts";

const ignore = ignoreWithout("ffmpeg");

Deno.test({
  name:
    "publishers, players and refusals are told to the program and to URLs, in order and without secrets",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 2 });
    const posted: { type: string; data: Record<string, unknown> }[] = [];
    await using receiver = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        posted.push(await request.json());
        return new Response();
      },
    );
    await using weir = await TestServer.start({
      hub: { lingerMs: 100 },
      rtmpAskAtConnect: false,
      access: {
        users: [{ name: "ann", password: "hunter2" }],
        rules: [{ allow: "play" }, { allow: "publish", users: "ann" }],
      },
      webhooks: [{ url: `http://127.0.0.1:${receiver.addr.port}/` }],
    });
    const heard: string[] = [];
    for (const name of SERVER_EVENT_NAMES) {
      weir.server.events.addEventListener(name, ({ detail }) => {
        heard.push(
          `${name} ${"stream" in detail ? detail.stream : ""} ${
            "user" in detail ? detail.user : ""
          }`.trim(),
        );
      });
    }
    const url = `${weir.url}/live/cam`;
    await using player = ffmpeg(["-i", url, "-c", "copy", "-f", "null", "-"]);
    await until(() => weir.server.tickets.size === 1);
    await using stranger = ffmpeg(publishArguments(source, `${url}?user=ann&pass=hunter3`));
    assert((await stranger.ended).code !== 0);
    await using publisher = ffmpeg(publishArguments(source, `${url}?user=ann&pass=hunter2`));
    assertEquals((await publisher.ended).code, 0);
    await player.ended;
    await until(() => heard.filter((line) => line === "disconnect").length === 3);
    await until(() => posted.length === heard.length);
    const without = heard.filter((line) => !/connect$/.test(line));
    assertEquals(without, [
      "refused live/cam",
      "publish-start live/cam ann",
      "stream-ready live/cam",
      "play-start live/cam",
      "publish-end live/cam ann",
      ...without.slice(5),
    ]);
    assertEquals(without.slice(5).sort(), ["play-end live/cam", "stream-ended live/cam"]);
    assertEquals(
      posted.map(({ type }) => type),
      heard.map((line) => line.split(" ", 1)[0] as ServerEventName),
    );
    assert(!JSON.stringify([posted, weir.log.lines]).includes("hunter"));
    const end = posted.find(({ type }) => type === "publish-end")!.data as {
      bytes: number;
      reason: string;
    };
    assert(end.bytes > 1000);
    assertEquals(end.reason, "unpublished");
  },
});

Deno.test({
  name: "a stream is transcoded by a program that runs while it lives",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 2 });
    await using weir = await TestServer.start({
      hub: { lingerMs: 100 },
      commands: [{
        on: "stream-ready",
        run: [
          ...["ffmpeg", "-nostdin", "-loglevel", "error", "-i", "{rtmp}/{stream}"],
          ...[
            "-vf",
            "scale=80:60",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-an",
            "-f",
            "flv",
            "{rtmp}/small/{name}",
          ],
        ],
        paths: "live/*",
      }],
    });
    await using publisher = ffmpeg([
      ...[
        "-re",
        "-stream_loop",
        "-1",
        "-i",
        source,
        "-c",
        "copy",
        "-f",
        "flv",
        `${weir.url}/live/cam`,
      ],
    ]);
    await until(() => weir.server.hub.get("small/cam")?.lastDtsUs !== undefined);
    publisher.kill("SIGINT");
    await publisher.ended;
    await until(() => weir.server.streams.length === 0);
    await until(() => weir.server.connectionCount === 0);
  },
});

Deno.test({
  name: "URLs and programs are told by the options of now, and those that stay go on",
  ignore,
  async fn() {
    const posted: string[] = [];
    await using receiver = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        posted.push(`${new URL(request.url).pathname} ${(await request.json()).data.stream}`);
        return new Response();
      },
    );
    const url = (path: string) => `http://127.0.0.1:${receiver.addr.port}/${path}`;
    const events = ["publish-start"] as const;
    // A program that says what it has, and then waits for its end.
    const sounding = (name: string) => ({
      on: "stream-ready" as const,
      run: [
        ...["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "sine"],
        ...["-f", "flv", `{rtmp}/${name}/{name}`],
      ],
    });
    await using weir = await TestServer.start({
      hub: { lingerMs: 100 },
      webhooks: [{ url: url("first"), events }],
      commands: [{ ...sounding("one"), paths: "live/*" }],
    });
    const idOf = (name: string) =>
      [...weir.server.tickets.values()].find(({ info }) => info.stream === name)?.info.id;
    using publisher = await RtmpClient.publisher(weir.port, "cam");
    await publisher.frames(0, 1);
    await until(() => idOf("one/cam") !== undefined);
    const before = idOf("one/cam");
    await weir.server.configure({
      hub: { lingerMs: 100 },
      webhooks: [{ url: url("second"), events }],
      commands: [{ ...sounding("two"), paths: "live/*" }, {
        ...sounding("one"),
        paths: ["live/cam", "live/b"],
      }],
    });
    await until(() => idOf("two/cam") !== undefined);
    assertEquals(idOf("one/cam"), before);
    await assertRejects(
      () => weir.server.configure({ commands: [{ on: "stream-ready", run: [] }] }),
      EventOptionsError,
      "commands[0].run",
    );
    assertEquals(idOf("one/cam"), before);
    await weir.server.configure({
      hub: { lingerMs: 100 },
      webhooks: [{ url: url("second"), events }],
      commands: [{ ...sounding("two"), paths: "live/*" }],
    });
    await until(() => idOf("one/cam") === undefined);
    assert(idOf("two/cam") !== undefined);
    await until(() => posted.length === 3);
    assertEquals(posted, ["/first live/cam", "/first one/cam", "/second two/cam"]);
  },
});

Deno.test("programs and URLs that are not permitted are told before anything listens", async () => {
  await using weir = new AsyncDisposableStack();
  const script = `
    import { Server } from "./mod.ts";
    for (const options of [
      { commands: [{ on: "stream-ready", run: ["ffmpeg"] }] },
      { webhooks: [{ url: "https://hooks.example:8443/x" }] },
    ]) {
      const server = new Server({ rtmp: { hostname: "127.0.0.1", port: 0 }, api: false, ...options });
      await server.listen().catch(({ code, message }) => console.log(code, message, server.addresses.length));
      await server.stop();
    }
  `;
  const { stdout } = await run(Deno.execPath(), ["eval", "--no-check", script], {
    cwd: ROOT,
    limitMs: 60_000,
  });
  // What is evaluated has all permissions: so both listen.
  assertEquals(new TextDecoder().decode(stdout), "");
  const file = await Deno.makeTempFile({ suffix: ".ts", dir: ROOT });
  weir.defer(() => Deno.remove(file));
  await Deno.writeTextFile(file, script);
  const limited = await run(Deno.execPath(), ["run", "--no-check", "--allow-net=127.0.0.1", file], {
    cwd: ROOT,
    limitMs: 60_000,
  });
  assertEquals(new TextDecoder().decode(limited.stdout).trim().split("\n"), [
    "permission Cannot run ffmpeg for commands[0] without permission: add --allow-run=ffmpeg 0",
    "permission Cannot send events to webhooks[0] without permission: add --allow-net=hooks.example:8443 0",
  ]);
});
