/** Milliseconds: longer than anything takes that a test waits for. */
const PATIENCE_MS = 15_000;

/** What `reading` gives; a server that says nothing fails the test instead of holding it up. */
export async function patiently<T>(reading: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`The server sent nothing for ${PATIENCE_MS} ms`)),
    PATIENCE_MS,
  );
  try {
    return await Promise.race([reading, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
