// A line chart of the last minutes, drawn as SVG.
import { useEffect, useRef, useState } from "preact/hooks";

export interface Line {
  name: string;
  /** a: the accent; b: the quiet one beside it. */
  look: "a" | "b";
  values: number[];
}

interface Props {
  title: string;
  lines: Line[];
  times: number[]; // milliseconds, one for each value
  span: number; // milliseconds that the chart shows
  format: (n: number) => string;
  least?: number; // the top of the axis is not below
}

const height = 132;
const margin = { left: 54, right: 8, top: 10, bottom: 20 };

/** nice rounds up to a number that looks well on an axis. */
export function nice(n: number): number {
  if (n <= 0) return 1;
  const step = 10 ** Math.floor(Math.log10(n));
  for (const m of [1, 2, 2.5, 5, 10]) if (n <= m * step) return m * step;
  return 10 * step;
}

export function Chart({ title, lines, times, span, format, least = 0 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(400);
  const [at, setAt] = useState<number | null>(null);
  useEffect(() => {
    const e = box.current;
    if (!e) return;
    const watch = new ResizeObserver(() => setWidth(Math.max(200, e.clientWidth)));
    watch.observe(e);
    return () => watch.disconnect();
  }, []);

  const last = times[times.length - 1] ?? 0;
  const top = nice(Math.max(least, ...lines.flatMap((l) => l.values)));
  const inner = width - margin.left - margin.right;
  const x = (t: number): number => margin.left + inner * (1 - (last - t) / span);
  const y = (v: number): number => margin.top + (height - margin.top - margin.bottom) * (1 - v / top);
  const shown = times.map((_, i) => i).filter((i) => last - (times[i] ?? 0) <= span);
  const points = (l: Line): string => shown.map((i) => `${x(times[i] ?? 0).toFixed(1)},${y(l.values[i] ?? 0).toFixed(1)}`).join(" ");
  const point = at === null || at >= times.length ? times.length - 1 : at;

  const nearest = (e: PointerEvent): void => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    const t = last - (1 - (e.clientX - left - margin.left) / inner) * span;
    let best: number | null = null;
    for (const i of shown) if (best === null || Math.abs((times[i] ?? 0) - t) < Math.abs((times[best] ?? 0) - t)) best = i;
    setAt(best);
  };
  const ticks = [0, top / 2, top];
  const minutes = span / 60000;
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <ul>
          {lines.map((l) => (
            <li key={l.name} class={l.look}>
              <i aria-hidden="true" />
              {l.name} <b>{format(l.values[point] ?? 0)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={box} onPointerMove={nearest} onPointerLeave={() => setAt(null)}>
        <svg width={width} height={height} role="img" aria-label={`${title}: ${lines.map((l) => `${l.name} ${format(l.values[times.length - 1] ?? 0)}`).join(", ")}`}>
          {ticks.map((v) => (
            <g key={v}>
              <line class="grid" x1={margin.left} x2={width - margin.right} y1={y(v)} y2={y(v)} />
              <text class="tick" x={margin.left - 6} y={y(v) + 4} text-anchor="end">
                {format(v)}
              </text>
            </g>
          ))}
          {[minutes, minutes / 2, 0].map((m) => (
            <text key={m} class="tick" x={x(last - m * 60000)} y={height - 4} text-anchor={m === minutes ? "start" : m === 0 ? "end" : "middle"}>
              {m === 0 ? "now" : `${m} min`}
            </text>
          ))}
          {[...lines].reverse().map((l) => (
            <polyline key={l.name} class={`line ${l.look}`} points={points(l)} />
          ))}
          {at !== null && times[point] !== undefined && (
            <g>
              <line class="cross" x1={x(times[point])} x2={x(times[point])} y1={margin.top} y2={height - margin.bottom} />
              {lines.map((l) => (
                <circle key={l.name} class={`mark ${l.look}`} cx={x(times[point] ?? 0)} cy={y(l.values[point] ?? 0)} r={3} />
              ))}
            </g>
          )}
        </svg>
      </div>
    </figure>
  );
}
