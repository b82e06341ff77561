/** Object storage in a process of its own, so that tests can kill it: `s3_process.ts FOLDER PORT`. */
import S3rver from "npm:s3rver@3.7.1";

const [directory, port] = Deno.args as [string, string];
const server = new S3rver({
  address: "127.0.0.1",
  port: Number(port),
  silent: true,
  directory,
  resetOnClose: false,
  configureBuckets: [{ name: "weir", configs: [] }],
});
const address = await server.run();
console.log(`listening on ${address.port}`);
