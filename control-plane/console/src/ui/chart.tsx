import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { colours } from "../app/settings";
import { exact, tick } from "../model/format";

export interface Series {
  label: string;
  /** The name of a custom property: `--primary`. */
  colour: string;
  values: (number | null)[];
  dashed?: boolean;
}

interface ChartProps {
  title: string;
  /** Seconds since 1970, rising. */
  times: number[];
  series: Series[];
  format: (value: number | null) => string;
  /** Fills between the series at these two places. */
  band?: [number, number];
  /** For what has no meaningful zero: the scale is that of the values. */
  isFree?: boolean;
}

const HEIGHT = 168;
/** How far the scale reaches where every value is 0: 1 % of a share. */
const NOTHING = 0.01;

/** Lines over time, with the values under the cursor. */
export function Chart({ title, times, series, format, band, isFree = false }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const shape = series.map(({ label }) => label).join();
  const data = [times, ...series.map(({ values }) => values)] as uPlot.AlignedData;
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const drawn = new uPlot(options(element, { series, format, band, isFree }), latest.current, element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
    };
  }, [shape, colours.value]);
  useEffect(() => plot.current?.setData(data), [data]);

  const last = series.map(({ label, values }) => `${label} ${format(values.findLast((value) => value !== null) ?? null)}`);
  return (
    <figure class="chart">
      <figcaption>
        {title} <span class="sr-only">Newest: {last.join(", ")}.</span>
      </figcaption>
      <div ref={box} aria-hidden="true" />
    </figure>
  );
}

/** Where the cursor is; without one, the newest moment. */
function newest(times: ArrayLike<number>, index: number | null | undefined): number {
  return index ?? times.length - 1;
}

/** With the day where the chart has more than one. */
function moment(times: ArrayLike<number>, index: number | null | undefined): string {
  const at = times[newest(times, index)];
  if (at === undefined) return "—";
  const text = exact(at * 1000);
  const isLong = (times[times.length - 1] ?? at) - (times[0] ?? at) > 86_400;
  return isLong ? text.slice(5, 16) : text.slice(11);
}

interface Look extends Pick<ChartProps, "series" | "format"> {
  band: ChartProps["band"] | undefined;
  isFree: boolean;
}

function options(element: HTMLElement, { series, format, band, isFree }: Look): uPlot.Options {
  const styles = getComputedStyle(element);
  const colour = (name: string): string => styles.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour("--ink-2"),
    font: "11px system-ui, sans-serif",
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1, size: 4 },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
    scales: isFree ? {} : { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : NOTHING] } },
    axes: [
      { ...axis, size: 26, values: (_plot, splits, _axis, _space, step) => splits.map((at) => tick(at * 1000, step)) },
      { ...axis, size: 58, values: (_plot, splits) => splits.map((value) => format(value)) },
    ],
    series: [
      { label: "at", value: (plot, _raw, _series, index) => moment(plot.data[0], index) },
      ...series.map((one): uPlot.Series => ({
        label: one.label,
        stroke: colour(one.colour),
        width: 1.5,
        points: { show: false },
        ...(one.dashed === true ? { dash: [4, 3] } : {}),
        value: (plot, _raw, place, index) => format(plot.data[place]?.[newest(plot.data[0], index)] ?? null),
      })),
    ],
    ...(band === undefined ? {} : { bands: [{ series: band, fill: colour("--band") }] }),
  };
}
