import { assertEquals, assertThrows } from "@std/assert";
import { Http1Request } from "../../../src/doors/http/http1/http1_request.ts";
import { RequestFault, RequestHeadDecoder } from "../../../src/doors/http/http1/request_head.ts";
import fc from "../../support/fast_check.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function requestOf(
  { target, host, method = "GET", isTls = false, more = "" }: {
    readonly target: string;
    readonly host: string;
    readonly method?: string;
    readonly isTls?: boolean;
    readonly more?: string;
  },
): Http1Request {
  const text = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
  const { head } = new RequestHeadDecoder().push(encode(text))!;
  return new Http1Request(head, { body: undefined, isTls });
}

/** Pieces that URLs treat in ways of their own, and plain ones. */
const PIECES = [
  ..."abzAZ09-._~!$&'()*+,;=:@/%?#[]{}|^`\\\"<>",
  ...["..", "/./", "/../", "%2e", "%2E%2e", "%2f", "/.", "//", "cam", "?", "é"],
];
const HOSTS = [
  ...["localhost", "127.0.0.1", "127.0.0.01", "127.1", "0x7f.1", "256.0.0.1", "1.2.3.4.5", "[::1]"],
  ...["example.org", "EXAMPLE.org", "xn--bcher-kva.example", "a_b.example", "a-b.c1", "a..b", "a."],
  ...["cam1", "1cam", "example.1", "a--b.org", "user@host", "a b", "a/b", "a%41", "-a.b", "a-.b"],
];
const PORTS = ["", ":80", ":443", ":8080", ":08080", ":65535", ":65536", ":0", ":", ":x"];

Deno.test("a request by HTTP/1 says of its target what its URL says", () => {
  const target = fc.array(fc.constantFrom(...PIECES), { maxLength: 8 }).map((all) =>
    `/${all.join("")}`
  );
  const host = fc.tuple(fc.constantFrom(...HOSTS), fc.constantFrom(...PORTS)).map((all) =>
    all.join("")
  );
  fc.assert(
    fc.property(target, host, fc.boolean(), (target, host, isTls) => {
      const url = URL.parse(`${isTls ? "https" : "http"}://${host}${target}`);
      let request: Http1Request;
      try {
        request = requestOf({ target, host, isTls });
      } catch (error) {
        if (!(error instanceof RequestFault)) throw error;
        // Who shows a user shows it in a header.
        return url === null || url.username !== "" || /[\s/?#@\\]/.test(host) ||
          /#|^[^?]*\\/.test(target);
      }
      const { protocol, pathname, search, hostname } = request;
      assertEquals(
        { protocol, host: request.host, hostname, pathname, search },
        {
          protocol: url!.protocol,
          host: url!.host,
          hostname: url!.hostname,
          pathname: url!.pathname,
          search: url!.search,
        },
      );
      assertEquals(request.url.href.split("#", 1)[0], url!.href.split("#", 1)[0]);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("a target that is a URL has a host of its own, and no user", () => {
  const host = "weir.test";
  const found = requestOf({ target: "http://other.test/live/cam.flv?a=b", host });
  assertEquals([found.host, found.pathname, found.search], ["other.test", "/live/cam.flv", "?a=b"]);
  for (
    const target of [
      ...["http:live", "http:/live", "http:///live/cam", "http://?a", "http://a:b@weir.test/"],
      ...["ftp://weir.test/", "weir.test:80", "live/cam.flv"],
    ]
  ) assertThrows(() => requestOf({ target, host }), RequestFault, "target", target);
});

Deno.test("a request by HTTP/1 is one of the platform's for who asks for that", async () => {
  const head = new RequestHeadDecoder().push(encode(
    "post /live/cam.flv?a=1 HTTP/1.1\r\nHost: localhost:8080\r\nX-One: 1\r\nx-one: 2\r\n" +
      "Content-Length: 2\r\n\r\n",
  ))!.head;
  const body = ReadableStream.from([encode("hi")]);
  const incoming = new Http1Request(head, { body, isTls: true });
  assertEquals(incoming.method, "POST");
  assertEquals(incoming.header("x-one"), "1, 2");
  assertEquals(incoming.header("x-two"), null);
  const { request } = incoming;
  assertEquals(request, incoming.request);
  assertEquals([request.method, request.url], ["POST", "https://localhost:8080/live/cam.flv?a=1"]);
  assertEquals(request.headers.get("x-one"), "1, 2");
  assertEquals(await request.text(), "hi");
});

Deno.test("methods that no handler has, and a password in a target, are refused", () => {
  for (const method of ["CONNECT", "trace", "TRACK"]) {
    assertThrows(() => requestOf({ target: "/", host: "localhost", method }), RequestFault);
  }
  assertThrows(
    () => requestOf({ target: "http://me:secret@localhost/", host: "localhost" }),
    RequestFault,
  );
  assertThrows(() => requestOf({ target: "ftp://localhost/", host: "localhost" }), RequestFault);
});

Deno.test("the headers of one request are not those of the next, though most are the same", () => {
  const decoder = new RequestHeadDecoder();
  const ask = (more: string) =>
    decoder.push(encode(`GET / HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`))!.head;
  const token = (more: string) =>
    new Http1Request(ask(more), { body: undefined, isTls: false }).header("authorization");
  assertEquals(token("Authorization: Bearer a\r\n"), "Bearer a");
  assertEquals(token("Authorization: Bearer a\r\n"), "Bearer a");
  assertEquals(token("Authorization: Bearer b\r\n"), "Bearer b");
  assertEquals(token(""), null);
  assertEquals(ask("Content-Length: 3\r\n").body, 3);
  assertEquals(ask("").body, 0);
  assertEquals(ask("Connection: close\r\n").keepsAlive, false);
  // The same headers mean something else to HTTP/1.0.
  const chunked = "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  assertEquals(decoder.push(encode(`POST / HTTP/1.1\r\n${chunked}`))!.head.body, "chunked");
  assertThrows(() => decoder.push(encode(`POST / HTTP/1.0\r\n${chunked}`)), RequestFault);
});

Deno.test("a few empty lines before a request are passed over, whatever the pieces, and no more of them", () => {
  const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const read = (lines: number, pieceBytes: number): string | number => {
    const decoder = new RequestHeadDecoder();
    const bytes = encode("\r\n".repeat(lines) + request);
    try {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const found = decoder.push(bytes.subarray(at, at + pieceBytes));
        if (found !== undefined) return found.head.target;
      }
      return "nothing";
    } catch (error) {
      if (!(error instanceof RequestFault)) throw error;
      return error.status;
    }
  };
  for (const pieceBytes of [1, 3, 7, 4096]) {
    assertEquals([read(0, pieceBytes), read(512, pieceBytes)], ["/", "/"]);
    assertEquals([read(513, pieceBytes), read(100_000, pieceBytes)], [400, 400]);
  }
});
