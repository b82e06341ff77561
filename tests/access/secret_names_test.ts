/** A publishing key is in no log and no event, though what it is for cannot be had. */
import { assert, assertEquals } from "@std/assert";
import type { RefusedInfo } from "../../src/gate/mod.ts";
import { LoopedPublisher } from "../doors/http/looped_publisher.ts";
import { RtmpClient, statusCode } from "../support/rtmp_client.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const KEY = "q8K2nT5vXw0aYz7R";

Deno.test("a key whose stream is taken, or that is played, or sends garbage, is in no log line and no event", async () => {
  const refused: RefusedInfo[] = [];
  await using weir = await TestServer.start({
    ...{ rtsp: LOCAL, http: LOCAL, timing: { playWaitMs: 0 } },
    access: {
      keys: { [KEY]: "live/cam", [`${KEY}2`]: "live/closed" },
      rules: [{ allow: "play", paths: "open/*" }],
    },
    hub: { conflict: "reject" },
    hooks: {
      onRefused: (info) => void refused.push(info),
      onPublish: ({ name }) => name === "live/closed" ? { refuse: "Closed" } : undefined,
    },
  });
  const { server, log } = weir;
  const portOf = (name: string) => server.addresses.find(({ protocol }) => protocol === name)!.port;
  await using _publisher = new LoopedPublisher(server, "live/cam", ["h264"]);
  await log.line(({ message }) => message === "program publish started");
  for (const [command, key] of [["publish", KEY], ["publish", `${KEY}2`], ["play", KEY]]) {
    using client = await RtmpClient.open(portOf("rtmp"));
    await client.command(command!, { args: [key!], streamId: await client.createStream() });
    assert(!statusCode(await client.status("NetStream."))!.endsWith("Start"));
  }
  const url = `http://127.0.0.1:${portOf("http")}/live/${KEY}.flv`;
  const bodies = [undefined, "no FLV at all, by whoever has the key"];
  for (const body of bodies) {
    const answer = await fetch(url, body === undefined ? {} : { method: "POST", body });
    assert(answer.status >= 400);
    assert(!(await answer.text()).includes(KEY));
  }
  using peer = await RtspPeer.dial(portOf("rtsp"));
  await peer.request("DESCRIBE", { url: `rtsp://127.0.0.1:${portOf("rtsp")}/live/${KEY}` });
  assertEquals(JSON.stringify([log.lines, refused]).includes(KEY), false);
  assert(refused.length >= 3, JSON.stringify(refused));
});
