// A curve over the last ten minutes, drawn by uPlot in the page's colours and sizes. It knows nothing of the room.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { clock, count } from "../format.js";
import { lang } from "../i18n.js";
import { html } from "../ui/html.js";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

const LABEL_SECONDS_BELOW_S = 240; // over a span this short, minutes alone would repeat

/** Labels of the time axis for `list` in Unix seconds. */
function timesOf(plot, list) {
  const spanS = plot.scales.x.max - plot.scales.x.min;
  return list.map((second) => clock(second * 1000, { short: spanS > LABEL_SECONDS_BELOW_S }));
}

const wholes = (_plot, list) => list.map((n) => (Number.isInteger(n) ? count(n) : ""));

function axis(values, space, size) {
  return {
    stroke: style("--faint"), font: `${Math.max(11, Math.round(rem() * 1.05))}px ${style("--font")}`,
    grid: { stroke: style("--hairline"), width: 1 }, ticks: { show: false }, gap: rem() * 0.4, space: rem() * space, size: rem() * size, values,
  };
}

function fade(colour) {
  return (plot) => {
    const { top, height } = plot.bbox;
    const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
    gradient.addColorStop(0, `${colour}66`);
    gradient.addColorStop(1, `${colour}05`);
    return gradient;
  };
}

function options(box, { colour, bars, fromZero }) {
  const ink = style(colour);
  return {
    width: box.clientWidth, height: box.clientHeight, padding: [rem() * 0.5, rem() * 3, 0, 0], // half of the last label stands right of its line
    cursor: { show: false }, legend: { show: false },
    scales: { x: { time: true }, y: { range: (_plot, low, high) => bounds(low, high, fromZero) } },
    axes: [axis(timesOf, 9, 2.2), axis(wholes, 2.4, 4.2)],
    series: [{}, { stroke: ink, width: Math.max(2, rem() * 0.16), fill: fade(ink), points: { show: false }, ...(bars && { paths: uPlot.paths.bars({ size: [0.72, 60], radius: 0.2 }), width: 0, fill: ink }) }],
  };
}

/** Room above and below, so that a flat line is not read as an empty chart. */
function bounds(low, high, fromZero) {
  if (low == null) return [0, 1];
  if (fromZero) return [0, Math.max(4, Math.ceil(high * 1.15))];
  const span = Math.max(high - low, high * 0.1, 4);
  return [Math.max(0, Math.floor(low - span * 0.2)), Math.ceil(high + span * 0.15)];
}

/** `times` in Unix ms and as many `values`; `colour` names a custom property; `label` is for screen readers. */
export function Curve({ times, values, colour, label, bars = false, fromZero = false }) {
  const box = useRef(null);
  const plot = useRef(null);
  const data = [times.map((ms) => ms / 1000), values];
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const draw = () => {
      plot.current?.destroy();
      plot.current = box.current.clientWidth ? new uPlot(options(box.current, { colour, bars, fromZero }), latest.current, box.current) : null;
    };
    const watch = new ResizeObserver(draw);
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      plot.current?.destroy();
    };
  }, [colour, lang.value]);
  useEffect(() => plot.current?.setData(data), [times.at(-1), values.at(-1), times.length]);
  return html`<div class="curve" role="img" aria-label=${label} ref=${box}></div>`;
}
