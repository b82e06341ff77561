/**
 * Installs the programs that tests talk to: clients and servers of other makers, and `ip`, which
 * shapes the network. What is there already is left alone. Tests that miss a program say so, and are
 * skipped.
 *
 * @module
 */
import { programArguments } from "./program_arguments.ts";

/** Debian's packages of the programs that tests start. */
const PACKAGES: readonly string[] = [
  "chromium",
  "ffmpeg",
  "gstreamer1.0-libav",
  "gstreamer1.0-plugins-bad",
  "gstreamer1.0-plugins-base",
  "gstreamer1.0-plugins-good",
  "gstreamer1.0-plugins-ugly",
  "gstreamer1.0-rtsp",
  "gstreamer1.0-tools",
  "iproute2",
  "libnginx-mod-rtmp",
  "mpv",
  "nats-server",
  "nginx",
  "openssl",
  "rtmpdump",
  "vlc-bin",
  "vlc-plugin-base",
];

/** While this script exists and fails, Debian's packages start no service. */
const SERVICE_POLICY = "/usr/sbin/policy-rc.d";

/** Installs what is missing; returns the packages that still are, after it has said why. */
export async function setUp(): Promise<string[]> {
  const missing = await missingPackages();
  if (missing === undefined) {
    console.log("Set-up: this is no Debian, so install these yourself:", PACKAGES.join(" "));
    return [...PACKAGES];
  }
  if (missing.length === 0) return [];
  console.log("Set-up: missing", missing.join(" "));
  if (Deno.uid() !== 0) {
    console.log(`Set-up: as root, run: apt-get install ${missing.join(" ")}`);
    return missing;
  }
  await withoutServices(async () => {
    await aptGet("update");
    await aptGet("install", "--yes", "--no-install-recommends", ...missing);
  });
  return await missingPackages() ?? [...PACKAGES];
}

/** Asks dpkg which packages are not installed; `undefined` where there is no dpkg. */
async function missingPackages(): Promise<string[] | undefined> {
  try {
    const { stdout } = await new Deno.Command("dpkg-query", {
      args: ["--show", "--showformat", "${Package} ${db:Status-Status}\n", ...PACKAGES],
      stderr: "null",
    }).output();
    const installed = new Set(new TextDecoder().decode(stdout).split("\n"));
    return PACKAGES.filter((name) => !installed.has(`${name} installed`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Runs `install` so that no package starts its service, nginx on port 80 for one. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  let created = false;
  try {
    const options = { createNew: true, mode: 0o755 };
    await Deno.writeTextFile(SERVICE_POLICY, "#!/bin/sh\nexit 101\n", options);
    created = true;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  try {
    await install();
  } finally {
    if (created) await Deno.remove(SERVICE_POLICY);
  }
}

async function aptGet(...args: string[]): Promise<void> {
  const started = performance.now();
  const { success, stdout, stderr } = await new Deno.Command("apt-get", {
    // Another installation may be under way on a machine that has just started.
    args: ["--quiet", "--option=DPkg::Lock::Timeout=120", ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
  }).output();
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`Set-up: apt-get ${args[0]} ${success ? "done" : "failed"} in ${seconds} s`);
  if (success) return;
  const text = new TextDecoder();
  console.log((text.decode(stdout) + text.decode(stderr)).split("\n").slice(-30).join("\n"));
}

if (import.meta.main) {
  programArguments(import.meta);
  if ((await setUp()).length > 0) Deno.exit(1);
}
