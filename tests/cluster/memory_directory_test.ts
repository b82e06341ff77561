/** The directory of the members of one process. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Claimant,
  type ClaimPolicy,
  type Directory,
  type Holder,
  type Lease,
  MemoryDirectory,
} from "../../src/cluster/mod.ts";
import { granted, kindOf } from "../gate/gate_bench.ts";

const POLICY: ClaimPolicy = { identity: undefined, conflict: "same-identity", silentMs: 2000 };

/** A claimant that notes what it is told. */
function claimant(member: string, options: { readonly silentMs?: number } = {}) {
  const ends: string[] = [];
  const it: Claimant & { readonly ends: string[] } = {
    member,
    ends,
    onLost: ({ reason }) => void ends.push(reason),
    silentMs: () => options.silentMs ?? 0,
  };
  return it;
}

function seek(member: string, except?: string) {
  return { member, except, signal: new AbortController().signal };
}

Deno.test("one of a hundred that claim a name at once has it, and each other is refused", async () => {
  const directory = new MemoryDirectory();
  const answers = await Promise.all(
    Array.from(
      { length: 100 },
      (_, index) => directory.claim("live/cam", claimant(`worker ${index % 4}`), POLICY),
    ),
  );
  assertEquals(answers.filter((answer) => "granted" in answer).length, 1);
  assertEquals(new Set(answers.map(kindOf)), new Set(["granted", "taken"]));
});

Deno.test("the conflict policy holds among members: the same identity, silence, and takeover", async () => {
  for (
    const { policy, silentMs, isGranted } of [
      { policy: { ...POLICY, identity: "user ann" }, silentMs: 0, isGranted: true },
      { policy: { ...POLICY, identity: "user bob" }, silentMs: 1999, isGranted: false },
      { policy: { ...POLICY, identity: "user bob" }, silentMs: 2000, isGranted: true },
      { policy: { ...POLICY, conflict: "takeover" as const }, silentMs: 0, isGranted: true },
      {
        policy: { ...POLICY, identity: "user ann", conflict: "reject" as const },
        silentMs: 9999,
        isGranted: false,
      },
    ]
  ) {
    const directory = new MemoryDirectory();
    const first = claimant("worker 1", { silentMs });
    const lease = granted(
      await directory.claim("live/cam", first, { ...POLICY, identity: "user ann" }),
    );
    const answer = await directory.claim("live/cam", claimant("worker 2"), policy);
    assertEquals("granted" in answer, isGranted, JSON.stringify(policy));
    assertEquals(first.ends, isGranted ? ["replaced"] : []);
    if (!("granted" in answer)) continue;
    assert(answer.granted.epoch > lease.epoch);
    lease.release();
    const [holder] = await directory.find("live/cam", seek("worker 1"));
    assertEquals(holder?.member, "worker 2", "what is another's is not given back");
  }
});

Deno.test("who looks for a stream finds it once it is there, and never itself, nor what has just ended", async () => {
  const directory = new MemoryDirectory();
  const found: string[] = [];
  const look = (member: string, except?: string) =>
    directory.find("live/cam", seek(member, except)).then(([holder]) =>
      void found.push(`${member} < ${holder!.member}`)
    );
  const looks = [look("worker 2"), look("worker 3")];
  const lease = granted(await directory.claim("live/cam", claimant("worker 1"), POLICY));
  await Promise.all(looks);
  assertEquals(found, ["worker 2 < worker 1", "worker 3 < worker 1"]);
  const later = look("worker 2", lease.id);
  const own = look("worker 1");
  lease.release();
  granted(await directory.claim("live/cam", claimant("worker 3"), POLICY));
  await Promise.all([later, own]);
  assertEquals(found.slice(2), ["worker 2 < worker 3", "worker 1 < worker 3"]);
});

Deno.test("what a member had is free when it has died, and nothing is kept of names that nobody has", async () => {
  const directory = new MemoryDirectory();
  granted(
    await directory.claim("live/cam", claimant("worker 1"), { ...POLICY, conflict: "reject" }),
  );
  const abort = new AbortController();
  const lost = directory.find("live/other", { member: "worker 2", signal: abort.signal });
  directory.drop("worker 1");
  const lease = granted(await directory.claim("live/cam", claimant("worker 2"), POLICY));
  lease.release();
  abort.abort(new Error("enough"));
  await assertRejects(() => lost, Error, "enough");
  assertEquals(directory.size, 0);
});

/** A directory of machines where another has what `has` says. */
class Beyond implements Directory {
  readonly asked: string[] = [];
  readonly replicas: string[] = [];
  has: readonly Holder[] = [];
  refuses = false;
  lose: (() => void) | undefined;
  #wake = Promise.withResolvers<void>();

  claim(name: string, { member, onLost }: Claimant) {
    this.asked.push(`claim ${name} ${member}`);
    this.lose = () => onLost({ clean: false, reason: "replaced", message: "" });
    const release = (): void => void this.asked.push(`release ${name}`);
    return Promise.resolve(
      this.refuses
        ? { refused: "taken", why: "b has it" } as const
        : { granted: { id: "a#1", epoch: 7, release } },
    );
  }

