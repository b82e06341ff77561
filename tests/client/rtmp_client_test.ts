import {
  assert,
  assertEquals,
  assertExists,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import { movedBy } from "../../src/client/rtmp_redirection.ts";
import { parseOnMetaData } from "../../src/flv/mod.ts";
import { encodeControlMessage, parseRtmpUrl, RtmpError } from "../../src/rtmp/mod.ts";
import { standsStill } from "../support/stand_still.ts";
import { TestServer, until } from "../support/test_server.ts";
import { frame, frameNumber, headers, readUntil, writeAll } from "./rtmp_media.ts";
import { ScriptedServer } from "./scripted_server.ts";

async function rtmpError(promise: Promise<unknown>): Promise<RtmpError> {
  const error = await assertRejects(() => promise);
  assertInstanceOf(error, RtmpError, String(error));
  return error;
}

Deno.test("RtmpClient publishes to weir and plays from it, byte for byte", async () => {
  await using weir = await TestServer.start();
  const url = `${weir.url}/live/cam`;
  await using publisher = await RtmpClient.connect(url);
  await using player = await RtmpClient.connect(url);
  const publication = await publisher.publish();
  const sent = [...headers(), ...frame(0), ...frame(1), ...frame(2)];
  await writeAll(publication, sent);
  const playback = await player.play();
  const units = await readUntil(playback, (unit) => frameNumber(unit) === 2);
  const media = units.filter(({ role }) => role !== "metadata");
  const expected = sent.filter(({ kind }) => kind !== "data").slice(0, -1);
  assertEquals(
    media.map((
      { kind, dtsUs, payload },
    ) => [kind, dtsUs, payload.format === "flv" && payload.body]),
    expected.map(({ kind, timestampMs, body }) => [kind, timestampMs * 1000, body]),
  );
  const [metadata] = units;
  assert(metadata?.payload.format === "flv");
  assertEquals(parseOnMetaData(metadata.payload.body)?.width, 16);
  assertEquals(playback.positionMs, 80);
  assert(player.statistics.bytesReceived > 900 && publisher.statistics.bytesSent > 900);
  // When the publisher closes its stream, so does the player's.
  await publication.close();
  await until(() => !weir.server.hub.get("live/cam")?.isLive);
});

Deno.test("RtmpClient's playback closes when the stream has ended", async () => {
  await using weir = await TestServer.start({ hub: { lingerMs: 0 } });
  await using client = await RtmpClient.connect(`${weir.url}/live/cam`);
  const publication = await client.publish();
  await writeAll(publication, [...headers(), ...frame(0)]);
  const playback = await client.play();
  const codes: (number | undefined)[] = [];
  const reading = (async () => {
    for await (const unit of playback) codes.push(frameNumber(unit));
  })();
  await until(() => codes.includes(0));
  await publication.close();
  await reading;
  // The connection lives on.
  const again = await client.publish("other");
  await writeAll(again, headers());
  await again.abort();
});

Deno.test("RtmpClient carries enhanced bodies of HEVC, AV1 and Opus as they are (M073)", async () => {
  await using weir = await TestServer.start();
  const url = `${weir.url}/live/enhanced`;
  const ascii = (text: string): number[] => [...new TextEncoder().encode(text)];
  const sent = [
    { kind: "video", timestampMs: 0, body: new Uint8Array([0x90, ...ascii("hvc1"), 1, 2, 3]) },
    { kind: "audio", timestampMs: 0, body: new Uint8Array([0x90, ...ascii("Opus"), 1]) },
    { kind: "video", timestampMs: 9, body: new Uint8Array([0x91, ...ascii("hvc1"), 0, 0, 5, 7]) },
    { kind: "audio", timestampMs: 9, body: new Uint8Array([0x91, ...ascii("Opus"), 0xfc]) },
    // ModEx with 500 ns, then CodedFramesX of AV1, on track 1 of a multitrack body.
    {
      kind: "video",
      timestampMs: 9,
      body: new Uint8Array([0xa6, 0x01, ...ascii("av01"), 1, 0x12, 0]),
    },
  ] as const;
  await using publisher = await RtmpClient.connect(url);
  await writeAll(await publisher.publish(), sent);
  await using player = await RtmpClient.connect(url);
  const units = await readUntil(
    await player.play(),
    (unit) => unit.payload.format === "flv" && unit.payload.body[0] === 0xa6,
  );
  assertEquals(
    units.map(({ payload }) => payload.format === "flv" && payload.body),
    sent.map(({ body }) => body),
  );
  assertEquals(units[2]?.ptsUs, 14_000);
  assertEquals(player.connection.capabilities.announced, true);
});

Deno.test("RtmpClient publishes and plays several streams on one connection (M052)", async () => {
  await using weir = await TestServer.start();
  await using client = await RtmpClient.connect(`${weir.url}/live`);
  const names = ["a", "b", "c"];
  const publications = await Promise.all(names.map((name) => client.publish(name)));
  for (const [index, publication] of publications.entries()) {
    await writeAll(publication, [...headers(), ...frame(0), ...frame(index + 1)]);
  }
  const playbacks = await Promise.all(names.map((name) => client.play(name)));
  assertEquals(new Set([...publications, ...playbacks].map(({ streamId }) => streamId)).size, 6);
  for (const [index, playback] of playbacks.entries()) {
    const units = await readUntil(playback, (unit) => frameNumber(unit) === index + 1);
    assertEquals(units.map(frameNumber).filter((number) => number !== undefined), [0, index + 1]);
  }
});

Deno.test("RtmpClient's time does not wrap where RTMP's does (M017)", async () => {
  await using weir = await TestServer.start();
  const url = `${weir.url}/live/long`;
  const startMs = 2 ** 32 - 60;
  await using publisher = await RtmpClient.connect(url);
  const publication = await publisher.publish();
  const first = headers().map((message) => ({ ...message, timestampMs: startMs }));
  await writeAll(publication, [...first, ...frame(0, { startMs }), ...frame(1, { startMs })]);
  await writeAll(publication, [...frame(2, { startMs }), ...frame(3, { startMs })]);
  await using player = await RtmpClient.connect(url);
  const units = await readUntil(await player.play(), (unit) => frameNumber(unit) === 3);
  const times = units.filter((unit) => frameNumber(unit) !== undefined).map(({ dtsUs }) => dtsUs);
  assertEquals(times.map((time) => time - times[0]!), [0, 40_000, 80_000, 120_000]);
});

Deno.test("RtmpClient's refusals carry the server's code and words", async () => {
  await using weir = await TestServer.start({
    hooks: {
      onConnect: ({ app }) => app === "closed" ? { refuse: "Closed on Sundays" } : undefined,
      onPublish: ({ query }) => query.get("key") === "x" ? undefined : { refuse: "Wrong key" },
    },
    timing: { playWaitMs: 50 },
  });
  const refused = await rtmpError(RtmpClient.connect(`${weir.url}/closed/cam`));
  assertEquals([refused.code, refused.status, refused.description], [
    "connect-rejected",
    "NetConnection.Connect.Rejected",
    "Closed on Sundays",
  ]);
  await using client = await RtmpClient.connect(`${weir.url}/live/cam`);
  const denied = await rtmpError(client.publish());
  assertEquals([denied.code, denied.status, denied.description], [
    "publish-rejected",
    "NetStream.Publish.Denied",
    "Wrong key",
  ]);
  const missing = await rtmpError(client.play("nobody"));
  assertEquals([missing.code, missing.status], ["play-rejected", "NetStream.Play.StreamNotFound"]);
  const unknown = await rtmpError(client.call("noSuchThing", [1]));
  assertEquals([unknown.code, unknown.status], ["call-failed", "NetConnection.Call.Failed"]);
  assertEquals(await client.call("getStreamLength", ["cam"]), [0]);
  // None of that has ended the connection.
  const publication = await client.publish("cam?key=x");
  await publication.close();
});

Deno.test("RtmpClient puts the URL's credentials into the stream's query (M060)", async () => {
  const seen: string[] = [];
  await using weir = await TestServer.start({
    hooks: { onPublish: ({ name, query }) => void seen.push(`${name} ${query}`) },
  });
  const url = `rtmp://ann:p%40ss@127.0.0.1:${weir.port}/live/cam?x=1`;
  await using client = await RtmpClient.connect(url);
  await client.publish();
  assertEquals(seen, ["live/cam x=1&user=ann&pass=p%40ss"]);
});

Deno.test("RtmpClient pauses, resumes and seeks (M057)", async () => {
  await using weir = await TestServer.start();
  const url = `${weir.url}/live/cam`;
  await using publisher = await RtmpClient.connect(url);
  const publication = await publisher.publish();
  await writeAll(publication, [...headers(), ...frame(0)]);
  await using player = await RtmpClient.connect(url);
  const playback = await player.play();
  await readUntil(playback, (unit) => frameNumber(unit) === 0);
  await playback.pause();
  await writeAll(publication, [...frame(1), ...frame(2)]);
  await playback.seek(5000);
  await playback.resume();
  await writeAll(publication, [...frame(10), ...frame(11)]);
  const units = await readUntil(playback, (unit) => frameNumber(unit) === 11);
  const numbers = units.map(frameNumber).filter((number) => number !== undefined);
  assert(!numbers.includes(1) && !numbers.includes(2), `${numbers}`);
  await playback.cancel();
  assertEquals((await rtmpError(playback.pause())).code, "closed");
});

Deno.test("RtmpClient errors a publication that another publisher takes over", async () => {
  await using weir = await TestServer.start({ hub: { conflict: "takeover" } });
  const url = `${weir.url}/live/cam`;
  await using first = await RtmpClient.connect(url);
  const writer = (await first.publish()).getWriter();
  await using second = await RtmpClient.connect(url);
  await second.publish();
  const error = await rtmpError(writer.closed);
  assertEquals([error.code, error.status], ["publish-rejected", "NetStream.Publish.BadName"]);
});

Deno.test("RtmpClient sends all that was written before it closes", async () => {
  await using weir = await TestServer.start();
  const url = `${weir.url}/live/cam`;
  await using player = await RtmpClient.connect(url);
  const starting = player.play();
  const publisher = await RtmpClient.connect(url);
  const publication = await publisher.publish();
  await writeAll(publication, headers());
  const playback = await starting;
  const count = 300;
  for (let number = 0; number < count; number++) await writeAll(publication, frame(number));
  await publisher.close();
  await publisher.closed;
  const units = await readUntil(playback, (unit) => frameNumber(unit) === count - 1);
  assertEquals(
    units.map(frameNumber).filter((number) => number !== undefined),
    Array.from({ length: count }, (_, number) => number),
  );
  assertEquals((await rtmpError(publisher.publish())).code, "closed");
});

Deno.test("RtmpClient works over any pair of streams, with either handshake", async () => {
  await using weir = await TestServer.start();
  for (const handshake of ["digest", "simple"] as const) {
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>();
    const served = weir.server.serveRtmp({
      readable: up.readable,
      writable: down.writable,
      remoteAddress: "a tunnel",
    });
    const client = await RtmpClient.connect("rtmp://anywhere/live/tunnel", {
      transport: { readable: down.readable, writable: up.writable },
      handshake,
    });
    const publication = await client.publish();
    await writeAll(publication, [...headers(), ...frame(0)]);
    await publication.close();
    await client.close();
    assertEquals((await served).clean, true);
  }
});

Deno.test("RtmpClient follows a redirection, and not an endless one", async () => {
  await using weir = await TestServer.start();
  let target = `${weir.url}/elsewhere`;
  await using server = new ScriptedServer(async (peer) => {
    await peer.shakeHands();
    const connect = await peer.command("connect");
    await peer.answer(connect, "_error", {
      level: "error",
      code: "NetConnection.Connect.Rejected",
      ex: { code: 302, redirect: target },
    });
  });
  await using client = await RtmpClient.connect(`${server.url}/live/cam`);
  assertEquals([client.url.port, client.url.app, client.url.key], [weir.port, "elsewhere", "cam"]);
  await client.publish();
  assertExists(weir.server.hub.get("elsewhere/cam"));
  target = `${server.url}/live`;
  server.connections = 0;
  const error = await rtmpError(RtmpClient.connect(`${server.url}/live/cam`));
  assertEquals([error.code, server.connections], ["connect-rejected", 6]);
});

Deno.test({
  name: "RtmpClient does not ask for permission to go where a server sends it",
  permissions: { net: ["127.0.0.1"] },
  async fn() {
    await using server = new ScriptedServer(async (peer) => {
      await peer.shakeHands();
      await peer.answer(await peer.command("connect"), "_error", {
        level: "error",
        code: "NetConnection.Connect.Rejected",
        ex: { code: 302, redirect: "rtmp://internal.example/live" },
      });
    });
    const error = await rtmpError(RtmpClient.connect(`${server.url}/live/cam`));
    assertEquals(error.code, "connect-rejected");
    assertStringIncludes(error.message, "permission");
  },
});

Deno.test("RtmpClient gives up in time, whatever the server leaves out", async () => {
  const steps: Record<string, (server: ScriptedServer) => Promise<unknown>> = {
    handshake: ({ url }) => RtmpClient.connect(`${url}/live/handshake`, { timeoutMs: 150 }),
    connect: ({ url }) => RtmpClient.connect(`${url}/live/connect`, { timeoutMs: 150 }),
    createStream: async ({ url }) => {
      await using client = await RtmpClient.connect(`${url}/live/x`, { timeoutMs: 150 });
      await client.publish();
    },
    play: async ({ url }) => {
      await using client = await RtmpClient.connect(`${url}/live/x`, { timeoutMs: 150 });
      await client.play();
    },
    call: async ({ url }) => {
      await using client = await RtmpClient.connect(`${url}/live/x`, { timeoutMs: 150 });
      await client.call("anything");
    },
  };
  for (const [step, attempt] of Object.entries(steps)) {
    await using server = new ScriptedServer(async (peer) => {
      if (step === "handshake") return;
      if (step === "connect") return await peer.shakeHands();
      await peer.accept();
      if (step === "play") await peer.answer(await peer.command("createStream"), "_result", 1);
      // Until the client goes.
      await peer.command("never");
    });
    assertEquals((await rtmpError(attempt(server))).code, "timeout", step);
  }
});

Deno.test("RtmpClient's requests end with their signals", async () => {
  await using server = new ScriptedServer(async (peer) => {
    await peer.accept();
    await peer.command("never");
  });
  const reason = new Error("enough");
  const already = AbortSignal.abort(reason);
  const failure = await assertRejects(() => RtmpClient.connect(server.url, { signal: already }));
  assertEquals(failure, reason);
  await using client = await RtmpClient.connect(`${server.url}/live/cam`);
  for (const ask of ["publish", "play", "call"] as const) {
    const abort = new AbortController();
    const asked = client[ask]("x", { signal: abort.signal } as never);
    const call = ask === "call" ? client.call("x", [], { signal: abort.signal }) : asked;
    if (ask === "call") asked.catch(() => {});
    abort.abort(reason);
    assertEquals(await assertRejects(() => call), reason);
    await assertRejects(() => client.call("x", [], { signal: already }), Error, "enough");
  }
  // A signal in the middle of the handshake: the client's half of it has come, and nothing is answered.
  const asked = Promise.withResolvers<void>();
  await using silent = new ScriptedServer(async (peer) => {
    await peer.anything();
    asked.resolve();
  });
  const abort = new AbortController();
  const connecting = RtmpClient.connect(silent.url + "/live", { signal: abort.signal });
  asked.promise.then(() => abort.abort(reason));
  assertEquals(await assertRejects(() => connecting), reason);
});

Deno.test("RtmpClient names what cannot be reached", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const error = await rtmpError(RtmpClient.connect(`rtmp://127.0.0.1:${port}/live/cam`));
  assertEquals(error.code, "unreachable");
  assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
  assertEquals((await rtmpError(RtmpClient.connect("http://x/y"))).code, "url");
});

