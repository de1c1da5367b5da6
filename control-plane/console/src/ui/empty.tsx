import type { ComponentChildren } from "preact";

/** There is nothing yet: what it would be, and how it comes to be. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="panel empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}
