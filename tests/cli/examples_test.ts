import { assert, assertEquals, assertMatch } from "@std/assert";
import { hashPassword } from "../../src/access/mod.ts";
import { makeCertificate } from "../support/certificate.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ROOT, run, RunningProcess } from "../support/process.ts";

const deno = Deno.execPath();

/** What differs on the machine of the tests. */
interface Example {
  /** Options that win over the file: ports that are free here, files that there are. */
  readonly options?: (folder: string) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What the flags of the network are like. */
  readonly net: RegExp;
}

const FREE_PORTS = ["--rtmp", "127.0.0.1:0", "--rtsp", "127.0.0.1:0", "--http", "127.0.0.1:0"];

const EXAMPLES: Readonly<Record<string, Example>> = {
  "minimal.yaml": { options: () => [...FREE_PORTS, "--rtp", "0"], net: /--allow-net / },
  "cameras.yaml": {
    options: () => [...FREE_PORTS, "--rtp", "off", "--webrtc", "off"],
    environment: { CAMERA_USER: "me", CAMERA_PASSWORD: "se4cret" },
    net: /--allow-net=127\.0\.0\.1:0,192\.0\.2\.10:554,192\.0\.2\.11:554 /,
  },
  "restream.yaml": {
    options: () => [...FREE_PORTS, "--rtp", "off", "--webrtc", "off"],
    environment: { STUDIO_PASSWORD: "se4cret", FIRST_KEY: "se4cret-1", SECOND_KEY: "se4cret-2" },
    net: /--allow-net=127\.0\.0\.1:0,192\.0\.2\.20:1935,192\.0\.2\.21:1935 /,
  },
  "public.yaml": {
    options: (folder) => [
      ...[...FREE_PORTS, "--rtmps", "127.0.0.1:0", "--https", "127.0.0.1:0", "--rtp", "0"],
      ...["--cert", `${folder}/cert.pem`, "--key", `${folder}/key.pem`],
      ...["--log-file", `${folder}/weir.log`],
    ],
    environment: { ANN_HASH: await hashPassword("se4cret") },
    net: /--allow-net /,
  },
  "edge.yaml": { options: () => FREE_PORTS, net: /--allow-net=127\.0\.0\.1:0,192\.0\.2\.1:1935 / },
};

Deno.test("every example configuration is among these", async () => {
  const files = await Array.fromAsync(Deno.readDir(`${ROOT}/examples`));
  assertEquals(files.map(({ name }) => name).sort(), Object.keys(EXAMPLES).sort());
});

for (const [name, { options, environment = {}, net }] of Object.entries(EXAMPLES)) {
  Deno.test(`examples/${name} starts by exactly the line that weir permissions prints`, {
    ignore: Deno.build.os === "windows",
  }, async () => {
    await using folder = new TemporaryFolder();
    const { cert, key } = await makeCertificate();
    await Deno.writeTextFile(`${folder.path}/cert.pem`, cert);
    await Deno.writeTextFile(`${folder.path}/key.pem`, key);
    const file = `examples/${name}`;
    const allowed = [
      `--allow-read=${file}`,
      ...Object.keys(environment).map((v) => `--allow-env=${v}`),
    ];
    const printed = await run(
      deno,
      [
        "run",
        ...allowed,
        "mod.ts",
        "permissions",
        "--config",
        file,
        ...options?.(folder.path) ?? [],
      ],
      { env: { ...environment } },
    );
    assertEquals([printed.code, printed.stderr], [0, ""]);
    const line = new TextDecoder().decode(printed.stdout).trim();
    assertMatch(line, net);
    assert(!line.includes("se4cret"), line);
    // Whatever else was asked for would be denied, as there is no terminal.
    await using weir = new RunningProcess("sh", ["-c", `exec ${line.replace(/^deno/, deno)}`], {
      env: { ...environment },
      limitMs: 60_000,
    });
    const log = async (pattern: RegExp): Promise<void> => {
      if (!line.includes("--log-file")) return void await weir.line(pattern);
      while (!pattern.test(await Deno.readTextFile(`${folder.path}/weir.log`).catch(() => ""))) {
        assert(
          !(await Promise.race([weir.ended.then(() => true), pause()])),
          weir.lines.join("\n"),
        );
      }
    };
    await log(/http listening/);
    weir.kill("SIGTERM");
    const { code, stderr, stdout } = await weir.ended;
    assertEquals([code, stderr], [0, ""]);
    assert(!new TextDecoder().decode(stdout).includes("permission"));
  });
}

function pause(): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), 10));
}
