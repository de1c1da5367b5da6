// JSON read without loss: numbers stay as they were written, and names that come twice are kept twice. Pure.

export type Json =
  | { type: "scalar"; text: string }
  | { type: "array"; items: Json[] }
  | { type: "object"; members: [string, Json][] };

/** Deeper than this is not read: no answer that a person compares is. */
const MAX_DEPTH = 200;

/** The value that `text` is; null if it is no JSON. */
export function parse(text: string): Json | null {
  const reader = new Reader(text);
  try {
    const value = reader.value(0);
    return reader.isAtEnd() ? value : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

/** The value on one line. */
export function oneLine(value: Json): string {
  switch (value.type) {
    case "scalar":
      return value.text;
    case "array":
      return `[${value.items.map(oneLine).join(", ")}]`;
    case "object":
      return `{${value.members.map(([name, member]) => `${JSON.stringify(name)}: ${oneLine(member)}`).join(", ")}}`;
  }
}

const TOKEN = /[ \t\n\r]*("(?:[^"\\\n\r]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|-?Infinity|NaN|[[\]{},:])/uy;

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  value(depth: number): Json {
    if (depth > MAX_DEPTH) throw new SyntaxError("too deep");
    const token = this.next();
    if (token === "[") return { type: "array", items: this.items(depth) };
    if (token === "{") return { type: "object", members: this.members(depth) };
    if ("]},:".includes(token)) throw new SyntaxError(token);
    return { type: "scalar", text: token };
  }

  isAtEnd(): boolean {
    return this.text.slice(this.at).trim() === "";
  }

  private items(depth: number): Json[] {
    const items: Json[] = [];
    if (this.skip("]")) return items;
    for (;;) {
      items.push(this.value(depth + 1));
      if (this.separated("]")) return items;
    }
  }

  private members(depth: number): [string, Json][] {
    const members: [string, Json][] = [];
    if (this.skip("}")) return members;
    for (;;) {
      const name = this.next();
      if (!name.startsWith('"') || this.next() !== ":") throw new SyntaxError(name);
      members.push([JSON.parse(name) as string, this.value(depth + 1)]);
      if (this.separated("}")) return members;
    }
  }

  /** Whether the list ends here; if not, another element follows. */
  private separated(end: string): boolean {
    const token = this.next();
    if (token !== end && token !== ",") throw new SyntaxError(token);
    return token === end;
  }

  private skip(wanted: string): boolean {
    const before = this.at;
    if (this.next() === wanted) return true;
    this.at = before;
    return false;
  }

  private next(): string {
    TOKEN.lastIndex = this.at;
    const token = TOKEN.exec(this.text)?.[1];
    if (token === undefined) throw new SyntaxError(`at ${this.at}`);
    this.at = TOKEN.lastIndex;
    return token;
  }
}
