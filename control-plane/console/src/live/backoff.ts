// How long to wait before trying again. Pure.

/** The first wait, in milliseconds: a restart of the control plane takes about as long. */
const FIRST_MS = 500;
/** The longest: who looks at the page should not wait longer than this for it to recover. */
const LONGEST_MS = 10_000;

/** Doubles with every failure, up to the longest. `chance`, 0 to 1, spreads many browsers over the upper half. */
export function wait(failures: number, chance: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
  return Math.round(whole / 2 + (whole / 2) * chance);
}
