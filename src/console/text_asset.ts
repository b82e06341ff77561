/**
 * Texts of npm packages, loaded when they are asked for the first time. Where they cannot be had, the page says so and
 * the rest works.
 */
const PACKAGES = {
  // The light one plays no sound that is a playlist of its own.
  "hls.js": { name: "npm:hls.js@1.7.4", file: "dist/hls.min.js" },
  "mpegts.js": { name: "npm:mpegts.js@1.8.2", file: "dist/mpegts.js" },
} as const;

/** The scripts of players that the console has from packages. */
export type PlayerScript = keyof typeof PACKAGES;

const texts = new Map<PlayerScript, Promise<string>>();

/** Whether a name is that of a player's script. */
export function isPlayerScript(name: string): name is PlayerScript {
  return Object.hasOwn(PACKAGES, name);
}

/**
 * Resolves with the text of a player's script.
 *
 * @throws {TypeError} (rejects) when the package cannot be had
 */
export function playerScript(script: PlayerScript): Promise<string> {
  const known = texts.get(script);
  if (known !== undefined) return known;
  const loading = load(PACKAGES[script]);
  texts.set(script, loading);
  loading.catch(() => texts.delete(script));
  return loading;
}

async function load(
  { name, file }: { readonly name: string; readonly file: string },
): Promise<string> {
  // A text of a package can be had once the package is known.
  await import(`${name}/package.json`, { with: { type: "json" } });
  const module = await import(`${name}/${file}`, { with: { type: "text" } });
  return module.default;
}
