import { assert, assertEquals } from "@std/assert";
import { type CommandMessage, RtmpServerSession } from "../../src/rtmp/mod.ts";

function command(name: string, about: Partial<CommandMessage> = {}): CommandMessage {
  return {
    ...{ kind: "command", streamId: 0, name, transactionId: 0, object: null, args: [] },
    amf3: false,
    ...about,
  };
}

Deno.test("a server session tells of the commands alone that its owner wants to hear, and calls its client", () => {
  const session = new RtmpServerSession({ nowMs: 0 });
  const object = { app: "live", tcUrl: "rtmp://localhost/live" };
  const [connect] = session.receive([command("connect", { transactionId: 1, object })], 5);
  session.notify("early", []);
  assertEquals(session.takeOutput(), [], "nothing is called before the client has connected");
  assert(connect?.type === "connect");
  session.accept(connect);
  session.takeOutput();

  const told = command("tell", { streamId: 1, args: ["x"] });
  assertEquals(session.receive([told], 6), []);
  session.hear("tell");
  const call = { type: "call", name: "tell", streamId: 1, args: ["x"] } as const;
  assertEquals(session.receive([told, command("other")], 7), [call]);
  assertEquals(session.statistics.ignoredMessages, 2);
  assertEquals(session.takeOutput(), []);
  session.notify("heard", ["y"]);
  assert(session.takeOutput().length > 0);
});
