/** Acknowledgements, pings and deadlines of a server session, with time passed in. */
import { assert, assertEquals } from "@std/assert";
import { Client, command, media } from "./session_support.ts";

Deno.test("an acknowledgement is sent for each window of received bytes (M031)", () => {
  const client = Client.connected();
  client.send({ kind: "window-acknowledgement-size", size: 10_000 });
  const heard = (total: number) => {
    client.session.noteBytesReceived(total);
    return client.heard();
  };
  assertEquals(heard(9_999), []);
  assertEquals(heard(10_000), ["acknowledgement 10000"]);
  assertEquals(heard(10_000), []);
  assertEquals(heard(19_999), []);
  // Bytes that come in large pieces are acknowledged as they are, once.
  assertEquals(heard(55_555), ["acknowledgement 55555"]);
  assertEquals(heard(65_554), []);
  assertEquals(heard(65_555), ["acknowledgement 65555"]);
});

Deno.test("without a window of the peer's, the server's own is used (M031)", () => {
  const client = new Client();
  client.session.noteBytesReceived(2_499_999);
  assertEquals(client.heard(), []);
  client.session.noteBytesReceived(2_500_000);
  assertEquals(client.heard(), ["acknowledgement 2500000"]);
});

Deno.test("the acknowledged number wraps at 2^32 (M031)", () => {
  const client = Client.connected();
  client.session.noteBytesReceived(2 ** 32 - 1);
  assertEquals(client.heard(), ["acknowledgement 4294967295"]);
  client.session.noteBytesReceived(2 ** 32 + 2_500_000);
  assertEquals(client.heard(), ["acknowledgement 2500000"]);
  client.session.noteBytesReceived(3 * 2 ** 32 + 5);
  assertEquals(client.heard(), ["acknowledgement 5"]);
});

Deno.test("a window of 0 or 1 does not cause an acknowledgement a byte (M031)", () => {
  for (const size of [0, 1]) {
    const client = Client.connected();
    client.send({ kind: "window-acknowledgement-size", size });
    for (let total = 1; total <= 10_000; total++) client.session.noteBytesReceived(total);
    const heard = client.heard();
    assert(heard.length > 0 && heard.length < 20, `${heard.length} acknowledgements`);
  }
});

Deno.test("a smaller window holds at once for what was received before (M031)", () => {
  const client = Client.connected();
  client.session.noteBytesReceived(50_000);
  client.send({ kind: "window-acknowledgement-size", size: 4000 });
  client.session.noteBytesReceived(50_001);
  assertEquals(client.heard(), ["acknowledgement 50001"]);
});

Deno.test("a peer's bandwidth is answered by that window, unless it was told already (M030)", () => {
  const client = Client.connected();
  client.send({ kind: "set-peer-bandwidth", size: 2_500_000, limit: "dynamic" });
  assertEquals(client.heard(), []);
  client.send({ kind: "set-peer-bandwidth", size: 5_000_000, limit: "hard" });
  client.send({ kind: "set-peer-bandwidth", size: 5_000_000, limit: "soft" });
  assertEquals(client.heard(), ["window 5000000"]);
});

Deno.test("a ping is answered with its time, other user control events with nothing (M030, M032)", () => {
  const client = Client.connected();
  client.send({ kind: "user-control", event: 6, value: 0xfffffffe, bufferMs: 0 });
  assertEquals(client.heard(), ["PingResponse 4294967294"]);
  for (const event of [0, 1, 2, 3, 4, 5, 7, 0x1a, 0x1b, 0x1f, 0x20, 99, 0xffff]) {
    assertEquals(client.send({ kind: "user-control", event, value: 1, bufferMs: 0 }), []);
  }
  client.send({ kind: "abort", chunkStreamId: 3 }, { kind: "set-chunk-size", size: 4096 });
  client.send({ kind: "acknowledgement", sequenceNumber: 5 });
  assertEquals(client.heard(), []);
});

Deno.test("an idle player is pinged, and closed when it does not answer (M032, M059)", () => {
  const client = Client.inRole("play");
  assertEquals([client.pass(29_999), client.heard()], [[], []]);
  assertEquals([client.pass(1), client.heard()], [[], ["PingRequest 30000"]]);
  assertEquals([client.pass(9_999), client.heard()], [[], []]);
  assertEquals(client.pass(1), ["close ping-timeout"]);
  assertEquals([client.pass(60_000), client.heard()], [[], []]);
});

Deno.test("whatever a player sends shows that it is there (M032, M059)", () => {
  const answers = [
    { kind: "user-control", event: 7, value: 30_000, bufferMs: 0 },
    { kind: "acknowledgement", sequenceNumber: 1 },
    command("whatever"),
  ] as const;
  for (const answer of answers) {
    const client = Client.inRole("play");
    client.pass(30_000);
    client.pass(9_999);
    client.send(answer);
    client.heard();
    assertEquals([client.pass(29_999), client.heard()], [[], []]);
    assertEquals([client.pass(1), client.heard()], [[], ["PingRequest 69999"]]);
  }
});

Deno.test("the time in a ping wraps at 2^32 (M032)", () => {
  const client = Client.inRole("play");
  client.nowMs = 2 ** 32;
  client.pass(5000);
  assertEquals(client.heard(), ["PingRequest 5000"]);
});

Deno.test("a peer that is not listened to while its request is looked at is not pinged (M032)", () => {
  const client = Client.connected({ roleTimeoutMs: 1_000_000 });
  client.send(command("publish", { on: 1, args: ["cam"] }));
  client.heard();
  assertEquals([client.pass(100_000), client.heard()], [[], []]);
});

