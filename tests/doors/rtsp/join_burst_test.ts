/** What of a burst waits a moment where reports come by another way than packets do. */
import { assertEquals } from "@std/assert";
import { JoinBurst, stretchesOf } from "../../../src/doors/rtsp/join_burst.ts";
import type { WireEntry, WireRun } from "../../../src/hub/mod.ts";

/** A run of frames without content: `V` and `A` are packets of two tracks, `v` and `a` reports on them. */
function run(letters: string, arrivedMs: number): WireRun {
  const channels: Record<string, number> = { V: 0, v: 1, A: 2, a: 3 };
  const bytes = new Uint8Array(letters.length * 4);
  const entries = [...letters].map((letter, index) => {
    bytes.set([0x24, channels[letter]!], index * 4);
    return { start: index * 4, arrivedMs } as WireEntry;
  });
  return { bytes, entries };
}

/** The letters of what a player is sent, with a `.` before each that waits. */
function sent(burst: JoinBurst, of: WireRun): string {
  return Array.from(burst.frames(of), ({ track, rtcp, isSettling = false }) => {
    const letter = "VA"[track]!;
    return (isSettling ? "." : "") + (rtcp ? letter.toLowerCase() : letter);
  }).join("");
}

Deno.test("a burst waits behind the first packet of each track, and around the first reports behind it", () => {
  let nowMs = 100;
  const burst = new JoinBurst({ now: () => nowMs, setTimer: () => ({ cancel() {} }) });
  burst.begin();
  assertEquals(sent(burst, run("vaVVaAVAvaVA", 50)), "vaV.VaA.VAVA");
  nowMs = 200;
  assertEquals(sent(burst, run("AVvaVAvaV", 150)), "AV.va.VAvaV");
  assertEquals(sent(burst, run("vaVA", 160)), "vaVA");

  // And the same when it goes on after a pause.
  burst.begin();
  assertEquals(sent(burst, run("vaVVA", 190)), "vaV.VA");
  assertEquals(sent(burst, run("vaV", 210)), ".va.V");
});

Deno.test("what a burst has is views of the log, which end where a report is left out or they become long", () => {
  const burst = new JoinBurst({ now: () => 100, setTimer: () => ({ cancel() {} }) });
  burst.begin();
  const { bytes, entries } = run("vVVvVVVaA", 50);
  const stretches = stretchesOf(burst.frames({ bytes, entries }), { bytes, most: 8 }).toArray();
  assertEquals(
    stretches.map((one) => [one.bytes.byteOffset / 4, one.bytes.length / 4, one.messages]),
    // The second report is left out; a view holds two frames at most.
    [[0, 2, 2], [2, 1, 1], [4, 2, 2], [6, 2, 2], [8, 1, 1]],
  );
  assertEquals(stretches.every((one) => one.bytes.buffer === bytes.buffer), true);
});
