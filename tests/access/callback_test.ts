import { assert, assertEquals, assertMatch, assertNotMatch, assertRejects } from "@std/assert";
import { AccessBench, inWords, password, request, token } from "./access_bench.ts";

const URL_ASKED = "http://127.0.0.1:1/auth";

Deno.test("the URL is asked by the object that existing answerers know", async () => {
  const asked: unknown[] = [];
  const bench = new AccessBench({ url: URL_ASKED }, {
    fetch: (url, { method, body, headers, redirect }) => {
      asked.push([url, method, redirect, headers, JSON.parse(String(body))]);
      return Promise.resolve(new Response(null, { status: 204 }));
    },
  });
  await bench.words({
    protocol: "rtsps",
    query: "a=1&b=2",
    credentials: password("ann", "wonderland"),
  });
  await bench.words({ action: "publish", credentials: token("t0ken") });
  await bench.words({ action: "api", name: "" });
  const empty = {
    user: "",
    password: "",
    token: "",
    ip: "203.0.113.9",
    path: "live/cam",
    protocol: "rtmp",
    id: "7",
    query: "",
  };
  const bodies = [
    {
      ...empty,
      user: "ann",
      password: "wonderland",
      action: "read",
      protocol: "rtsp",
      query: "a=1&b=2",
    },
    { ...empty, token: "t0ken", action: "publish" },
    { ...empty, action: "api", path: "" },
  ];
  assertEquals(
    asked,
    bodies.map((
      body,
    ) => [URL_ASKED, "POST", "manual", { "Content-Type": "application/json" }, body]),
  );
});

Deno.test("2xx allows, 401 asks for credentials, and all else is a no", async () => {
  let status = 200;
  const bench = new AccessBench({ url: URL_ASKED }, {
    fetch: () => Promise.resolve(new Response(null, { status })),
  });
  const ann = password("ann", "x");
  const words = async () => [await bench.words(), await bench.words({ credentials: ann })];
  for (status of [200, 204, 299]) assertEquals(await words(), ["anonymous", "ann"]);
  status = 401;
  assertEquals(await words(), [
    "asked: User name and password are needed",
    "asked: Wrong user name or password",
  ]);
  for (status of [400, 403, 404]) {
    assertEquals(await words(), ["refused: Not allowed", "refused: Not allowed"]);
  }
  // These tell of the URL, and not of who asks: whoever runs the server wants to know.
  const failed = "refused: Who this is could not be checked";
  for (status of [300, 301, 302, 307, 500, 503]) assertEquals(await words(), [failed, failed]);
  assertEquals(bench.access.passwordMethods, ["basic"], "a digest cannot be passed on");
});

Deno.test("who is known here is not asked about elsewhere", async () => {
  let asked = 0;
  const bench = new AccessBench({ url: URL_ASKED, users: [{ name: "ann", password: "a" }] }, {
    fetch: () => {
      asked++;
      return Promise.resolve(new Response());
    },
  });
  assertEquals(await bench.words({ credentials: password("ann", "a") }), "ann");
  assertEquals(
    await bench.words({ credentials: password("ann", "b") }),
    "asked: Wrong user name or password",
  );
  assertEquals(asked, 0);
  assertEquals(await bench.words({ credentials: password("bob", "b") }), "bob");
  assertEquals([await bench.words({ query: "" }), asked], ["anonymous", 2]);
});

Deno.test("an answerer that hangs, breaks off, or sends for ever lets nobody in, and takes nothing with it", async () => {
  const hanging = (_: string, { signal }: RequestInit) =>
    new Promise<Response>((_, reject) =>
      signal!.addEventListener("abort", () => reject(signal!.reason))
    );
  const bench = new AccessBench({ url: URL_ASKED, urlTimeoutMs: 50, urlConcurrency: 2 }, {
    fetch: hanging,
  });
  const answers = await Promise.all(Array.from({ length: 10 }, () => bench.words()));
  assertEquals(answers, Array(10).fill("refused: Who this is could not be checked"));
  const broken = new AccessBench({ url: URL_ASKED }, {
    fetch: () => Promise.reject(new TypeError("connection refused")),
  });
  assertEquals(await broken.words(), "refused: Who this is could not be checked");
  let cancelled = false;
  const endless = new AccessBench({ url: URL_ASKED }, {
    fetch: () =>
      Promise.resolve(
        new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(1024)),
            cancel: () => void (cancelled = true),
          }),
        ),
      ),
  });
  assertEquals(
    [await endless.words(), cancelled],
    ["anonymous", true],
    "a body is not read at all",
  );
});

Deno.test("the log says why an answerer cannot be reached, and nothing of what its URL keeps secret", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const bench = new AccessBench({ url: `http://127.0.0.1:${port}/auth?key=hidden` });
  assertEquals(await bench.words(), "refused: Who this is could not be checked");
  const lines = JSON.stringify(bench.log.lines);
  assertMatch(lines, /refused \(os error/i);
  assertNotMatch(lines, /hidden/);
});

Deno.test("so many are asked about at a time, and what waits too long is a no", async () => {
  let now = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const bench = new AccessBench({ url: URL_ASKED, urlConcurrency: 3 }, {
    fetch: async () => {
      most = Math.max(most, ++now);
      await gate.promise;
      now--;
      return new Response();
    },
  });
  const asking = Promise.all(Array.from({ length: 1100 }, () => bench.ask()));
  gate.resolve();
  const answers = (await asking).map(inWords);
  assertEquals(most, 3);
  assertEquals(answers.filter((words) => words === "anonymous").length, 1003);
  assertEquals(answers.filter((words) => words.startsWith("refused: Too many")).length, 97);
});

Deno.test("a user whom the answerer allows cannot be what stands for a key here", async () => {
  const bench = new AccessBench({ url: URL_ASKED }, {
    fetch: () => Promise.resolve(new Response()),
  });
  for (const name of ["key:1", "signed:a", ""]) {
    assertEquals(await bench.words({ credentials: password(name, "x") }), "anonymous");
  }
  assert("allow" in await bench.access.authenticate(request({})));
});

Deno.test("nobody is asked without permission, and it is said which flag is missing", async () => {
  const bench = new AccessBench({ url: "https://auth.example:8443/x" });
  await assertRejects(() => bench.access.open(), Error, "add --allow-net=auth.example:8443");
});
