import { expect, test } from "vitest";

import { bytes, count, digits, duration, exact, latency, plural, rate, relative, share, tick, valve } from "./format";

test("numbers are short and plain", () => {
  const cases: [number, string][] = [
    [1.2345, "1.23"],
    [0.1, "0.1"],
    [0, "0"],
    [-0.0000001, "0"],
    [1234.5, "1235"],
    [39.96, "40"],
    [100, "100"],
    [Infinity, "∞"],
  ];
  for (const [value, text] of cases) expect(digits(value), String(value)).toBe(text);
  expect([count(0), count(1_234_567)]).toEqual(["0", "1,234,567"]);
  expect([share(0.012), share(null)]).toEqual(["1.2 %", "—"]);
  expect([share(0.9994), share(0.9996), share(0.99999999), share(1 - 1e-16), share(1)]).toEqual([
    "99.9 %",
    "99.9 %",
    "99.9 %",
    "100 %",
    "100 %",
  ]);
  expect([share(0), share(1e-17), share(1e-8), share(1e-10), share(-1e-10)]).toEqual(["0 %", "0 %", "0.000001 %", "< 0.000001 %", "> -0.000001 %"]);
  expect([valve(12.5), valve(0.0001), valve(100)]).toEqual(["12.5 %", "0.0001 %", "100 %"]);
  expect([latency(12.34), latency(1234), latency(null)]).toEqual(["12.3 ms", "1.23 s", "—"]);
  expect([rate(0), rate(12.44), rate(12_345.6)]).toEqual(["0/s", "12.4/s", "12,346/s"]);
  expect([bytes(18), bytes(65_536), bytes(1_500_000)]).toEqual(["18 B", "64 KiB", "1.43 MiB"]);
  expect([plural(1, "node"), plural(2000, "node")]).toEqual(["1 node", "2,000 nodes"]);
});

test("times are told by their largest units", () => {
  expect([duration(0), duration(723_000), duration(5_400_000)]).toEqual(["0s", "12m 3s", "1h 30m"]);
  const now = 10_000_000;
  expect(relative(now - 12_000, now)).toBe("12s ago");
  expect(relative(now + 7_200_000, now)).toBe("in 2h");
  expect(relative(now, now)).toBe("now");
});

test("the exact time is that of the zone", () => {
  const at = Date.UTC(2030, 0, 31, 23, 30, 5);
  expect(exact(at, "UTC")).toBe("2030-01-31 23:30:05");
  expect(exact(at, "Asia/Tokyo")).toBe("2030-02-01 08:30:05");
  expect([1, 60, 86_400].map((step) => tick(at, step, "UTC"))).toEqual(["23:30:05", "23:30", "01-31"]);
});
