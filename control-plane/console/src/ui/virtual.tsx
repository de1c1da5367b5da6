import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface VirtualProps<Item> {
  items: Item[];
  /** All rows are as high as this, in pixels. */
  rowHeight: number;
  render: (item: Item, index: number) => ComponentChildren;
}

/** Rows beyond the window that are drawn all the same, so that a quick scroll shows no gap. */
const SPARE = 12;

/** A long list of which only what is in sight is drawn. It scrolls by itself, and by keyboard. */
export function Virtual<Item>({ items, rowHeight, render }: VirtualProps<Item>) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(800);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / rowHeight) - SPARE);
  const last = Math.min(items.length, Math.ceil((top + height) / rowHeight) + SPARE);
  return (
    <div
      class="virtual"
      ref={box}
      role="rowgroup"
      tabIndex={0}
      onScroll={(event) => {
        // Redrawn only when the rows that are drawn run out.
        const at = event.currentTarget.scrollTop;
        if (Math.abs(at - top) >= rowHeight * (SPARE / 2) || at === 0) setTop(at);
      }}
    >
      <div class="virtual-space" role="presentation" style={{ height: `${items.length * rowHeight}px` }}>
        <div class="virtual-rows" role="presentation" style={{ transform: `translateY(${first * rowHeight}px)` }}>
          {items.slice(first, last).map((item, index) => render(item, first + index))}
        </div>
      </div>
    </div>
  );
}
