// The difference of each metric as a bar around zero, with its interval.

import { make, shape } from "./text.js";

const steps = [1, 2, 5, 10, 20, 50, 100];

/** Shows the metrics; more is the number of those that are left out. */
export function metrics(at, all, more) {
  const widest = Math.max(1, ...all.filter((m) => m.difference).map((m) => Math.max(-m.difference.low, m.difference.high)));
  const scale = steps.find((s) => s >= widest) ?? 100;
  const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const width = Math.max(at.getBoundingClientRect().width / unit, 240);
  const rows = all.map((m) => {
    const title = make("p", "", make("b", "", m.name), make("span", m.tone, m.reads));
    const counts = make("p", "counts", `canary ${m.canary} · stable ${m.stable}`);
    const row = make("div", "metric", title);
    if (m.difference) row.append(bar(m, scale, width), make("p", "counts", m.difference.text + (m.ratio ? ` · ${m.ratio}` : "")));
    row.append(counts);
    return row;
  });
  if (rows.length === 0) rows.push(make("p", "note", "Nothing is measured yet."));
  if (more > 0) rows.push(make("p", "note", `and ${more} more with less evidence of harm`));
  at.replaceChildren(...rows);
}

function bar(m, scale, width) {
  const middle = width / 2, d = m.difference;
  const x = (v) => middle + (Math.max(-scale, Math.min(scale, v)) / scale) * (middle - 50);
  const svg = shape("svg", { viewBox: `0 0 ${width} 34`, role: "img", "aria-label": `${m.name}: ${d.text}`, class: m.tone });
  svg.append(
    shape("line", { x1: 50, x2: width - 50, y1: 15, y2: 15, class: "axis" }),
    shape("rect", { x: Math.min(middle, x(d.value)), width: Math.max(Math.abs(x(d.value) - middle), 1), y: 8, height: 14, fill: "currentColor", opacity: 0.45 }),
    shape("line", { x1: x(d.low), x2: x(d.high), y1: 15, y2: 15, stroke: "currentColor", "stroke-width": 2 }),
    shape("line", { x1: x(d.low), x2: x(d.low), y1: 9, y2: 21, stroke: "currentColor", "stroke-width": 2 }),
    shape("line", { x1: x(d.high), x2: x(d.high), y1: 9, y2: 21, stroke: "currentColor", "stroke-width": 2 }),
    shape("line", { x1: middle, x2: middle, y1: 2, y2: 26, class: "zero" }),
    shape("text", { x: 44, y: 20, "text-anchor": "end", "font-size": 12 }, `−${scale}`),
    shape("text", { x: width - 44, y: 20, "font-size": 12 }, `+${scale}`),
  );
  return svg;
}
