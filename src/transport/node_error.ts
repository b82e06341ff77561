/** Deno's classes for the system's errors that Node's modules tell of. */
const CLASSES: Readonly<Record<string, new (message?: string, options?: ErrorOptions) => Error>> = {
  EACCES: Deno.errors.PermissionDenied,
  EADDRINUSE: Deno.errors.AddrInUse,
  EADDRNOTAVAIL: Deno.errors.AddrNotAvailable,
  ECANCELED: Deno.errors.Interrupted,
  ECONNABORTED: Deno.errors.ConnectionAborted,
  ECONNRESET: Deno.errors.ConnectionReset,
  ENOTCONN: Deno.errors.NotConnected,
  ENOTFOUND: Deno.errors.NotFound,
  EPIPE: Deno.errors.BrokenPipe,
  ETIMEDOUT: Deno.errors.TimedOut,
  ERR_STREAM_DESTROYED: Deno.errors.BrokenPipe,
};

/** The error that Deno's own functions throw for what one of Node's says; where there is none, it stays as it is. */
export function denoErrorOf(error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== "string" || !(error instanceof Error)) return error;
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) {
    return new Deno.errors.InvalidData(error.message, { cause: error });
  }
  const Class = Object.hasOwn(CLASSES, code) ? CLASSES[code] : undefined;
  return Class === undefined ? error : new Class(error.message, { cause: error });
}
