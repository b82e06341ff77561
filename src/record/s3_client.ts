/**
 * The one place that names the package which speaks the protocol of S3. It is loaded with the first rule that records
 * to such a store, so that a server without one needs no package.
 *
 * @module
 */
import type * as S3 from "npm:s3mini@1.0.2";

/** What asks a bucket. */
export type S3Client = S3.S3mini;

/** Not written where it is imported: the runtime would load what it reads there as the program starts. */
const PACKAGE = "npm:s3mini@1.0.2";

/** Makes a client; nothing is asked yet. Rejects where the package cannot be had. */
export async function openS3Client(options: {
  /** URL of the bucket. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly fetch: typeof fetch;
}): Promise<S3Client> {
  const { S3mini } = await import(PACKAGE) as typeof S3;
  return new S3mini(options);
}
