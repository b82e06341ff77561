import { assertStringIncludes, assertThrows } from "@std/assert";
import {
  boundsInWords,
  checkServerNumber,
  Server,
  SERVER_BOUNDS,
  type ServerOptions,
} from "../../src/server/mod.ts";

/** Options with one number among them, as the path says. */
function optionsWith(path: string, value: unknown): ServerOptions {
  const options = path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const { cluster } = options as { readonly cluster?: object };
  return cluster === undefined
    ? options as object
    : { cluster: { ...CLUSTER, ...cluster } } as object;
}

/** What a cluster cannot be joined without. */
const CLUSTER = {
  node: "a",
  url: "rtmp://127.0.0.1",
  secret: "sixteen-letters-",
  nats: ["127.0.0.1:4222"],
};

for (const [path, bounds] of Object.entries(SERVER_BOUNDS)) {
  Deno.test(`a server takes no ${path} but ${boundsInWords(bounds)}`, () => {
    const wrong: unknown[] = [NaN, bounds.min - 1, -Infinity, "5", null, {}];
    if (bounds.isWhole) wrong.push(bounds.min + 0.5);
    if (bounds.max !== Infinity) wrong.push(bounds.max + 1, Infinity);
    for (const value of wrong) {
      const error = assertThrows(() => new Server(optionsWith(path, value)), RangeError);
      assertStringIncludes(error.message, `'${path}' must be ${boundsInWords(bounds)}`);
    }
    for (const value of [bounds.min, bounds.max]) new Server(optionsWith(path, value));
    new Server(optionsWith(path, undefined));
  });
}

Deno.test("the bounds of a server name every number that its options have", () => {
  // What the issue of a wrong number is: none of these did anything at the start, and all of it later.
  for (const path of ["maxConnections", "maxConnectionBytes", "timing.playWaitMs", "rtmp.port"]) {
    assertThrows(() => checkServerNumber(path, -5), RangeError, "current value is -5");
  }
  assertThrows(() => checkServerNumber("timing.nothing", 1), TypeError);
});
