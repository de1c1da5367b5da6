/** How a share went, small: a line from the oldest to the newest, with gaps where nothing was measured. */
export function Sparkline({ values, label }: { values: (number | null)[]; label: string }) {
  const [width, height] = [84, 18];
  const top = Math.max(...values.map((value) => value ?? 0), 1e-9);
  const x = (index: number): number => (values.length < 2 ? 0 : (index / (values.length - 1)) * (width - 4) + 2);
  const y = (value: number): number => height - 2 - (value / top) * (height - 4);
  let path = "";
  let isDown = false;
  for (const [index, value] of values.entries()) {
    if (value !== null) path += `${isDown ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    isDown = value !== null;
  }
  return (
    <svg class="sparkline" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      <path d={path} />
    </svg>
  );
}
