import { assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync } from "node:fs";

/**
 * What users' projects may ask of the compiler, which then asks it of weir's sources too: what weir's
 * own configuration asks for left out, and more than it. `isolatedDeclarations` is about what a project gives to others;
 * `deno publish` looks at that for weir.
 */
const OPTION_SETS: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  "strict alone": { strict: true },
  "without exactOptionalPropertyTypes": {
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
  },
  "without noUncheckedIndexedAccess": {
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
  },
  "everything that there is": {
    strict: true,
    allowUnreachableCode: false,
    allowUnusedLabels: false,
    erasableSyntaxOnly: true,
    exactOptionalPropertyTypes: true,
    noFallthroughCasesInSwitch: true,
    noImplicitOverride: true,
    noImplicitReturns: true,
    noPropertyAccessFromIndexSignature: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    useUnknownInCatchVariables: true,
    verbatimModuleSyntax: true,
  },
};

const root = new URL("../../", import.meta.url);

interface Package {
  readonly name: string;
  readonly exports: string | Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
}

async function readPackage(folder: URL): Promise<Package> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", folder)));
}

/** The import map entries of a package. */
function entries({ name, exports }: Package, folder: URL): [string, string][] {
  const paths = typeof exports === "string" ? { ".": exports } : exports;
  return Object.entries(paths).map(([path, file]) => [
    `${name}${path.slice(1)}`,
    new URL(file, folder).href,
  ]);
}

const weir = await readPackage(root);
const names = entries(weir, root).map(([name]) => name);

/** Every export of weir, and the standard library as it stands in for here. */
async function importMap(): Promise<Record<string, string>> {
  const all = [...Object.entries(weir.imports ?? {}), ...entries(weir, root)];
  const standIns = new URL("scripts/std/", root);
  if (!existsSync(standIns)) return Object.fromEntries(all);
  for await (const { name } of Deno.readDir(standIns)) {
    const folder = new URL(`${name}/`, standIns);
    all.push(...entries(await readPackage(folder), folder));
  }
  return Object.fromEntries(all);
}

for (const [title, compilerOptions] of Object.entries(OPTION_SETS)) {
  Deno.test(`every export passes the type check of a user's project: ${title}`, async () => {
    const project = await Deno.makeTempDir({ prefix: "weir-user-" });
    try {
      const imports = names.map((name, i) => `export * as m${i} from "${name}";\n`).join("");
      await Deno.writeTextFile(`${project}/main.ts`, imports);
      await Deno.writeTextFile(
        `${project}/deno.json`,
        JSON.stringify({ compilerOptions, lock: false, imports: await importMap() }),
      );
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["check", "--quiet", "main.ts"],
        cwd: project,
        env: { NO_COLOR: "1" },
      }).output();
      // Of the stand-ins nothing is asked: users get the real packages.
      const output = new TextDecoder().decode(stderr);
      if (!success) assertStringIncludes(output, "Type checking failed");
      const problems = output.split("\n\n")
        .filter((problem) => problem.includes("[ERROR]") && !problem.includes("/scripts/std/"));
      assertEquals(problems, []);
    } finally {
      await Deno.remove(project, { recursive: true });
    }
  });
}
