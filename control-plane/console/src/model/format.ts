// Numbers, shares and times as people read them. Pure: the clock and the zone are arguments.

/** To three significant digits, whole numbers in full, no zeros at the end, never an exponent. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "∞";
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  const decimals = Math.min(6, Math.max(0, 2 - magnitude));
  const text = value.toFixed(decimals);
  const short = text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
  return short === "-0" ? "0" : short;
}

/** A count with its thousands apart: `20,000`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A valve: `12.5 %`, with all its decimals. */
export function valve(percent: number): string {
  return `${Number(percent.toFixed(4))} %`;
}

/** Sums and differences of weights may miss what they are by less; no share of any requests is as small. */
const RESIDUE = 1e-12;

/**
 * A share of 1 as a percentage: `1.2 %`; `—` where it was not measured. Only all is 100 %, and only nothing is 0 %: what
 * is in between is not rounded to either.
 */
export function share(value: number | null): string {
  if (value === null) return "—";
  const text = digits(value * 100);
  if (text === "100" && value < 1 - RESIDUE) return "99.9 %";
  if (text === "0" && Math.abs(value) > RESIDUE) return value > 0 ? "< 0.000001 %" : "> -0.000001 %";
  return `${text} %`;
}

/** A latency: `12.3 ms`, `1.2 s`. */
export function latency(ms: number | null): string {
  if (ms === null) return "—";
  return ms >= 1000 ? `${digits(ms / 1000)} s` : `${digits(ms)} ms`;
}

/** A multiple: `1.04×`. */
export function ratio(value: number | null): string {
  return value === null ? "—" : `${digits(value)}×`;
}

/** A number of things each second: `12.4/s`. */
export function rate(perSecond: number): string {
  return `${perSecond >= 1000 ? count(perSecond) : digits(perSecond)}/s`;
}

/** A size: `64 KiB`. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let rest = value;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${digits(rest)} ${units[unit] ?? ""}`;
}

const UNITS: [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
  [1, "s"],
];

/** A length of time by its two largest units: `1h 30m`. */
export function duration(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1000));
  const parts: string[] = [];
  for (const [size, unit] of UNITS) {
    if (rest >= size) {
      parts.push(`${Math.floor(rest / size)}${unit}`);
      rest %= size;
    }
  }
  return parts.slice(0, 2).join(" ") || "0s";
}

/** How long ago, or in how long: `12s ago`, `in 2h`. By one unit, which is what a glance takes in. */
export function relative(at: number, now: number): string {
  const seconds = Math.round(Math.abs(now - at) / 1000);
  if (seconds < 1) return "now";
  const [size, unit] = UNITS.find(([length]) => seconds >= length) ?? [1, "s"];
  const words = `${Math.floor(seconds / size)}${unit}`;
  return at > now ? `in ${words}` : `${words} ago`;
}

/** The moment in the viewer's zone, to the second, with the zone: for those who compare with logs. */
export function exact(at: number, inZone?: string): string {
  return new Intl.DateTimeFormat("sv-SE", {
    dateStyle: "short",
    timeStyle: "medium",
    ...(inZone === undefined ? {} : { timeZone: inZone }),
  }).format(at);
}

/** A moment on an axis with a tick each `stepSeconds`: the day where ticks are days apart, else the time. */
export function tick(at: number, stepSeconds: number, inZone?: string): string {
  const [day = "", time = ""] = exact(at, inZone).split(" ");
  if (stepSeconds >= 86_400) return day.slice(5);
  return stepSeconds >= 60 ? time.slice(0, 5) : time;
}

/** The viewer's zone by name: `Europe/Berlin`. */
export function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Something and how many of it: `1 node`, `2 nodes`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
