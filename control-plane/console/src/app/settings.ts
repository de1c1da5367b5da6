// What the viewer chose, kept by the browser.
import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

export const theme = signal<Theme>(read("umbra.theme", ["system", "light", "dark"], "system"));

/** From how many points of percent on a step of a valve asks for a reason. 10 is where a step stops being a look. */
export const reasonStep = signal(readNumber("umbra.reason-step", 10));

/** Grows whenever colours change, so that what is drawn by hand is drawn anew. */
export const colours = signal(0);

export function apply(): void {
  effect(() => {
    keep("umbra.theme", theme.value);
    if (theme.value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.value;
    colours.value = colours.peek() + 1;
  });
  effect(() => keep("umbra.reason-step", String(reasonStep.value)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (colours.value += 1));
}

function read<T extends string>(name: string, known: readonly T[], otherwise: T): T {
  const kept = localStorage.getItem(name);
  return known.find((value) => value === kept) ?? otherwise;
}

function readNumber(name: string, otherwise: number): number {
  const kept = Number(localStorage.getItem(name) ?? NaN);
  return kept >= 0 && kept <= 100 ? kept : otherwise;
}

function keep(name: string, value: string): void {
  localStorage.setItem(name, value);
}
