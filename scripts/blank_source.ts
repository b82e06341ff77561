/** After one of these, or at the start, a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(^|[(,=:[!&|?{};+\-*%~^<>]|\b(return|typeof|case|in|of|await|yield))\s*$/;

/** Comments, strings and regular expressions, each anchored where the scan stands. */
const COMMENT = /\/\/[^\n]*|\/\*[^]*?\*\//y;
const STRING = /"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/y;
const REGEX = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/\w*/y;
const TEMPLATE_TEXT = /(?:\\[^]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y;

/**
 * Returns TypeScript source with spaces in place of comments, strings, regular expressions and the
 * text of templates, so that what is left is code; line breaks stay where they are.
 */
export function blankCommentsAndStrings(source: string): string {
  let code = "";
  let at = 0;
  /** For each template that is open, how many braces are open inside its `${}`. */
  const templates: number[] = [];
  const blank = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    if (text === undefined) return undefined;
    code += text.replace(/[^\n]/g, " ");
    at += text.length;
    return text;
  };
  const blankTemplateText = () => {
    if (blank(TEMPLATE_TEXT)?.endsWith("${")) templates.push(0);
  };
  while (at < source.length) {
    const char = source[at]!;
    if (char === "/" && blank(COMMENT) !== undefined) continue;
    if ((char === '"' || char === "'") && blank(STRING) !== undefined) continue;
    if (char === "/" && BEFORE_REGEX.test(code.slice(-200)) && blank(REGEX) !== undefined) continue;
    code += char;
    at++;
    const open = templates.length - 1;
    if (char === "`") blankTemplateText();
    else if (char === "{" && open >= 0) templates[open]!++;
    else if (char === "}" && open >= 0 && templates[open]!-- === 0) {
      templates.pop();
      blankTemplateText();
    }
  }
  return code;
}