Deno.test("a hostile server ends the client's streams, and nothing else (M013, M018, M020)", async () => {
  const cases: Record<string, Uint8Array> = {
    "chunk-size": new Uint8Array([2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
    "chunk-fresh-stream": new Uint8Array([0xc9]),
    "message-too-large": new Uint8Array([6, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0]),
    "malformed-control": new Uint8Array([2, 0, 0, 0, 0, 0, 2, 5, 0, 0, 0, 0, 0, 0]),
    "malformed-command": new Uint8Array([3, 0, 0, 0, 0, 0, 1, 20, 0, 0, 0, 0, 0xff]),
  };
  for (const [code, bytes] of Object.entries(cases)) {
    await using server = new ScriptedServer(async (peer) => {
      await peer.grant("play");
      await peer.bytes(bytes);
      await peer.command("never");
    });
    const client = await RtmpClient.connect(`${server.url}/live/cam`);
    const playback = await client.play();
    assertEquals((await rtmpError(playback.getReader().read())).code, code);
    assertEquals((await rtmpError(client.closed)).code, code);
    assertEquals((await rtmpError(client.play())).code, code);
    await client.close();
  }
});

Deno.test("RtmpClient tells of a server that has gone", async () => {
  await using server = new ScriptedServer(async (peer) => {
    await peer.grant("publish");
    peer.close();
  });
  await using client = await RtmpClient.connect(`${server.url}/live/cam`);
  const writer = (await client.publish()).getWriter();
  assertEquals((await rtmpError(writer.closed)).code, "closed");
  assertEquals((await rtmpError(client.closed)).code, "closed");
});

Deno.test("RtmpClient holds a publisher back when the server does not read, then gives it up", async () => {
  await using server = new ScriptedServer(async (peer) => {
    await peer.grant("publish");
  });
  await using client = await RtmpClient.connect(`${server.url}/live/cam`, { writeStallMs: 300 });
  const writer = (await client.publish()).getWriter();
  const [video] = frame(0, { bytes: 1_000_000 });
  let taken = 0;
  const error = await rtmpError((async () => {
    for (;;) {
      await writer.write(video!);
      taken++;
    }
  })());
  assertEquals(error.code, "write-timeout");
  // What the kernel holds, and little more.
  assert(taken < 30, `${taken} MB were taken`);
});

Deno.test("RtmpClient sends no more than the server bounds it to, as long as that acknowledges (M030)", async () => {
  let received = 0;
  const ask = Promise.withResolvers<void>();
  await using server = new ScriptedServer(async (peer) => {
    await peer.grant("publish");
    await peer.send(encodeControlMessage({ kind: "acknowledgement", sequenceNumber: 0 }));
    await peer.send(
      encodeControlMessage({ kind: "set-peer-bandwidth", size: 200_000, limit: "hard" }),
    );
    await peer.answer(await peer.command("ready"), "_result");
    for (;; received++) {
      await peer.message(({ kind }) => kind === "video");
      if (received === 19) ask.resolve();
    }
  });
  await using client = await RtmpClient.connect(`${server.url}/live/cam`);
  const writer = (await client.publish()).getWriter();
  const [video] = frame(0, { bytes: 10_000 });
  // The answer comes behind the bound.
  await client.call("ready");
  const written = (async () => {
    for (let number = 0; number < 100; number++) await writer.write(video!);
  })();
  await ask.promise;
  assert(client.statistics.bytesSent < 230_000, `${client.statistics.bytesSent} bytes were sent`);
  // Nothing is acknowledged: the limit is given up before the stream stalls.
  await written;
  await until(() => received === 100);
});

Deno.test("RtmpClient reads on while what it publishes waits for the server's acknowledgement", async () => {
  await using server = new ScriptedServer(async (peer) => {
    await peer.grant("publish");
    await peer.send(encodeControlMessage({ kind: "acknowledgement", sequenceNumber: 0 }));
    await peer.send(
      encodeControlMessage({ kind: "set-peer-bandwidth", size: 100_000, limit: "hard" }),
    );
    for (;;) await peer.answer(await peer.command("ready"), "_result");
  });
  await using client = await RtmpClient.connect(`${server.url}/live/cam`);
  const writer = (await client.publish()).getWriter();
  await client.call("ready");
  const [filling] = frame(0, { bytes: 150_000 });
  const [held] = frame(1, { bytes: 1_000_000 });
  await writer.write(filling!);
  const written = writer.write(held!);
  // Before the first answer it may have asked for more already.
  for (let count = 0; count < 3; count++) await client.call("ready");
  const { bytesSent } = client.statistics;
  assert(bytesSent < 200_000, `${bytesSent} bytes were sent: the limit was given up before`);
  // It is given up.
  await written;
});

Deno.test("RtmpClient holds the server back when its reader does not read", async () => {
  let written = 0;
  await using server = new ScriptedServer(async (peer) => {
    await peer.grant("play");
    for (;; written++) await peer.send({ type: 9, body: new Uint8Array(1_000_000).fill(0x27) }, 1);
  });
  await using client = await RtmpClient.connect(`${server.url}/live/cam`);
  const playback = await client.play();
  await until(() => written > 0);
  await standsStill(() => written);
  assert(written < 40, `${written} MB were taken`);
  const reader = playback.getReader();
  for (let read = 0; read < 60; read++) assertEquals((await reader.read()).done, false);
  assert(written > 40);
});

Deno.test("a playback that is to skip holds nobody back, and goes on at a key frame with its headers", async () => {
  await using server = new ScriptedServer(async (peer) => {
    await peer.grant("play");
    const media = [headers(), ...Array.from({ length: 95 }, (_, number) => frame(number))].flat();
    for (const { kind, body, timestampMs } of media) {
      const type = kind === "video" ? 9 : kind === "audio" ? 8 : 18;
      await peer.send({ type, body, timestampMs }, 1);
    }
    await peer.answer(await peer.command("now"), "_result", "sent");
    await peer.status(1, "NetStream.Play.UnpublishNotify");
    await peer.command("never");
  });
  await using client = await RtmpClient.connect(`${server.url}/live/cam`);
  await assertRejects(
    () => client.play(undefined, { maxLagBytes: NaN }),
    RangeError,
    "maxLagBytes",
  );
  const bounds = { whenSlow: "skip", maxLagBytes: 20_000 } as const;
  const playback = await client.play(undefined, bounds);
  // The answer is behind all of the media, which nobody reads.
  assertEquals((await client.call("now")).at(-1), "sent");
  const { dropped } = playback;
  const units = await readUntil(playback, (unit) => frameNumber(unit) === 94);
  const numbers = units.map(frameNumber).filter((number) => number !== undefined);
  assertEquals(units.slice(0, 4).map(({ kind, role }) => `${kind} ${role}`), [
    "data metadata",
    "video config",
    "audio config",
    "video media",
  ]);
  assertEquals(numbers[0]! % 10, 0);
  assertEquals(numbers, Array.from(numbers, (_, index) => numbers[0]! + index));
  assert(numbers[0]! > 0 && dropped > 0, `${numbers[0]}, ${dropped} dropped`);
});

Deno.test("RtmpClient passes on what the server says besides, and where it asks to go on", async () => {
  await using server = new ScriptedServer(async (peer) => {
    await peer.accept();
    await peer.status(0, "NetConnection.Connect.ReconnectRequest");
    await peer.command("never");
  });
  const heard = Promise.withResolvers<string>();
  const moved = Promise.withResolvers<string>();
  await using _client = await RtmpClient.connect(`${server.url}/live/cam`, {
    onStatus: ({ code }) => heard.resolve(code),
    onMove: (url) => moved.resolve(`${url.host}:${url.port} ${url.app} ${url.key}`),
  });
  assertStringIncludes(await heard.promise, "ReconnectRequest");
  // It names no server: the same is meant.
  assertEquals(await moved.promise, `${server.url.slice("rtmp://".length)} live cam`);
});

Deno.test("a reconnect request leads to the same stream elsewhere, and to nowhere that the program may not connect to", () => {
  const from = parseRtmpUrl("rtmp://me:secret@127.0.0.1/live/cam?pass=1&x=2");
  const to = (tcUrl: string, url = from) => {
    const information = { tcUrl };
    const code = "NetConnection.Connect.ReconnectRequest";
    const moved = movedBy({ streamId: 0, level: "", code, description: "", information }, url);
    return moved && `${moved.scheme} ${moved.username} ${moved.host} ${moved.app}/${moved.key}`;
  };
  assertEquals(to("/other"), "rtmp me 127.0.0.1 other/cam?pass=1&x=2");
  assertEquals(to("rtmp://you:1@127.0.0.1/live"), "rtmp you 127.0.0.1 live/cam?pass=1&x=2");
  assertEquals(to("http://127.0.0.1/live"), undefined);
  assertEquals(to("rtmp://192.0.2.1/live"), "rtmp undefined 192.0.2.1 live/cam?x=2");
  assertEquals(to("rtmp://192.0.2.2/live"), undefined, "there is no permission");
  assertEquals(to("rtmp://127.0.0.1/live", { ...from, scheme: "rtmps" }), undefined);
});
