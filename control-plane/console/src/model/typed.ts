// Lines of headers and cookies as people type them. Pure.

/** `name: value`, one a line; what is wrong, with its line, as a string. */
export function headerLines(text: string): [string, string][] | string {
  return lines(text, /\r?\n/, ":", "a header is written as name: value");
}

/** `name=value`, one a line or separated by semicolons, as in a cookie header. */
export function cookieLines(text: string): [string, string][] | string {
  return lines(text.replace(/^cookie:/i, ""), /\r?\n|;/, "=", "a cookie is written as name=value");
}

function lines(text: string, ends: RegExp, separator: string, hint: string): [string, string][] | string {
  const found: [string, string][] = [];
  for (const [index, line] of text.split(ends).entries()) {
    if (line.trim() === "") continue;
    const at = line.indexOf(separator);
    const name = line.slice(0, Math.max(0, at)).trim();
    if (name === "") return `line ${index + 1}: ${hint}`;
    found.push([name, line.slice(at + 1).trim()]);
  }
  return found;
}
