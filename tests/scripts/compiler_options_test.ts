import { assertEquals, assertStringIncludes } from "@std/assert";
import { importMap, publicNames } from "../support/import_map.ts";

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

/** What the compiler finds wrong in weir's sources, for a project with such options. */
async function problemsWith(compilerOptions: Readonly<Record<string, boolean>>): Promise<string[]> {
  const project = await Deno.makeTempDir({ prefix: "weir-user-" });
  try {
    const imports = publicNames.map((name, i) => `export * as m${i} from "${name}";\n`).join("");
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
    const output = new TextDecoder().decode(stderr);
    if (!success) assertStringIncludes(output, "Type checking failed");
    // Of the stand-ins nothing is asked: users get the real packages.
    return output.split("\n\n")
      .filter((problem) => problem.includes("[ERROR]") && !problem.includes("/scripts/std/"));
  } finally {
    await Deno.remove(project, { recursive: true });
  }
}

// The compiler uses one processor a project, so all are looked at together.
Deno.test("every export passes the type check of a user's project, whatever it asks of the compiler", async () => {
  const found = await Promise.all(
    Object.entries(OPTION_SETS).map(async ([title, options]) =>
      [title, await problemsWith(options)] as const
    ),
  );
  assertEquals(found, Object.keys(OPTION_SETS).map((title) => [title, []]));
});
