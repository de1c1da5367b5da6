// Which elements of two lists belong together. Pure.

export type Step = { left: number; right: number } | { left: number; right: null } | { left: null; right: number };

/** Beyond this many comparisons, lists are aligned by position: a page must stay quick. */
const MAX_WORK = 1_000_000;

/**
 * Pairs up equal elements, as many as possible in order; what lies between them is paired up by position where
 * `mayMeet` says so, and stands alone where it does not.
 */
export function align(left: string[], right: string[], mayMeet: (left: number, right: number) => boolean): Step[] {
  const steps: Step[] = [];
  let l = 0;
  let r = 0;
  for (const [a, b] of [...common(left, right), [left.length, right.length] as const]) {
    between(l, a, r, b, mayMeet, steps);
    if (a < left.length) steps.push({ left: a, right: b });
    [l, r] = [a + 1, b + 1];
  }
  return steps;
}

function between(
  l: number,
  leftEnd: number,
  r: number,
  rightEnd: number,
  mayMeet: (left: number, right: number) => boolean,
  steps: Step[],
): void {
  let [a, b] = [l, r];
  for (; a < leftEnd && b < rightEnd && mayMeet(a, b); a += 1, b += 1) steps.push({ left: a, right: b });
  for (; a < leftEnd; a += 1) steps.push({ left: a, right: null });
  for (; b < rightEnd; b += 1) steps.push({ left: null, right: b });
}

/** A longest common subsequence, as pairs of positions. */
function common(left: string[], right: string[]): [number, number][] {
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let [a, b] = [left.length, right.length];
  while (a > start && b > start && left[a - 1] === right[b - 1]) [a, b] = [a - 1, b - 1];
  const pairs: [number, number][] = [];
  for (let i = 0; i < start; i += 1) pairs.push([i, i]);
  pairs.push(...middle(left.slice(start, a), right.slice(start, b)).map(([x, y]): [number, number] => [x + start, y + start]));
  for (let i = 0; a + i < left.length; i += 1) pairs.push([a + i, b + i]);
  return pairs;
}

function middle(left: string[], right: string[]): [number, number][] {
  const width = right.length + 1;
  if (left.length === 0 || right.length === 0 || left.length * right.length > MAX_WORK) return [];
  const lengths = new Uint32Array((left.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  for (let [i, j] = [0, 0]; i < left.length && j < right.length; ) {
    if (left[i] === right[j]) {
      pairs.push([i, j]);
      [i, j] = [i + 1, j + 1];
    } else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return pairs;
}
