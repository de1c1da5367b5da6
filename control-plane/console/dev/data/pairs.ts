import type { Pair, PairAnswer, PairDifference } from "../../src/api/evidence.ts";
import { Random } from "./random.ts";

const TITLES = ["oak chair", "steel lamp", "linen bowl", "glass notebook"];

function cart(id: number, random: Random): Record<string, unknown> {
  const items = Array.from({ length: 3 + (id % 4) }, (_, index) => ({
    id: 9_000 + id * 7 + index,
    title: TITLES[(id + index) % TITLES.length],
    quantity: 1 + (index % 3),
    price: (100 + ((id * 37 + index * 411) % 9_900)) / 100,
  }));
  return {
    id,
    requestId: random.hex(16),
    currency: "EUR",
    customer: { id: 40 + (id % 80), tier: id % 3 === 0 ? "gold" : "plain", address: { city: "Leipzig", zip: "04109" } },
    items,
    total: Math.round(items.reduce((sum, item) => sum + item.price * item.quantity, 0) * 100) / 100,
  };
}

const answer = (status: number, body: unknown, ms: number): PairAnswer => {
  const text = JSON.stringify(body);
  return {
    outcome: "answered",
    status,
    headers_ms: ms - 0.2,
    end_ms: ms,
    headers: [{ name: "content-type", value: "application/json; charset=utf-8" }],
    body: { length: text.length, text, truncated: false },
  };
};

/** Sampled pairs of the shadow that is past its limit, the newest first. */
export function pairs(now: number): Pair[] {
  const random = new Random(11);
  return Array.from({ length: 46 }, (_, index): Pair => {
    const id = 417 - index;
    const primary = cart(id, random);
    const shadow = structuredClone(primary) as { requestId: string; items: { price: unknown }[] } & Record<string, unknown>;
    shadow.requestId = random.hex(16);
    const differences: PairDifference[] = [];
    const kind = index % 5;
    const at = (path: string, place: string, how: PairDifference["kind"], left: unknown, right: unknown): void => {
      const text = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
      differences.push({ path, at: place, kind: how, primary: text(left), shadow: text(right) });
    };
    if (kind === 0) {
      for (const [place, item] of shadow.items.entries()) {
        at("$.items[*].price", `$.items[${place}].price`, "type", item.price, String(item.price));
        item.price = String(item.price);
      }
    } else if (kind === 1) {
      at("$.loyalty", "$.loyalty", "extra", undefined, { points: 12, until: "2027-01-01" });
      shadow.loyalty = { points: 12, until: "2027-01-01" };
      at("$.customer.tier", "$.customer.tier", "missing", "plain", undefined);
      delete (shadow.customer as Record<string, unknown>).tier;
    } else if (kind === 2) {
      shadow.items.reverse();
      at("$.items", "$.items", "order", primary.items, shadow.items);
    }
    const failed = kind === 4 && index % 2 === 0;
    return {
      id,
      pair: id.toString(16).padStart(32, "0"),
      at: new Date(now - index * 41_000).toISOString(),
      endpoint: "GET /cart/{id}",
      method: "GET",
      path: `/cart/${id}?full=1`,
      outcome: failed ? "timeout" : kind > 2 ? "match" : "different",
      weight: 1,
      primary: answer(200, primary, 11.4 + random.next() * 6),
      shadow: failed
        ? { outcome: "timeout", headers: [], body: { length: 0, truncated: false } }
        : answer(200, shadow, 12.9 + random.next() * 9),
      control: answer(200, { ...primary, requestId: random.hex(16) }, 11.9),
      differences,
      noise: [],
      remark: null,
    };
  });
}
