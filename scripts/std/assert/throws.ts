import { stripVTControlCharacters } from "node:util";
import { AssertionError } from "./assertion_error.ts";

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** Asserts that `error` is of a class, and that its message includes or matches something. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: ErrorClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  const suffix = msg ? `: ${msg}` : ".";
  if (!(error instanceof Error)) {
    throw new AssertionError(
      `Expected "error" to be an Error object${suffix}`,
    );
  }
  if (errorClass && !(error instanceof errorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${errorClass.name}", ` +
        `but was "${error.constructor?.name}"${suffix}`,
      { cause: error },
    );
  }
  const message = stripVTControlCharacters(error.message);
  const matches = typeof msgMatches === "string"
    ? message.includes(stripVTControlCharacters(msgMatches))
    : msgMatches?.test(message) ?? true;
  if (matches) return;
  const wanted = typeof msgMatches === "string" ? JSON.stringify(msgMatches) : `${msgMatches}`;
  throw new AssertionError(
    `Expected error message to include ${wanted}, but got ${
      JSON.stringify(error.message)
    }${suffix}`,
    { cause: error },
  );
}

/** Asserts that `fn` throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that `fn` throws an error of a class whose message includes a text, and returns it.
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const wanted = expectation(classOrMsg, msgIncludes, msg);
  try {
    fn();
  } catch (error) {
    return checked(error, { ...wanted, how: "thrown" });
  }
  throw new AssertionError(`Expected function to throw${wanted.suffix}`);
}

/** Asserts that the promise that `fn` returns is rejected, and resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Asserts that the promise that `fn` returns is rejected with an error of a class whose message
 * includes a text, and resolves to it.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const wanted = expectation(classOrMsg, msgIncludes, msg);
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
    if (typeof promise !== "object" || typeof promise?.then !== "function") {
      throw new TypeError("Not a promise");
    }
  } catch (cause) {
    throw new AssertionError(`Function throws when expected to reject${wanted.suffix}`, { cause });
  }
  try {
    await promise;
  } catch (error) {
    return checked(error, { ...wanted, how: "rejected" });
  }
  throw new AssertionError(`Expected function to reject${wanted.suffix}`);
}

interface Expectation {
  readonly errorClass: ErrorClass<Error> | undefined;
  readonly msgIncludes: string | undefined;
  readonly msg: string | undefined;
  readonly suffix: string;
}

/** Sorts the arguments out: the second one is a class, or already the message. */
function expectation(
  classOrMsg: ErrorClass<Error> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): Expectation {
  const own = typeof classOrMsg === "string" ? classOrMsg : msg;
  return {
    errorClass: typeof classOrMsg === "string" ? undefined : classOrMsg,
    msgIncludes: typeof classOrMsg === "string" ? undefined : msgIncludes,
    msg: own,
    suffix: own ? `: ${own}` : ".",
  };
}

function checked(error: unknown, wanted: Expectation & { how: string }): unknown {
  if (!wanted.errorClass) return error;
  if (!(error instanceof Error)) {
    throw new AssertionError(`A non-Error object was ${wanted.how}${wanted.suffix}`);
  }
  assertIsError(error, wanted.errorClass, wanted.msgIncludes, wanted.msg);
  return error;
}
