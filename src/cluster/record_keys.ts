/** The key of what a machine tells of itself. */
export function nodeKey(node: string): string {
  return `${NODE_KEYS}${keyOf(node)}`;
}

/** The key of a stream's publisher. */
export function streamKey(name: string): string {
  return `${STREAM_KEYS}${keyOf(name)}`;
}

/** The key of a copy; with an empty machine the beginning of those of all copies of a stream. */
export function replicaKey(name: string, node: string): string {
  return `replica.${keyOf(name)}.${keyOf(node)}`;
}

/** What the keys of machines, and of streams, begin with. */
export const NODE_KEYS = "node.";
export const STREAM_KEYS = "stream.";

/** Any text as a part of a key: letters, digits, `_` and `-` stay, every other byte is `=` and two digits. */
export function keyOf(text: string): string {
  return Array.from(
    new TextEncoder().encode(text),
    (byte) =>
      /[A-Za-z0-9_-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `=${byte.toString(16).padStart(2, "0")}`,
  ).join("");
}

/** The text that a part of a key stands for. */
export function textOfKey(key: string): string {
  const bytes = Array.from(
    key.matchAll(/=([0-9a-f]{2})|[^=]/g),
    ([one, hex]) => hex === undefined ? one.charCodeAt(0) : Number.parseInt(hex, 16),
  );
  return new TextDecoder().decode(new Uint8Array(bytes));
}
