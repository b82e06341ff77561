/** Each way to be let in, by programs of others, over RTMP and RTSP. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHmac } from "node:crypto";
import { hashPassword, signPermission } from "../../src/access/mod.ts";
import type { ServerOptions } from "../../src/server/mod.ts";
import { ffmpeg, makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, RunningProcess } from "../support/process.ts";
import { TestServer, until } from "../support/test_server.ts";

const ignore = ignoreWithout("ffmpeg", "gst-launch-1.0");

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const PROTOCOLS = ["rtmp", "rtsp"] as const;
type Protocol = typeof PROTOCOLS[number];

/** A server of both protocols, a recording, and the programs that were started: all ended at the end. */
class Stage implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  weir!: TestServer;
  #source = "";

  static async open(options: ServerOptions): Promise<Stage> {
    const stage = new Stage();
    const folder = stage.#stack.use(new TemporaryFolder());
    stage.#source = `${folder.path}/source.flv`;
    await makeRecording(stage.#source, { seconds: 2 });
    stage.weir = stage.#stack.use(
      await TestServer.start({ rtmp: LOCAL, rtsp: LOCAL, hub: { lingerMs: 300 }, ...options }),
    );
    return stage;
  }

  /** The URL of a stream, whose user and password stand before the host, where there are any. */
  url(protocol: Protocol, path: string, user = ""): string {
    const port = this.weir.server.addresses.find((one) => one.protocol === protocol)!.port;
    return `${protocol}://${user}127.0.0.1:${port}/${path}`;
  }

  /** Publishes the recording again and again, until it is stopped. */
  publish(url: string): RunningProcess {
    const to = url.startsWith("rtsp") ? ["-f", "rtsp", "-rtsp_transport", "tcp"] : ["-f", "flv"];
    return this.#stack.use(
      ffmpeg(["-re", "-stream_loop", "-1", "-i", this.#source, "-c", "copy", ...to, url], {
        limitMs: 60_000,
      }),
    );
  }

  /** Plays until the stream ends. */
  play(url: string): RunningProcess {
    const from = url.startsWith("rtsp") ? ["-rtsp_transport", "tcp"] : [];
    return this.#stack.use(
      ffmpeg([...from, "-i", url, "-c", "copy", "-f", "null", "-"], { limitMs: 60_000 }),
    );
  }

  gst(...pipeline: string[]): RunningProcess {
    return this.#stack.use(
      new RunningProcess("gst-launch-1.0", ["-q", ...pipeline], { limitMs: 60_000 }),
    );
  }

  /** Publishers and players that are in, in words. */
  get tickets(): string[] {
    return this.weir.server.snapshot().tickets.filter(({ state }) => state === "live")
      .map(({ action, protocol, stream, user }) => `${protocol} ${action} ${stream} ${user}`);
  }

  /** Resolves when somebody is in, as the words say. */
  async isIn(words: string): Promise<void> {
    await until(() => this.tickets.includes(words));
  }

  /** Everything that the server tells of itself: log and statistics. */
  get told(): string {
    return JSON.stringify([this.weir.log.lines, this.weir.server.snapshot()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Asserts that a program was not let in. */
async function assertRefused(program: RunningProcess): Promise<void> {
  assert((await program.ended).code !== 0);
}

Deno.test({
  name: "users with a hashed password publish and play over RTMP and RTSP, and others do not",
  ignore,
  async fn() {
    const users = [{ name: "ann", password: await hashPassword("wonder/land") }];
    await using stage = await Stage.open({ access: { users } });
    const query = "?user=ann&pass=wonder%2Fland";
    const before = "ann:wonder%2Fland@";
    stage.publish(stage.url("rtmp", `live/a${query}`));
    stage.publish(stage.url("rtsp", "live/b", before));
    await stage.isIn("rtmp publish live/a ann");
    await stage.isIn("rtsp publish live/b ann");
    stage.play(stage.url("rtmp", `live/b${query}`));
    stage.play(stage.url("rtsp", "live/a", before));
    stage.gst("rtmpsrc", `location=${stage.url("rtmp", `live/b${query} live=1`)}`, "!", "fakesink");
    stage.gst(
      "rtspsrc",
      `location=${stage.url("rtsp", "live/b")}`,
      "user-id=ann",
      "user-pw=wonder/land",
      "protocols=tcp",
      "!",
      "fakesink",
    );
    await until(() => stage.tickets.length === 6);
    await Promise.all([
      assertRefused(stage.play(stage.url("rtmp", "live/a"))),
      assertRefused(stage.play(stage.url("rtsp", "live/a", "ann:wonderland@"))),
      assertRefused(stage.publish(stage.url("rtmp", "live/c?user=ann&pass=x"))),
      assertRefused(stage.publish(stage.url("rtsp", "live/c"))),
    ]);
    assertEquals(stage.tickets.length, 6);
    for (const secret of ["wonder/land", "wonder%2Fland", "wonderland"]) {
      assert(!stage.told.includes(secret));
    }
  },
});

Deno.test({
  name: "signed URLs are good for what they were signed for, over RTMP and RTSP",
  ignore,
  async fn() {
    const secret = "a secret of this server";
    await using stage = await Stage.open({ access: { signingSecrets: [secret] } });
    const signed = (action: "publish" | "play", name: string) =>
      `${name}?${
        signPermission(secret, { action, name, expiresAtS: Math.floor(Date.now() / 1000) + 600 })
      }`;
    for (const protocol of PROTOCOLS) {
      const name = `live/${protocol}`;
      stage.publish(stage.url(protocol, signed("publish", name)));
      await stage.isIn(`${protocol} publish ${name} signed:${name}`);
      for (const player of PROTOCOLS) stage.play(stage.url(player, signed("play", name)));
      stage.gst(
        "rtspsrc",
        `location=${stage.url("rtsp", signed("play", name))}`,
        "protocols=tcp",
        "!",
        "fakesink",
      );
    }
    await until(() => stage.tickets.length === 8);
    await Promise.all(PROTOCOLS.flatMap((protocol) => [
      assertRefused(stage.play(stage.url(protocol, signed("publish", "live/rtmp")))),
      assertRefused(stage.play(stage.url(protocol, "live/rtmp"))),
    ]));
    assert(!stage.told.includes("signature="));
  },
});

Deno.test({
  name: "publishers and players are closed when their tokens expire, over RTMP and RTSP",
  ignore,
  async fn() {
    const secret = "the key that is shared with whoever makes tokens";
    await using stage = await Stage.open({ access: { jwt: { secret } } });
    const part = (value: unknown): string =>
      btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    const token = (sub: string, exp: number): string => {
      const weir_permissions = ["publish", "play"].map((action) => ({ action }));
      const text = `${part({ alg: "HS256" })}.${part({ sub, exp, weir_permissions })}`;
      return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
    };
    const nowS = Date.now() / 1000;
    const [soonS, longS] = [Math.ceil(nowS + 6), Math.ceil(nowS + 600)];
    stage.publish(stage.url("rtmp", `live/long?token=${token("ann", longS)}`));
    await stage.isIn("rtmp publish live/long ann");
    const short = PROTOCOLS.flatMap((protocol) => [
      stage.publish(stage.url(protocol, `live/${protocol}?token=${token("bob", soonS)}`)),
      stage.play(stage.url(protocol, `live/long?token=${token("bob", soonS)}`)),
    ]);
    const long = PROTOCOLS.map((protocol) =>
      stage.play(stage.url(protocol, `live/long?token=${token("ann", longS)}`))
    );
    await until(() => stage.tickets.length === 7);
    assert(Date.now() / 1000 < soonS, "all have begun in time");
    await until(() => stage.tickets.length === 3);
    assert(Date.now() / 1000 >= soonS, "and were not ended before");
    for (const program of short) await program.ended;
    assertEquals(stage.weir.server.snapshot().refused.expired, 4);
    assertEquals(stage.tickets.filter((words) => words.endsWith(" ann")).length, 3);
    for (const program of long) program.kill("SIGKILL");
    const late = stage.play(stage.url("rtmp", `live/long?token=${token("bob", soonS - 60)}`));
    await assertRefused(late);
    assertStringIncludes(late.lines.join("\n"), "The token has expired");
    assert(!stage.told.includes("eyJ"), "tokens are in no log and no statistics");
  },
});

Deno.test({
  name: "who may do what is asked of a URL, over RTMP and RTSP",
  ignore,
  async fn() {
    const asked: Record<string, string>[] = [];
    await using answerer = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const question = await request.json();
        asked.push(question);
        if (question.user === "") return new Response(null, { status: 401 });
        return new Response(null, { status: question.password === "right" ? 200 : 403 });
      },
    );
    const url = `http://127.0.0.1:${answerer.addr.port}/auth`;
    await using stage = await Stage.open({ access: { url } });
    stage.publish(stage.url("rtmp", "live/a?user=ann&pass=right"));
    stage.publish(stage.url("rtsp", "live/b", "bob:right@"));
    await stage.isIn("rtmp publish live/a ann");
    await stage.isIn("rtsp publish live/b bob");
    stage.play(stage.url("rtsp", "live/a", "eve:right@"));
    await stage.isIn("rtsp play live/a eve");
    await Promise.all(
      PROTOCOLS.map((protocol) =>
        assertRefused(stage.play(stage.url(protocol, "live/a?user=ann&pass=wrong")))
      ),
    );
    const publishes = asked.filter(({ action, user }) => action === "publish" && user !== "")
      .map(({ user, protocol, path, ip }) => [user, protocol, path, ip]);
    assertEquals(publishes.filter(([user]) => user === "ann"), [[
      "ann",
      "rtmp",
      "live/a",
      "127.0.0.1",
    ]]);
    assertEquals(publishes.filter(([user]) => user === "bob")[0], [
      "bob",
      "rtsp",
      "live/b",
      "127.0.0.1",
    ]);
    assert(asked.some(({ action }) => action === "read"));
  },
});

Deno.test({
  name:
    "publishing keys stand for a stream's name over RTMP and RTSP, and who publishes by one is ended with it",
  ignore,
  async fn() {
    const fixed = "k3y-of-the-camera-0";
    await using stage = await Stage.open({ access: { keys: { [fixed]: "live/cam" } } });
    const { server } = stage.weir;
    const made = await server.access!.keys.make("live/made");
    stage.publish(stage.url("rtmp", `live/${fixed}`));
    const publisher = stage.publish(stage.url("rtsp", made.secret));
    await until(() => stage.tickets.length === 2);
    assertEquals(stage.tickets.map((words) => words.replace(/key:.*/, "key")).sort(), [
      "rtmp publish live/cam key",
      "rtsp publish live/made key",
    ]);
    for (const protocol of PROTOCOLS) stage.play(stage.url(protocol, "live/made"));
    await until(() => stage.tickets.length === 4);
    const wrong = `${fixed.slice(0, -1)}1`;
    await Promise.all(PROTOCOLS.flatMap((protocol) => [
      assertRefused(stage.publish(stage.url(protocol, `live/${wrong}`))),
      assertRefused(stage.publish(stage.url(protocol, "live/cam"))),
      assertRefused(stage.play(stage.url(protocol, `live/${made.secret}`))),
    ]));
    assertEquals(await server.access!.keys.revoke(made.id), true);
    await publisher.ended;
    await until(() => !stage.tickets.some((words) => words.includes("live/made")));
    assertEquals(stage.tickets.length, 1);
    await assertRefused(stage.publish(stage.url("rtsp", made.secret)));
    for (const secret of [fixed, wrong, made.secret]) assert(!stage.told.includes(secret), secret);
  },
});
