// The format of server-sent events (WHATWG HTML, "Interpreting an event stream"). Pure.

export interface ServerEvent {
  event: string;
  data: string;
}

/** Takes the stream in pieces, however it is cut; gives the events that each piece completes. */
export class EventParser {
  private rest = "";
  private event = "";
  private data: string[] = [];

  feed(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line, events);
    return events;
  }

  private line(line: string, events: ServerEvent[]): void {
    if (line === "") {
      if (this.data.length > 0) events.push({ event: this.event || "message", data: this.data.join("\n") });
      this.event = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    // One that starts with it is a comment: a sign of life, and nothing else.
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.event = value;
    if (field === "data") this.data.push(value);
  }
}
