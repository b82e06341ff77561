import { assert, assertEquals } from "@std/assert";
import { convertG711, G711_SILENCE } from "../../src/media/mod.ts";

const ALL = Uint8Array.from({ length: 256 }, (_, code) => code);

Deno.test("G.711 converts between its laws as ITU-T G.711 has them, and keeps the sign", () => {
  assertEquals(convertG711(Uint8Array.of(G711_SILENCE.pcmu), "pcmu")[0], G711_SILENCE.pcma);
  // A-law has no code for nothing: its silence is 8 of 32768, which µ-law has.
  assertEquals(convertG711(Uint8Array.of(G711_SILENCE.pcma), "pcma")[0], 0xfe);
  // The loudest of each, and quiet ones: tables 3 and 4 of the recommendation, in the bits of the line.
  assertEquals([...convertG711(Uint8Array.of(0x80, 0x00, 0xf0, 0x70), "pcmu")], [
    0xaa,
    0x2a,
    0xd2,
    0x52,
  ]);
  for (const law of ["pcma", "pcmu"] as const) {
    const there = convertG711(ALL, law);
    assert(there.every((code, index) => (code & 0x80) === (index & 0x80)), law);
  }
});

Deno.test("G.711 that goes to the other law and back is as loud as it was, to a step", () => {
  for (const [law, other] of [["pcma", "pcmu"], ["pcmu", "pcma"]] as const) {
    const back = convertG711(convertG711(ALL, law), other);
    const size = (code: number) => law === "pcma" ? (code ^ 0x55) & 0x7f : ~code & 0x7f;
    const apart = Math.max(
      ...Array.from(back, (code, index) => Math.abs(size(code) - size(index))),
    );
    assert(apart <= 2, `${law}: ${apart}`);
  }
});