Deno.test("a publisher that sends nothing for 10 s is closed; zero-length media counts (M082)", () => {
  const client = Client.inRole("publish");
  assertEquals(client.pass(9_999), []);
  client.send(media("video", 1));
  client.pass(9_999);
  client.send(media("audio", 1, 0));
  assertEquals(client.pass(9_999), []);
  // Neither pings nor media on another NetStream do.
  client.send(media("video", 2), { kind: "user-control", event: 6, value: 0, bufferMs: 0 });
  assertEquals(client.pass(1), ["close idle-timeout"]);
});

Deno.test("each publishing NetStream has its own deadline, which starts when it is granted (M082)", () => {
  const client = Client.connected();
  client.send(command("createStream", { id: 2 }), command("createStream", { id: 3 }));
  client.send(command("publish", { on: 1, args: ["a"] }));
  client.accept();
  client.pass(6000);
  client.send(command("publish", { on: 2, args: ["b"] }), media("video", 1));
  client.accept();
  client.pass(6000);
  client.send(media("video", 1));
  assertEquals(client.pass(3999), []);
  assertEquals(client.pass(1), ["close idle-timeout"]);
});

Deno.test("connect and a role are due 10 s after the start, whatever is sent meanwhile (M084)", () => {
  const silent = new Client();
  assertEquals(silent.pass(9_999), []);
  assertEquals(silent.pass(1), ["close role-timeout"]);
  const talker = new Client();
  talker.send(command("connect", { id: 1, object: { app: "live" } }));
  talker.accept();
  for (let n = 0; n < 99; n++) {
    talker.send(command("createStream", { id: 2 }), command("deleteStream", { args: [1] }));
    assertEquals(talker.pass(100), []);
  }
  assertEquals(talker.pass(100), ["close role-timeout"]);
});

Deno.test("a connect that is looked at for too long is closed too (M084)", () => {
  const client = new Client();
  client.send(command("connect", { id: 1, object: {} }));
  assertEquals(client.pass(10_000), ["close role-timeout"]);
  assertEquals(client.accept(), []);
});

Deno.test("requests that are refused give no more time; one that is looked at is not late (M084)", () => {
  const client = Client.connected();
  for (let n = 0; n < 3; n++) {
    client.pass(3000);
    client.send(command("publish", { on: 1, args: ["cam"] }));
    client.reject("no");
  }
  client.send(command("play", { on: 1, args: ["cam"] }));
  assertEquals(client.pass(5000), []);
  client.reject("Not for you", { code: "NetStream.Play.Failed" });
  assertEquals(client.pass(0), ["close role-timeout"]);
});

Deno.test("a player whose stream there is not has 10 s to ask again, each time for ten minutes (M084)", () => {
  const client = Client.connected();
  const ask = (): void => {
    client.send(command("play", { on: 1, args: ["cam"] }));
    assertEquals(client.pass(15_000), [], "it is looked at");
    client.reject("There is none");
  };
  ask();
  assertEquals(client.pass(9999), []);
  // 25 s each.
  for (let times = 0; times < 24; times++) {
    ask();
    assertEquals(client.pass(9999), []);
  }
  ask();
  assertEquals(client.pass(0), ["close not-found"], "it has had its ten minutes");

  const player = Client.connected();
  player.send(command("play", { on: 1, args: ["cam"] }));
  player.reject("There is none");
  player.pass(9000);
  player.send(command("play", { on: 1, args: ["cam"] }));
  player.accept();
  player.session.endPlay(1);
  assertEquals(player.pass(9999), []);
  assertEquals(player.pass(1), ["close role-timeout"], "a role is a new start");
});

Deno.test("a play that is withdrawn before it was granted gives no more time (M084)", () => {
  const client = Client.connected();
  for (let n = 0; n < 10; n++) {
    client.send(command("play", { on: 1, args: ["cam"] }));
    assertEquals(client.pass(1000), []);
    client.send(command("closeStream", { on: 1 }));
  }
  assertEquals(client.pass(0), ["close role-timeout"]);
});

Deno.test("the end of a role gives 10 s for the next (M084)", () => {
  const client = Client.inRole("play");
  client.pass(25_000);
  client.send(command("closeStream", { on: 1 }));
  assertEquals(client.pass(9_999), []);
  client.send(command("play", { on: 1, args: ["b"] }));
  client.accept();
  assertEquals(client.pass(25_000), []);
  client.session.endPlay(1);
  assertEquals(client.pass(10_000), ["close role-timeout"]);
});

Deno.test("one role among several NetStreams is enough (M084)", () => {
  const client = Client.inRole("play");
  client.send(command("createStream", { id: 3 }), command("play", { on: 2, args: ["b"] }));
  client.accept();
  client.send(command("closeStream", { on: 1 }));
  assertEquals(client.pass(20_000), []);
  client.send(command("play", { on: 1, args: ["c"] }), command("closeStream", { on: 2 }));
  client.reject("There is none");
  assertEquals(client.pass(9_999), []);
  assertEquals(client.pass(1), ["close not-found"]);
});

Deno.test("after 50 days nothing has gone wrong (M032, M082)", () => {
  const client = Client.inRole("publish");
  for (let day = 0; day < 50; day++) {
    for (let minute = 0; minute < 1440; minute += 10) {
      client.nowMs += 600_000 - 1;
      client.send(media("video", 1));
      assertEquals(client.pass(1), []);
    }
  }
  assertEquals(client.heard(), []);
});
