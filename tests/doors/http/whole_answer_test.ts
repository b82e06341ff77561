import { assert, assertEquals, assertThrows } from "@std/assert";
import { isAnswer, responseOf, WholeAnswer } from "../../../src/doors/http/whole_answer.ts";

Deno.test("an answer that is all there becomes a Response with the same status, headers and body", async () => {
  const answer = new WholeAnswer("grün", {
    status: 201,
    headers: { "content-type": "text/plain" },
  });
  const response = responseOf(answer);
  assertEquals(response.status, 201);
  assertEquals(response.headers.get("content-type"), "text/plain");
  assertEquals(await response.text(), "grün");
  // It may be given to many.
  assertEquals(await responseOf(answer).text(), "grün");
  assert(isAnswer(answer) && isAnswer(response) && !isAnswer({ status: 200 }));
});

Deno.test("the bytes of an answer are those that it was made of, for each who writes it", () => {
  const bytes = new Uint8Array(100_000);
  const answer = new WholeAnswer(bytes);
  assert(answer.bytes === bytes);
  assert(answer.with({ "x-more": "1" }).bytes === bytes);
  const text = new WholeAnswer("ok");
  assert(text.bytes === text.bytes);
});

Deno.test("further headers are those of a further answer", () => {
  const answer = new WholeAnswer("ok", { headers: { "x-one": "1" } });
  assertEquals(answer.headerLines, "x-one: 1\r\n");
  const more = answer.with({ "x-two": "2" });
  assertEquals(more.headerLines, "x-one: 1\r\nx-two: 2\r\n");
  assertEquals(answer.headerLines, "x-one: 1\r\n");
});

Deno.test("an answer has no header that would be another line of its head", () => {
  for (
    const headers of [
      { location: "/a\r\nset-cookie: b" },
      { location: "/a\nb" },
      { location: "/a\0" },
      // Their lower bytes are CR and LF.
      { location: "/a\u010d\u010ab" },
      { "a: b\r\nc": "d" },
      { "": "d" },
      // What the connection decides would not be seen in capitals.
      { Connection: "close" },
    ] as Record<string, string>[]
  ) {
    const shown = JSON.stringify(headers);
    assertThrows(() => new WholeAnswer(null, { headers }), TypeError, "header", shown);
    assertThrows(() => new WholeAnswer(null).with(headers), TypeError, "header", shown);
  }
  assertEquals(new WholeAnswer(null, { headers: { a: "é\tb" } }).headerLines, "a: é\tb\r\n");
});

Deno.test("HEAD gets of an answer how long it is, and no body", async () => {
  const head = new WholeAnswer("grün").withoutBody();
  assertEquals(head.headers["content-length"], "5");
  assertEquals(await head.response().text(), "");
  // The connection says the length.
  assertEquals(head.headerLines, "");
});
