// JSON with line breaks and indents. Values stay as they are written: reading numbers would change large ones.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const INDENT = "  ";

/** `text` over several lines if it is JSON, and as it is if not. */
export function indented(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const tokens = text.match(TOKEN) ?? [];
  let depth = 0;
  let result = "";
  const newLine = () => `\n${INDENT.repeat(depth)}`;
  for (const [at, token] of tokens.entries()) {
    const before = tokens[at - 1];
    if (token === "}" || token === "]") {
      depth -= 1;
      result += before === "{" || before === "[" ? token : newLine() + token;
    } else {
      result += before === "{" || before === "[" || before === "," ? newLine() + token : token;
      if (token === "{" || token === "[") {
        depth += 1;
      } else if (token === ":") {
        result += " ";
      }
    }
  }
  return result;
}
