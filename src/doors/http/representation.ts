import { faultAnswer } from "./json_answer.ts";
import { WholeAnswer } from "./whole_answer.ts";

/** Whether a tag is among those that a request has: `If-None-Match`, compared weakly (RFC 9110, 13.1.2). */
export function isMatched(tag: string, header: string | null): boolean {
  if (header === null) return false;
  return header.trim() === "*" ||
    header.split(",").some((one) => one.trim().replace(/^W\//, "") === tag);
}

/** Whether `Accept-Encoding` takes a coding: by its name, or by a star, and not at a weight of 0 (RFC 9110, 12.5.3). */
export function isTaken(coding: string, header: string | null): boolean {
  let byStar = false;
  for (const one of (header ?? "").split(",")) {
    const [name, ...parameters] = one.split(";").map((part) => part.trim().toLowerCase());
    const isWanted = !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    if (name === coding) return isWanted;
    if (name === "*") byStar = isWanted;
  }
  return byStar;
}

/** One range of bytes (RFC 9110, 14); several, and what is no range, are answered with all. */
export function rangeOf(
  header: string | null,
  bytes: number,
): { readonly offset: number; readonly length: number } | "unsatisfiable" | undefined {
  const found = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? "");
  if (found === null || (found[1] === "" && found[2] === "")) return undefined;
  // The last before the first is no range at all (14.1.1).
  if (found[1] !== "" && found[2] !== "" && Number(found[2]) < Number(found[1])) return undefined;
  const [first, last] = found[1] === ""
    ? [Math.max(0, bytes - Number(found[2])), bytes - 1]
    : [Number(found[1]), found[2] === "" ? bytes - 1 : Math.min(Number(found[2]), bytes - 1)];
  if (first >= bytes || last < first) return "unsatisfiable";
  return { offset: first, length: last - first + 1 };
}

/** The answer to who asks for a part of what a whole answer has: caches fetch large files in slices. */
export function rangedAnswer(
  whole: WholeAnswer,
  { range, ifRange }: { readonly range: string | null; readonly ifRange: string | null },
): WholeAnswer {
  const bytes = whole.bytes ?? NOTHING;
  const { headers } = whole;
  const isSame = ifRange === null || ifRange === headers["etag"];
  const asked = isSame ? rangeOf(range, bytes.length) : undefined;
  if (asked === undefined) return whole;
  if (asked === "unsatisfiable") {
    const reason = `The file has ${bytes.length} bytes`;
    const about = { "content-range": `bytes */${bytes.length}` };
    return faultAnswer({ status: 416, code: "range", reason, headers: about });
  }
  const { offset, length } = asked;
  return new WholeAnswer(bytes.subarray(offset, offset + length), {
    status: 206,
    headers: {
      ...headers,
      "content-range": `bytes ${offset}-${offset + length - 1}/${bytes.length}`,
    },
  });
}

const NOTHING = new Uint8Array(0);
