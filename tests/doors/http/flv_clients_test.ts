import { assert, assertEquals } from "@std/assert";
import {
  ffmpeg,
  makeRecording,
  ofKind,
  packetsOf,
  publishArguments,
  TemporaryFolder,
} from "../../support/media_file.ts";
import { ignoreWithout, RunningProcess } from "../../support/process.ts";
import { gstreamer } from "../../support/real_clients.ts";
import { TestServer, until } from "../../support/test_server.ts";

const OPTIONS = {
  http: { hostname: "127.0.0.1", port: 0 },
  hub: { lingerMs: 300, maxLagMs: 60_000 },
} as const;

Deno.test({
  name: "every frame goes over HTTP to ffmpeg, curl, mpv and GStreamer's souphttpsrc",
  ignore: ignoreWithout("ffmpeg", "curl", "mpv", "gst-launch-1.0"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 3 });
    await using weir = await TestServer.start(OPTIONS);
    const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
    const url = `http://127.0.0.1:${port}/live/cam.flv`;
    const received = (name: string): string => `${folder.path}/${name}.flv`;
    await using byFfmpeg = ffmpeg(["-i", url, "-c", "copy", received("ffmpeg")]);
    await using byCurl = new RunningProcess("curl", ["-s", "-o", received("curl"), url]);
    await using byMpv = new RunningProcess("mpv", [
      "--no-config",
      "--really-quiet",
      `--stream-record=${received("mpv")}`,
      ...["--vo=null", "--ao=null", "--untimed", url],
    ]);
    await using byGstreamer = gstreamer(
      ...["souphttpsrc", `location=${url}`, "is-live=true", "!"],
      ...["filesink", `location=${received("gstreamer")}`],
    );
    await until(() => [...weir.server.tickets.values()].length === 4);
    await using publisher = ffmpeg(publishArguments(source, `${weir.url}/live/cam`));
    const { code, stderr } = await publisher.ended;
    assertEquals([code, stderr], [0, ""]);
    const expected = await packetsOf(source);
    for (const player of [byFfmpeg, byCurl, byMpv, byGstreamer]) await player.ended;
    for (const name of ["ffmpeg", "curl", "mpv", "gstreamer"]) {
      const packets = await packetsOf(received(name));
      for (const kind of ["video", "audio"] as const) {
        assertEquals(
          ofKind(packets, kind).map(({ hash }) => hash),
          ofKind(expected, kind).map(({ hash }) => hash),
          `${kind} of ${name}`,
        );
      }
    }
  },
});

Deno.test({
  name: "ffmpeg publishes over HTTP; it waits for no answer, so its last moment may be lost",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const received = `${folder.path}/received.flv`;
    await makeRecording(source, { seconds: 2 });
    await using weir = await TestServer.start(OPTIONS);
    const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
    const url = `http://127.0.0.1:${port}/live/cam.flv`;
    await using player = ffmpeg(["-i", `${weir.url}/live/cam`, "-c", "copy", received]);
    await until(() => weir.server.tickets.size === 1);
    await using publisher = ffmpeg(publishArguments(source, url));
    const { code, stderr } = await publisher.ended;
    assertEquals([code, stderr], [0, ""]);
    await player.ended;
    const expected = ofKind(await packetsOf(source), "video").map(({ hash }) => hash);
    const got = ofKind(await packetsOf(received), "video").map(({ hash }) => hash);
    assertEquals(got, expected.slice(0, got.length));
    assert(got.length > expected.length - 10, `${got.length} of ${expected.length}`);
  },
});

Deno.test({
  name: "curl -T publishes a file and prints how it ended, and is told at once what it may not",
  ignore: ignoreWithout("ffmpeg", "curl"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 1 });
    await using weir = await TestServer.start({
      ...OPTIONS,
      hooks: { onPublish: ({ name }) => name === "live/no" ? { refuse: "Not here" } : undefined },
    });
    const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
    const upload = async (name: string) => {
      const args = [
        "-s",
        "-w",
        "%{http_code}",
        "-T",
        source,
        `http://127.0.0.1:${port}/${name}.flv`,
      ];
      await using curl = new RunningProcess("curl", args);
      return new TextDecoder().decode((await curl.ended).stdout);
    };
    assertEquals(
      /^\{"stream":"live\/cam","units":\d+\}\n200$/.test(await upload("live/cam")),
      true,
    );
    assertEquals(await upload("live/no"), '{"code":"denied","reason":"Not here"}\n403');
  },
});
