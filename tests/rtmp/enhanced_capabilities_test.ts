import { assertEquals } from "@std/assert";
import { AmfEcmaArray, type AmfValue } from "../../src/amf/mod.ts";
import { enhancedAnswer, parseEnhancedCapabilities } from "../../src/rtmp/mod.ts";

function parsed(object: AmfValue): unknown {
  const { announced, capsEx, fourCcs } = parseEnhancedCapabilities(object);
  return { announced, capsEx, fourCcs: [...fourCcs] };
}

Deno.test("a peer that says nothing of Enhanced RTMP has announced nothing (M050)", () => {
  for (const object of [null, {}, { app: "live", videoCodecs: 252 }, 5, "connect"]) {
    assertEquals(parsed(object), { announced: false, capsEx: 0, fourCcs: [] });
  }
});

Deno.test("fourCcList is read as array or ECMA array, what is no text is left out (M050)", () => {
  const expected = { announced: true, capsEx: 0, fourCcs: ["av01", "hvc1"] };
  assertEquals(parsed({ fourCcList: ["av01", "hvc1", 5, null] }), expected);
  assertEquals(parsed({ fourCcList: new AmfEcmaArray({ 0: "av01", 1: "hvc1" }) }), expected);
  assertEquals(parsed({ fourCcList: "av01" }), { announced: false, capsEx: 0, fourCcs: [] });
});

Deno.test("the FourCC maps count what can be decoded or forwarded, not what is only encoded (M050)", () => {
  const object = {
    capsEx: 3,
    videoFourCcInfoMap: { hvc1: 1, av01: 2, vp09: 4, avc1: "7" },
    audioFourCcInfoMap: new AmfEcmaArray({ "*": 5 }),
  };
  assertEquals(parsed(object), { announced: true, capsEx: 3, fourCcs: ["hvc1", "vp09", "*"] });
});

Deno.test("the answer offers to forward everything, and every extension (M050, M076)", () => {
  assertEquals(enhancedAnswer(), {
    capsEx: 15,
    videoFourCcInfoMap: { "*": 4 },
    audioFourCcInfoMap: { "*": 4 },
  });
  assertEquals(parsed(enhancedAnswer()), { announced: true, capsEx: 15, fourCcs: ["*"] });
});
