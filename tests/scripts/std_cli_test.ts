import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

Deno.test("parseArgs takes declared flags in every spelling", () => {
  const args = parseArgs(
    ["serve", "--port=8080", "--host", "::1", "-v", "--listen", "a", "--listen=b", "7"],
    {
      boolean: ["verbose", "quiet"],
      string: ["port", "host", "listen", "name"],
      collect: ["listen"],
      alias: { verbose: "v" },
    },
  );
  const port: string | undefined = args.port;
  const verbose: boolean = args.v;
  const listen: string[] = args.listen;
  assertEquals([port, verbose, listen], ["8080", true, ["a", "b"]]);
  assertEquals(args.host, "::1");
  assertEquals(args.name, undefined);
  assertEquals(args.quiet, false);
  assertEquals(args._, ["serve", 7]);
});

Deno.test("parseArgs fills in defaults, and their types", () => {
  const options = {
    string: ["host"],
    boolean: ["color"],
    default: { host: "::", color: true, level: 3 },
    negatable: ["color"],
  } as const;
  const args = parseArgs([], options);
  const host: string = args.host;
  const level: unknown = args.level;
  assertEquals({ host, level, color: args.color }, { host: "::", level: 3, color: true });
  assertEquals(parseArgs(["--no-color"], options).color, false);
});

Deno.test("parseArgs gives boolean flags no value but true and false", () => {
  const parse = (...args: string[]) => {
    const { a, _ } = parseArgs(args, { boolean: ["a"] });
    return [a, ..._];
  };
  assertEquals(parse("--a", "x"), [true, "x"]);
  assertEquals(parse("--a", "false"), [false]);
  assertEquals(parse("--a=false"), [false]);
  assertEquals(parse("--a=yes"), [true]);
  assertEquals(parse("--b"), [false]);
});

Deno.test("parseArgs leaves a string flag without a value empty", () => {
  assertEquals(parseArgs(["--name"], { string: ["name"] }).name, "");
  const args = parseArgs(["--name", "--other"], { string: ["name", "other"] });
  assertEquals([args.name, args.other], ["", ""]);
});

Deno.test("parseArgs takes an empty argument for a value of its own, and nothing after = for an empty value", () => {
  const options = { string: ["name"], collect: ["name"] } as const;
  assertEquals(parseArgs(["--name", "", "x"], options), { _: ["", "x"], name: [""] });
  assertEquals(parseArgs(["--name=", "x"], options), { _: ["x"], name: [""] });
});

Deno.test("parseArgs makes objects of names with dots, but none that all objects share", () => {
  assertEquals(parseArgs(["--a.b", "1", "--a.c=x", "--__proto__.d", "2"]), {
    _: [],
    a: { b: 1, c: "x" },
  });
  assertEquals(Object.hasOwn(Object.prototype, "d"), false);
});

Deno.test("parseArgs knows the types of flags, of names of their own only where it can", () => {
  const alias = { name: ["n"] } as const;
  const args = parseArgs([], { string: ["name", "a.b"], alias });
  // @ts-expect-error the names in a read-only list are not known
  const other: string | undefined = args.n;
  // @ts-expect-error what has a dot in its name lies deeper
  const flat: string | undefined = args["a.b"];
  const known: string | undefined = parseArgs([], { string: "name", alias: { name: ["n"] } }).n;
  assertEquals([other, flat, known], [undefined, undefined, undefined]);
});

Deno.test("parseArgs takes short flags together and with a value", () => {
  assertEquals(parseArgs(["-abn"]), { _: [], a: true, b: true, n: true });
  assertEquals(parseArgs(["-abn5"]), { _: [], a: "bn5" });
  assertEquals(parseArgs(["-n5", "-abc=d", "-m-"]), { _: [], n: 5, a: "d", m: "-" });
  assertEquals(parseArgs(["-n", "5", "-m=x"]), { _: [], n: 5, m: "x" });
  assertEquals(parseArgs(["-n", "5"], { string: ["n"] }).n, "5");
});

Deno.test("parseArgs guesses the types of flags that are not declared", () => {
  assertEquals(parseArgs(["--a", "1", "--b", "x", "--c", "--d=0x10"]), {
    _: [],
    a: 1,
    b: "x",
    c: true,
    d: 16,
  });
});

Deno.test("parseArgs passes what is not declared to unknown, and drops it on false", () => {
  const seen: unknown[] = [];
  const args = parseArgs(["--known=1", "--what=2", "file"], {
    string: ["known"],
    unknown: (arg, key, value) => {
      seen.push([arg, key, value]);
      return key === undefined;
    },
  });
  assertEquals(seen, [["--what=2", "what", "2"], ["file", undefined, undefined]]);
  assertEquals(args, { known: "1", _: ["file"] });
});

Deno.test("parseArgs ends flags at -- and, if asked, at the first positional", () => {
  assertEquals(parseArgs(["-a", "--", "-b", "3"]), { _: ["-b", "3"], a: true });
  assertEquals(parseArgs(["--", "-b"], { "--": true }), { _: [], "--": ["-b"] });
  assertEquals(parseArgs(["run", "--x"], { stopEarly: true }), { _: ["run", "--x"] });
});
