/** Servers that ask in connect who the client is, and check it as real ones do. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { amfStringProperty } from "../../src/amf/mod.ts";
import { RtmpClient, type RtmpClientOptions } from "../../src/client/mod.ts";
import { RtmpError } from "../../src/rtmp/mod.ts";
import { ffmpeg } from "../support/media_file.ts";
import { ignoreWithout, RunningProcess } from "../support/process.ts";
import { relayStory, TestRelay } from "../support/test_relay.ts";
import { TestServer, until } from "../support/test_server.ts";
import { frame, headers, writeAll } from "./rtmp_media.ts";
import { type ScriptedPeer, ScriptedServer } from "./scripted_server.ts";

type Dialect = "adobe" | "llnw";

const USER = { username: "ann4", password: "se4cret" };
const SALT = "s4lt+/=";
const NONCE = "n0nce";

/** A server of one user, and what it has seen. */
class AskingServer implements AsyncDisposable {
  readonly server: ScriptedServer;
  /** How each connect ended: what was asked, or that it was let in. */
  readonly outcomes: string[] = [];
  /** Names that were published. */
  readonly published: string[] = [];
  readonly #dialect: Dialect;
  /** Challenges that wait for their answer: each is good once. */
  readonly #challenges = new Set<string>();

  constructor(dialect: Dialect, words?: (connect: string) => string) {
    this.#dialect = dialect;
    this.server = new ScriptedServer(async (peer) => {
      await peer.shakeHands();
      const connect = await peer.command("connect");
      const app = amfStringProperty(connect.object, "app") ?? "";
      const tcUrl = amfStringProperty(connect.object, "tcUrl") ?? "";
      assertEquals(tcUrl.slice(tcUrl.lastIndexOf("/live") + 1), app);
      const refusal = words?.(app) ?? this.#check(app);
      if (refusal === undefined) {
        this.outcomes.push("let in");
        await peer.answer(connect, "_result", { code: "NetConnection.Connect.Success" });
        await this.#serve(peer);
        return;
      }
      this.outcomes.push(/reason=(\w+)/.exec(refusal)?.[1] ?? "who");
      await peer.answer(connect, "_error", {
        level: "error",
        code: "NetConnection.Connect.Rejected",
        description: `[ AccessManager.Reject ] : ${refusal}`,
      });
      peer.close();
    });
  }

  url({ username, password }: { username: string; password: string } = USER): string {
    return this.server.url.replace("//", `//${username}:${password}@`) + "/live/cam";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  async #serve(peer: ScriptedPeer): Promise<void> {
    await peer.answer(await peer.command("createStream"), "_result", 1);
    this.published.push(String((await peer.command("publish")).args[0]));
    await peer.status(1, "NetStream.Publish.Start");
    await peer.command("never");
  }

  /** Why a client is refused; `undefined` for one that knows the password. */
  #check(app: string): string | undefined {
    const dialect = this.#dialect;
    const fields = new Map(
      app.slice(app.indexOf("?") + 1).split("&").map((field) =>
        field.split(/=(.*)/s, 2) as [string, string]
      ),
    );
    if (fields.get("authmod") !== dialect) return `[ code=403 need auth; authmod=${dialect} ] : `;
    const asked = (words: string): string => `[ authmod=${dialect} ] : ?${words}`;
    const user = fields.get("user");
    if (user !== USER.username) return asked(`reason=nosuchuser&user=${user}`);
    const response = fields.get("response");
    if (response === undefined) {
      const challenge = `${crypto.randomUUID().slice(0, 8)}==`;
      this.#challenges.add(challenge);
      return dialect === "adobe"
        ? asked(
          `reason=needauth&user=${user}&salt=${SALT}&challenge=${challenge}&opaque=${challenge}`,
        )
        : asked(`reason=needauth&user=${user}&nonce=${NONCE}${challenge}`);
    }
    const challenge = dialect === "adobe"
      ? fields.get("opaque")!
      : fields.get("nonce")!.slice(NONCE.length);
    if (!this.#challenges.delete(challenge)) return asked("reason=authfailed");
    const expected = dialect === "adobe"
      ? adobeResponse(challenge, fields.get("challenge")!)
      : llnwResponse(`${NONCE}${challenge}`, fields.get("cnonce")!, fields.get("nc")!);
    return response === expected ? undefined : asked("reason=authfailed");
  }
}

function adobeResponse(theirs: string, own: string): string {
  const hashed = createHash("md5").update(USER.username + SALT + USER.password).digest("base64");
  return createHash("md5").update(hashed + theirs + own).digest("base64");
}

function llnwResponse(nonce: string, cnonce: string, nc: string): string {
  const hex = (text: string): string => createHash("md5").update(text).digest("hex");
  const who = hex(`${USER.username}:live:${USER.password}`);
  return hex(`${who}:${nonce}:${nc}:${cnonce}:auth:${hex("publish:/live/_definst_")}`);
}

async function refusal(url: string, options: RtmpClientOptions = {}): Promise<RtmpError> {
  const error = await assertRejects(() => RtmpClient.connect(url, options), RtmpError);
  assert(!/ann4|se4cret|response=|s4lt/.test(Deno.inspect(error)), Deno.inspect(error));
  return error;
}