  async find(name: string, { member }: { readonly member: string }) {
    this.asked.push(`find ${name} ${member}`);
    await this.#wake.promise;
    return this.has;
  }

  announceReplica(name: string, { of }: { readonly of: Holder }): Lease {
    this.replicas.push(`${name} of ${of.member}`);
    return { id: "r", epoch: of.epoch, release: () => void this.replicas.pop() };
  }

  end(name: string, why: string): void {
    this.asked.push(`end ${name} ${why}`);
  }

  wake(holder: Holder): void {
    this.has = [holder];
    this.#wake.resolve();
  }
}

const AT_B: Holder = { id: "b#1", member: "b", epoch: 1, path: ["b"], url: "rtmp://b" };

Deno.test("a publisher is ended at the member that has it, and else at the other machines", async () => {
  const beyond = new Beyond();
  const directory = new MemoryDirectory({ beyond: { directory: beyond, member: "a" } });
  const publisher = claimant("worker 1");
  granted(await directory.claim("live/cam", publisher, POLICY));
  directory.end("live/cam", "Not that");
  directory.end("live/cam", "Not that");
  assertEquals(publisher.ends, ["kicked"]);
  assertEquals(beyond.asked, ["claim live/cam a", "release live/cam", "end live/cam Not that"]);
  assertEquals(directory.size, 0);
});

Deno.test("a claim that the machines refuse is refused here, and one that they take away is lost here", async () => {
  const beyond = new Beyond();
  const directory = new MemoryDirectory({ beyond: { directory: beyond, member: "a" } });
  beyond.refuses = true;
  const answer = await directory.claim("live/cam", claimant("worker 1"), POLICY);
  assertEquals([kindOf(answer), directory.size], ["taken", 0]);
  beyond.refuses = false;
  const publisher = claimant("worker 1");
  assertEquals(granted(await directory.claim("live/cam", publisher, POLICY)).epoch, 7);
  beyond.lose!();
  assertEquals([publisher.ends, directory.size], [["replaced"], 0]);
  const lease = granted(await directory.claim("live/cam", publisher, POLICY));
  lease.release();
  assertEquals(beyond.asked.at(-1), "release live/cam");
});

Deno.test("one member fetches from another machine, and the others have it from that one", async () => {
  const beyond = new Beyond();
  const directory = new MemoryDirectory({ beyond: { directory: beyond, member: "a" } });
  const abort = new AbortController();
  const first = directory.find("live/cam", { member: "worker 1", signal: abort.signal });
  const second = directory.find("live/cam", seek("worker 2"));
  beyond.wake(AT_B);
  const [holder] = await first;
  assertEquals([holder, beyond.asked], [AT_B, ["find live/cam a"]]);
  const replica = directory.announceReplica("live/cam", { member: "worker 1", of: holder! });
  const [near] = await second;
  assertEquals([near?.member, near?.path, beyond.replicas], [
    "worker 1",
    ["b", "worker 1"],
    ["live/cam of b"],
  ]);
  replica.release();
  assertEquals(beyond.replicas, []);
});

Deno.test("when the member that fetches gives up, another does", async () => {
  const beyond = new Beyond();
  const directory = new MemoryDirectory({ beyond: { directory: beyond, member: "a" } });
  const abort = new AbortController();
  const first = directory.find("live/cam", { member: "worker 1", signal: abort.signal });
  const second = directory.find("live/cam", seek("worker 2"));
  abort.abort(new Error("gone"));
  await assertRejects(() => first, Error, "gone");
  beyond.wake(AT_B);
  assertEquals(await second, [AT_B]);
});

Deno.test("a member that has lost what it fetched fetches anew, and the others wait for that", async () => {
  const beyond = new Beyond();
  const directory = new MemoryDirectory({ beyond: { directory: beyond, member: "a" } });
  const first = directory.find("live/cam", seek("worker 1"));
  beyond.wake(AT_B);
  const [holder] = await first;
  const lease = directory.announceReplica("live/cam", { member: "worker 1", of: holder! });
  const [near] = await directory.find("live/cam", seek("worker 2"));
  lease.release();
  const again = directory.find("live/cam", seek("worker 1"));
  const other = directory.find("live/cam", seek("worker 2", near?.id));
  const [found] = await again;
  const replica = directory.announceReplica("live/cam", { member: "worker 1", of: found! });
  assertEquals((await other).map(({ id }) => id), [replica.id]);
});

Deno.test("who looks for a stream while its publisher leaves is told where that has gone, whoever has it then", async () => {
  for (const leave of ["releases", "is taken over from"] as const) {
    const beyond = new Beyond();
    const directory = new MemoryDirectory({ beyond: { directory: beyond, member: "a" } });
    const publisher = claimant("worker 1");
    const lease = granted(await directory.claim("live/cam", publisher, POLICY));
    // Its own members hear that it has left before the directory does.
    const looking = directory.find("live/cam", seek("worker 1"));
    if (leave === "releases") lease.release();
    else beyond.lose!();
    beyond.wake(AT_B);
    assertEquals(await looking, [AT_B], leave);
  }
});
