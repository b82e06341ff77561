import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { evenPieces } from "../../../src/rtp/payload/even_pieces.ts";

Deno.test("evenPieces cuts into the fewest pieces, all of one size but for a shorter last one", () => {
  for (let length = 0; length <= 80; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => at);
    for (let most = 1; most <= 30; most++) {
      const pieces = evenPieces(bytes, most);
      assertEquals(concat(pieces), bytes);
      const sizes = pieces.map((piece) => piece.length);
      const last = sizes.pop() ?? 0;
      const [size = last] = sizes;
      assert(size <= most && sizes.every((one) => one === size) && last <= size);
      assert(last > 0 || length === 0);
      // No more of them than there must be.
      assert(pieces.length <= Math.ceil(length / most));
    }
  }
});
