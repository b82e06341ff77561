import { assertEquals } from "@std/assert";
import { openStreamQueue, type Publication, type TrackKind } from "../../src/hub/mod.ts";
import { fakeHub, nameOf, read, takeNames, TestFormat, unit } from "./hub_support.ts";

/** Writes units by their names, `a12` at 12 × 100 ms. */
function send(publication: Publication, names: string): void {
  for (const name of names.split(" ")) {
    publication.write(unit(name, { dtsMs: Number(name.slice(1)) * 100, bytes: 16 }));
  }
  publication.commit();
}

/** Audio from one tenth of a second up to another. */
function audio(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => `a${from + index}`).join(" ");
}

/** A format that has bytes for the named kinds alone. */
function only(...kinds: TrackKind[]): { format: string; create: () => TestFormat } {
  class Part extends TestFormat {
    carries(kind: TrackKind): boolean {
      return kinds.includes(kind);
    }
    override encode(...[of, log]: Parameters<TestFormat["encode"]>): void {
      if (this.carries(of.kind)) super.encode(of, log);
    }
  }
  return { format: kinds.join(), create: () => new Part() };
}

Deno.test("video that a wire format has no form for costs its players nothing of the audio", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const early = read(publication.stream, only("audio"));
  send(publication, "V0 A0 a0 K1 a1 p2 a2");
  assertEquals(takeNames(early), "V A0 a0 a1 a2".replace("V ", "V0 "));
  // Who joins, and who opens the log in the middle of a group, starts at the newest audio.
  assertEquals(takeNames(read(publication.stream, only("audio"))), "V0 A0 a2");
  assertEquals(
    takeNames(read(publication.stream, { ...only("audio"), format: "new" })),
    "V0 A0 a2",
  );
  assertEquals(takeNames(read(publication.stream)), "V0 A0 K1 a1 p2 a2");
});

Deno.test("of several video tracks the first that a wire format has a form for is its start", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  class Second extends TestFormat {
    carries(kind: TrackKind, track: number): boolean {
      return kind === "audio" || track === 1;
    }
    override encode(...[of, log]: Parameters<TestFormat["encode"]>): void {
      if (this.carries(of.kind, of.track)) super.encode(of, log);
    }
  }
  const reader = read(publication.stream, { format: "second", create: () => new Second() });
  publication.write(unit("V"));
  publication.write(unit("V1", { track: 1 }));
  publication.write(unit("K0"));
  publication.write(unit("a0"));
  publication.write(unit("K1", { track: 1 }));
  publication.commit();
  assertEquals(takeNames(reader), "V V1 K1");
});

Deno.test("audio goes on alone after 2 s of media without a key frame, and video joins at the first", () => {
  const told: string[] = [];
  const { hub } = fakeHub({}, {
    onAudioAlone: ({ name }, { format, reason }) => told.push(`${name} ${format}: ${reason}`),
  });
  const publication = hub.acquire("live/cam");
  const readers = [read(publication.stream), read(publication.stream)];
  send(publication, `V0 A0 ${audio(0, 19)} p19`);
  for (const reader of readers) assertEquals(takeNames(reader), "");
  assertEquals(told, []);
  send(publication, "a20 p20 a21");
  for (const reader of readers) assertEquals(takeNames(reader), "V0 A0 a20 a21");
  send(publication, "K22 a22 p23");
  for (const reader of readers) assertEquals(takeNames(reader), "K22 a22 p23");
  assertEquals(told, ["live/cam test: none of its 1 pictures is a key frame"]);
});

Deno.test("a group that is not kept costs who joins 2 s of audio, and no picture without its key frame", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const early = read(publication.stream);
  send(publication, "V0 A0 K0 a0 p1 a1");
  assertEquals(takeNames(early), "V0 A0 K0 a0 p1 a1");
  publication.stream.shed();
  const late = read(publication.stream, { start: "none" });
  send(publication, `p2 ${audio(2, 21)} p21`);
  assertEquals(takeNames(late), "");
  send(publication, "a22 p23 a23 p24");
  assertEquals(takeNames(late), "V0 A0 a22 a23");
  assertEquals(takeNames(early).endsWith("p23 a23 p24"), true);
  send(publication, "p25 K26 a26 p27");
  assertEquals(takeNames(late), "K26 a26 p27");
  assertEquals(late.cursor.skips, 0);
});

Deno.test("pictures are passed over whatever segments and messages they lie in", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  send(publication, "V0 K0");
  const reader = read(publication.stream, {
    start: "none",
    create: () => new TestFormat(500),
  });
  const write = (name: string): void =>
    void publication.write(
      unit(name, { dtsMs: Number(name.slice(1)) * 100, bytes: name.startsWith("p") ? 50_000 : 16 }),
    );
  const names: string[] = [];
  for (let at = 1; at < 60; at++) {
    write(`p${at}`);
    write(`a${at}`);
    publication.commit();
    names.push(...takeNames(reader).split(" ").filter((name) => name !== ""));
  }
  assertEquals(names.join(" "), `V0 ${audio(21, 59)}`);
  write("K60");
  write("a60");
  assertEquals(takeNames(reader), "K60 a60");
});

Deno.test("another publisher has as long for its first key frame as the one before", () => {
  const { hub } = fakeHub({ conflict: "takeover" });
  const reader = read(hub.acquire("live/cam").stream);
  const first = hub.acquire("live/cam");
  send(first, `V0 ${audio(0, 15)}`);
  const second = hub.acquire("live/cam");
  send(second, `V0 ${audio(0, 10)} K11 a11`);
  assertEquals(takeNames(reader), "V0 K11 a11");
});

Deno.test("who reads units has audio alone after 2 s too, and after it was too slow", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const { queue } = openStreamQueue(publication.stream, { maxLagMs: 3000, timeBy: "media" });
  const take = (): string => {
    const names: string[] = [];
    for (let next; (next = queue.next()) !== undefined;) names.push(nameOf(next.unit));
    return names.join(" ");
  };
  send(publication, `V0 A0 ${audio(0, 19)}`);
  assertEquals(take(), "V0 A0");
  send(publication, "a20 p21 a21");
  assertEquals(take(), "a20 a21");
  send(publication, "K22 a22");
  assertEquals(take(), "K22 a22");
  send(publication, `p23 ${audio(23, 56)} p56`);
  assertEquals(queue.skips, 1);
  assertEquals(take(), "");
  send(publication, `${audio(57, 76)} p76 a77`);
  assertEquals(take(), "a74 a75 a76 a77");
  send(publication, "K78 p79");
  assertEquals(take(), "K78 p79");
});
