// deno-lint-ignore no-import-prefix
import type qrcode from "npm:qrcode-generator@2.0.4";

/** Not written where it is imported: the runtime would load what it reads there as the program starts. */
const PACKAGE = "npm:qrcode-generator@2.0.4";

/** The most that a code of this kind holds well. */
const MOST_TEXT = 512;

/**
 * Draws a QR code (ISO/IEC 18004) of a text as SVG.
 *
 * @throws {RangeError} (rejects) if the text has over 512 characters
 * @throws {TypeError} (rejects) when the package cannot be had
 */
export async function qrCode(text: string): Promise<string> {
  if (text.length > MOST_TEXT) {
    throw new RangeError(
      `Cannot draw a code of over ${MOST_TEXT} characters: current value has ${text.length}`,
    );
  }
  const { default: make }: { readonly default: typeof qrcode } = await import(PACKAGE);
  const code = make(0, "M");
  code.addData(text);
  code.make();
  return code.createSvgTag({ scalable: true, margin: 2 });
}
