// By which a request that is sent again is known: the key stays the same until it is answered.

const kept = new Map<string, string>();

/** The key of what is asked: that of before, where there was no answer to it yet. */
export function keyFor(asked: string): string {
  const key = kept.get(asked) ?? fresh();
  kept.set(asked, key);
  return key;
}

/** It was answered: asked once more, it is meant once more. */
export function settle(asked: string): void {
  kept.delete(asked);
}

/** `crypto.randomUUID` is not there over plain HTTP. */
function fresh(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
