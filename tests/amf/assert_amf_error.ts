import { assertEquals, assertThrows } from "@std/assert";
import { AmfError, type AmfErrorCode } from "@weir/server/amf";

/** Asserts that `call` throws an AmfError with `code`. */
export function assertAmfError(call: () => unknown, code: AmfErrorCode): void {
  assertEquals(assertThrows(call, AmfError).code, code);
}
