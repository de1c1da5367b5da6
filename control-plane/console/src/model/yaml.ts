// Resources as YAML, as people write them. Pure. Written for reading and for `umbractl apply`, not for every document
// that there can be: what comes in is JSON.

/** What the server sets by itself, and nobody writes. */
const NOT_WRITTEN = new Set(["revision", "updated_at"]);

/** A resource as its manifest, without what the server adds. */
export function manifest(resource: unknown): string {
  if (typeof resource !== "object" || resource === null) return "";
  const { apiVersion, kind, metadata, spec } = resource as Record<string, unknown>;
  const bare = Object.fromEntries(
    Object.entries((metadata ?? {}) as Record<string, unknown>).filter(([name]) => !NOT_WRITTEN.has(name)),
  );
  const known = { apiVersion, kind, metadata: bare, spec };
  return yaml(apiVersion === undefined ? resource : known);
}

/** Any JSON value as a YAML document. */
export function yaml(value: unknown): string {
  return isBlock(value) ? block(value, "").join("\n") + "\n" : `${inline(value)}\n`;
}

function block(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      if (!isBlock(item)) return [`${indent}- ${inline(item)}`];
      const lines = block(item, `${indent}  `);
      return [`${indent}- ${(lines[0] ?? "").trimStart()}`, ...lines.slice(1)];
    });
  }
  const lines: string[] = [];
  for (const [name, member] of Object.entries(value as Record<string, unknown>)) {
    if (member === undefined) continue;
    if (!isBlock(member)) lines.push(`${indent}${scalar(name)}: ${inline(member)}`);
    else lines.push(`${indent}${scalar(name)}:`, ...block(member, Array.isArray(member) ? indent : `${indent}  `));
  }
  return lines;
}

/** Whether it takes lines of its own. */
function isBlock(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return "[]";
  if (typeof value === "object" && value !== null) return "{}";
  return typeof value === "string" ? scalar(value) : String(value);
}

const PLAIN = /^[A-Za-z_/$][A-Za-z0-9_./$@*[\]{}-]*$/;
const WORDS_THAT_MEAN_SOMETHING = /^(?:true|false|null|yes|no|on|off|~)$/i;

/** Without quotes where it cannot be taken for something else. */
function scalar(text: string): string {
  return PLAIN.test(text) && !WORDS_THAT_MEAN_SOMETHING.test(text) ? text : JSON.stringify(text);
}