for (const dialect of ["adobe", "llnw"] as const) {
  Deno.test(`RtmpClient proves who it is to a server that asks (${dialect}), by URL or option`, async () => {
    await using server = new AskingServer(dialect);
    const { url } = server.server;
    for (
      const connect of [
        () => RtmpClient.connect(server.url()),
        () => RtmpClient.connect(`${url}/live/cam`, { credentials: USER }),
      ]
    ) {
      await using client = await connect();
      await client.publish();
    }
    const outcomes = ["who", "needauth", "let in"];
    assertEquals(server.outcomes, [...outcomes, ...outcomes]);
    // The password itself is not told to who has asked for a proof.
    assertEquals(server.published, ["cam", "cam"]);
  });

  Deno.test(`RtmpClient with wrong credentials or none is unauthorized (${dialect}), after three connections at most`, async () => {
    await using server = new AskingServer(dialect);
    const wrong = await refusal(server.url({ ...USER, password: "wr0ng" }));
    const stranger = await refusal(server.url({ username: "bob", password: "se4cret" }));
    const nobody = await refusal(`${server.server.url}/live/cam`);
    assertEquals([wrong, stranger, nobody].map(({ code }) => code), [
      "unauthorized",
      "unauthorized",
      "unauthorized",
    ]);
    assertEquals(server.outcomes, ["who", "needauth", "authfailed", "who", "nosuchuser", "who"]);
  });

  Deno.test({
    name: `FFmpeg is let in by the server of these tests, too (${dialect})`,
    ignore: ignoreWithout("ffmpeg"),
    fn: async () => {
      await using server = new AskingServer(dialect);
      await using _publisher = ffmpeg([
        ...["-re", "-f", "lavfi", "-i", "testsrc=size=64x64", "-t", "60", "-c:v", "flv"],
        ...["-f", "flv", server.url()],
      ]);
      await until(() => server.published.length === 1);
      assertEquals(server.outcomes, ["who", "needauth", "let in"]);
    },
  });

  Deno.test(`a push proves who it is by its URL (${dialect}), and its log has no secret`, async () => {
    await using server = new AskingServer(dialect);
    await using weir = await TestServer.start();
    await using publisher = await RtmpClient.connect(`${weir.url}/live/cam`);
    await writeAll(await publisher.publish(), [...headers(), ...frame(0)]);
    const push = { mode: "push", name: "live/cam" } as const;
    await using relay = new TestRelay(weir, { ...push, url: server.url() });
    await until(() => relay.statistics.units > 3);
    await relay.relay.stop();
    await using wrong = new TestRelay(weir, {
      ...push,
      url: server.url({ ...USER, password: "wr0ng" }),
    });
    await until(() => wrong.statistics.failures > 1);
    await wrong.relay.stop();
    assertEquals(relayStory(weir.log), ["started", "ended: stopped", "failed, again later"]);
    const told = JSON.stringify([weir.log.lines, relay.statistics, wrong.statistics]);
    assert(!/ann4|se4cret|wr0ng|response=|s4lt/.test(told), told);
    assertEquals(server.published, ["cam"]);
  });
}

Deno.test({
  name: "GStreamer is let in by the server of these tests, too",
  ignore: ignoreWithout("gst-launch-1.0"),
  fn: async () => {
    await using server = new AskingServer("adobe");
    await using _publisher = new RunningProcess("gst-launch-1.0", [
      ...[
        "-q",
        "videotestsrc",
        "is-live=true",
        "!",
        "x264enc",
        "!",
        "flvmux",
        "streamable=true",
        "!",
      ],
      ...["rtmp2sink", `location=${server.server.url}/live/cam`, "authmod=adobe"],
      ...[`username=${USER.username}`, `password=${USER.password}`],
    ]);
    await until(() => server.published.length === 1);
    assertEquals(server.outcomes.at(-1), "let in");
  },
});

Deno.test("RtmpClient ends when a server never stops to ask, and repeats nothing that it was told", async () => {
  await using endless = new AskingServer("adobe", () => "[ code=403 need auth; authmod=adobe ] : ");
  assertEquals((await refusal(endless.url())).code, "unauthorized");
  assertEquals(endless.outcomes, ["who", "who"]);
  // One that says something else in the end, with what it was told in it.
  await using other = new AskingServer(
    "adobe",
    (app) =>
      app.includes("user=") ? `?reason=full of ${app}` : "[ code=403 need auth; authmod=adobe ] : ",
  );
  const error = await refusal(other.url());
  assertEquals([error.code, error.status, error.description], [
    "unauthorized",
    undefined,
    undefined,
  ]);
  await using full = new AskingServer(
    "adobe",
    (app) =>
      app.includes("user=")
        ? `full=${app.slice(app.indexOf("user="))}`
        : "[ code=403 need auth; authmod=adobe ] : ",
  );
  const rejected = await refusal(full.url());
  assertEquals([rejected.code, rejected.status], [
    "connect-rejected",
    "NetConnection.Connect.Rejected",
  ]);
});

Deno.test("RtmpClient over a transport that was given cannot connect again to say who it is", async () => {
  await using server = new AskingServer("adobe");
  const { hostname, port } = new URL(server.server.url.replace("rtmp:", "http:"));
  const transport = await Deno.connect({ hostname, port: Number(port) });
  const error = await refusal(server.url(), { transport });
  assertEquals(error.code, "unauthorized");
  assertEquals(server.outcomes, ["who"]);
});
