import { assertEquals } from "@std/assert";
import {
  AmfEcmaArray,
  amfNumberProperty,
  amfProperty,
  amfStringProperty,
  AmfTypedObject,
  type AmfValue,
  AmfXml,
  isAmfObject,
} from "@weir/server/amf";

const FORMS: readonly AmfValue[] = [
  { app: "live", id: 7 },
  new AmfEcmaArray({ app: "live", id: 7 }),
  new AmfTypedObject("Command", { app: "live", id: 7 }),
];

Deno.test("amfProperty reads objects, ECMA arrays and typed objects alike", () => {
  for (const form of FORMS) {
    assertEquals(isAmfObject(form), true);
    assertEquals(amfProperty(form, "app"), "live");
    assertEquals(amfStringProperty(form, "app"), "live");
    assertEquals(amfNumberProperty(form, "id"), 7);
  }
});

Deno.test("amfProperty is undefined for what is absent, inherited, or of another type", () => {
  for (const form of FORMS) {
    assertEquals(amfProperty(form, "constructor"), undefined);
    assertEquals(amfProperty(form, "kind"), undefined);
    assertEquals(amfStringProperty(form, "id"), undefined);
    assertEquals(amfNumberProperty(form, "app"), undefined);
  }
  assertEquals(amfNumberProperty({ id: NaN }, "id"), undefined);
});

Deno.test("amfProperty of what is no object is undefined", () => {
  const others = [null, undefined, 1, "a", [1], new Date(0), new Uint8Array(1), new AmfXml("")];
  for (const value of others) {
    assertEquals(isAmfObject(value), false);
    assertEquals(amfProperty(value, "length"), undefined);
    assertEquals(amfProperty(value, "text"), undefined);
  }
});
