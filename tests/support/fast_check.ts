/**
 * fast-check, which makes random inputs and finds the smallest one that fails.
 *
 * npm packages that only tests use are not named in `deno.json`: `deno task` downloads at once what
 * is named there, so that `deno task start` would bring them to everybody.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix
import fc from "npm:fast-check@^4.3.0";

export default fc;
