import { expect, test } from "vitest";

import { EventParser } from "./sse";

const STREAM = ': hello\n\nevent: snapshot\ndata: {"a":\ndata: 1}\n\ndata:x\r\n\r\nevent: empty\n\n';
const EVENTS = [
  { event: "snapshot", data: '{"a":\n1}' },
  { event: "message", data: "x" },
];

test("events are found wherever the stream is cut", () => {
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    const parser = new EventParser();
    const found = [...parser.feed(STREAM.slice(0, cut)), ...parser.feed(STREAM.slice(cut))];
    expect(found, `cut at ${cut}`).toEqual(EVENTS);
  }
});

test("an event that is not finished is not told", () => {
  expect(new EventParser().feed("event: a\ndata: 1\n")).toEqual([]);
});
