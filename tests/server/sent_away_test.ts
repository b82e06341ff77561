/** To be kicked, to be no longer allowed after a change of the rules, and to expire: by every door, within a second. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { signPermission } from "../../src/access/mod.ts";
import { LoopedPublisher } from "../doors/http/looped_publisher.ts";
import { TestServer, until } from "../support/test_server.ts";
import { Crowd } from "./crowd.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** What the clients of each door see when they are sent away. */
const WORDS: Readonly<Record<string, RegExp>> = {
  "rtmp publish": /^NetStream\.Publish\.BadName$/,
  "rtmp play": /^NetStream\.Play\.Failed$/,
  "rtsp tcp publish": /^closed$/,
  "rtsp tcp play": /^closed$/,
  "rtsp udp publish": /^goodbye$/,
  "rtsp udp play": /^goodbye$/,
  "http-flv publish": /^403 (kicked|expired)$/,
  "http-flv play": /^ended$/,
  "http-ts play": /^ended$/,
  "http-mp4 play": /^ended$/,
  "http-hls play": /^40[13]$/,
  "ws-flv play": /^1008 .+/,
  "ws-ts play": /^1008 .+/,
  "ws-mp4 play": /^1008 .+/,
  "whep play": /^closed$/,
  "whip publish": /^closed$/,
};

const USERS = ["ann", "bob", "carl"].map((name) => ({ name, password: `wonderland of ${name}` }));

const SECRET = "a secret of this server";

function shownBy(name: string): () => string {
  const { password } = USERS.find((user) => user.name === name)!;
  return () => new URLSearchParams({ user: name, pass: password }).toString();
}

/** Resolves when all clients of a crowd have seen their end, less than a second after `sinceMs`: after now, if not given. */
async function seenWithinASecond(crowd: Crowd, sinceMs = Date.now()): Promise<void> {
  const words = await crowd.words();
  const ms = Date.now() - sinceMs;
  assertEquals(Object.keys(words).toSorted(), Object.keys(WORDS).toSorted());
  for (const [who, seen] of Object.entries(words)) assertMatch(seen, WORDS[who]!, who);
  assert(ms >= 0 && ms < 1000, `${ms} ms`);
}

Deno.test("to be kicked, to be removed by a reload and to expire reach every door within a second, and nobody else", async () => {
  await using stack = new AsyncDisposableStack();
  const { server } = stack.use(
    await TestServer.start({
      ...{ rtmp: LOCAL, rtsp: LOCAL, rtp: LOCAL, http: LOCAL, webrtc: LOCAL },
      access: { users: USERS, signingSecrets: [SECRET] },
      hls: { segmentMs: 500 },
    }),
  );
  stack.use(new LoopedPublisher(server, "live/cam", ["h264"]));
  await until(() => server.hub.get("live/cam")?.isLive === true);
  const enter = async (name: string, query: Parameters<typeof Crowd.enter>[1]["query"]) =>
    stack.use(await Crowd.enter(server, { name, query }));
  const [ann, bob, carl] = await Promise.all([
    enter("ann", shownBy("ann")),
    enter("bob", shownBy("bob")),
    enter("carl", shownBy("carl")),
  ]);
  // It has to be in before it expires.
  const expiresAtS = Math.ceil(Date.now() / 1000) + 3;
  const guests = await enter(
    "guest",
    (action, name) => signPermission(SECRET, { action, name, expiresAtS }).toString(),
  );
  const rolesOf = async (...users: string[]): Promise<number[]> => {
    const { tickets } = await server.freshSnapshot();
    return users.map((name) => tickets.filter(({ user }) => user?.startsWith(name)).length);
  };
  const all = Object.keys(WORDS).length;
  assertEquals(await rolesOf("ann", "bob", "carl", "signed:"), [all, all, all, all]);

  server.kickUser("ann", "The show is over");
  await seenWithinASecond(ann);
  assertEquals(await rolesOf("ann", "bob", "carl", "signed:"), [0, all, all, all]);

  await server.configure({ access: { users: USERS.slice(0, 2), signingSecrets: [SECRET] } });
  await seenWithinASecond(carl);
  assertEquals(await rolesOf("bob", "carl", "signed:"), [all, 0, all]);

  await seenWithinASecond(guests, expiresAtS * 1000);
  assertEquals(await rolesOf("bob", "signed:"), [all, 0]);
  assertEquals(bob.told.size, all);
});
