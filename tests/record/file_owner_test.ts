import { assertEquals } from "@std/assert";
import { filePlace, overlap, pathIn } from "../../src/record/file_owner.ts";
import { MemoryStore } from "../../src/record/mod.ts";

Deno.test("places of files overlap where one is the other, or below it, however they are written", () => {
  const keys = { accessKeyId: "me", secretAccessKey: "secret" };
  const minio = { ...keys, endpoint: "http://localhost:9000" };
  const [one, other] = [1, 2].map(() => new MemoryStore({ nowUnixMs: () => 0 }));
  const at = (to: Parameters<typeof filePlace>[0], s3: Parameters<typeof filePlace>[1] = keys) =>
    filePlace(to, s3);
  const together = [
    [at("rec"), at("./rec/")],
    [at("rec"), at("rec//live/../live")],
    [at("."), at("rec")],
    [at("/"), at("/srv/rec")],
    [at("s3://films/a"), at("s3://films")],
    [at(one!), at(one!)],
  ] as const;
  for (const [a, b] of together) assertEquals([overlap(a, b), overlap(b, a)], [true, true]);
  const apart = [
    [at("rec"), at("recordings")],
    [at("rec"), at("/rec")],
    [at("rec/a"), at("rec/b")],
    [at("../rec"), at("rec")],
    [at("films"), at("s3://films")],
    [at("s3://films"), at("s3://films", minio)],
    [at(one!), at(other!)],
  ] as const;
  for (const [a, b] of apart) assertEquals([overlap(a, b), overlap(b, a)], [false, false]);
});

Deno.test("a file has its path in each place that it is in", () => {
  const [outer, inner] = ["rec", "./rec/live"].map((folder) => filePlace(folder, undefined));
  assertEquals(pathIn(outer!, { place: inner!, path: "cam/a.mp4" }), "live/cam/a.mp4");
  assertEquals(pathIn(inner!, { place: outer!, path: "live/cam/a.mp4" }), "cam/a.mp4");
  assertEquals(pathIn(inner!, { place: outer!, path: "other/cam/a.mp4" }), undefined);
});
