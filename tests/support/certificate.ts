/** A certificate for this machine's loopback addresses that nobody else would trust. */
import { assertEquals } from "@std/assert";
import { TemporaryFolder } from "./media_file.ts";
import { run } from "./process.ts";

/** Makes a self-signed certificate and its key, PEM. Needs openssl. */
export async function makeCertificate(): Promise<{ cert: string; key: string }> {
  await using folder = new TemporaryFolder();
  const [cert, key] = [`${folder.path}/cert.pem`, `${folder.path}/key.pem`];
  const { code, stderr } = await run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
  ]);
  assertEquals(code, 0, stderr);
  return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
}
