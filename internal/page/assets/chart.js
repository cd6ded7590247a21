// Lines over time, drawn as SVG. The numbers come from the server.

import { seconds, shape } from "./text.js";

const nice = (top) => {
  const digit = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 5, 10].map((n) => n * digit).find((n) => n >= top);
};

/** Breaks a sentence into lines of at most so many characters. */
function folded(text, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (lines[last] && lines[last].length + word.length + 1 > most) lines.push(word);
    else lines[last] += (lines[last] ? " " : "") + word;
  }
  return lines;
}

/**
 * Draws a chart. lines are { look, values, name }, one value for each of times; limits are
 * { look, at, text, above }. A logarithmic axis begins at 1, another one at 0.
 */
export function chart(svg, { times, lines, limits = [], logarithmic }) {
  const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const width = Math.max(svg.getBoundingClientRect().width / unit, 240);
  const room = Math.floor((width - 60) / 6.3); // characters in a line of text
  const names = limits.map((l) => folded(l.text, room));
  const high = Math.max(...names.filter((_, i) => limits[i].above).map((n) => n.length), 0) * 15;
  const height = (logarithmic ? 170 : 130) + high, left = 44, right = width - 10, bottom = height - 22, top = 12 + high;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const end = Math.max(times.at(-1) ?? 0, 30);
  const values = lines.flatMap((l) => l.values);
  const most = logarithmic ? Math.max(10, ...limits.map((l) => l.at)) * 1.15 : nice(Math.max(5, ...values));
  const x = (t) => left + (t / end) * (right - left);
  const y = (v) => {
    const part = logarithmic ? Math.log(Math.min(Math.max(v, 1), most)) / Math.log(most) : v / most;
    return bottom - part * (bottom - top);
  };
  const drawn = [];
  const text = (at, words, look = "", anchor = "start") => drawn.push(shape("text", { x: at[0], y: at[1], class: look, "text-anchor": anchor, "font-size": 12 }, words));
  const marks = logarithmic ? [1, 10, 100, 1000, 1e4, 1e5].filter((v) => v <= most) : [0, most / 2, most];
  for (const v of marks) {
    drawn.push(shape("line", { x1: left, x2: right, y1: y(v), y2: y(v), class: "axis" }));
    text([left - 6, y(v) + 4], v.toLocaleString("en"), "", "end");
  }
  text([left, height - 5], "0 s");
  text([right, height - 5], end < 100 ? `${Math.round(end)} s` : seconds(end), "", "end");
  limits.forEach((l, i) => {
    drawn.push(shape("line", { x1: left, x2: right, y1: y(l.at), y2: y(l.at), class: `limit ${l.look}` }));
    const first = l.above ? y(l.at) - 5 - (names[i].length - 1) * 15 : y(l.at) + 14;
    names[i].forEach((words, n) => text([left + 4, first + n * 15], words, l.look));
  });
  for (const l of lines) {
    const points = times.map((t, i) => `${x(t).toFixed(1)},${y(l.values[i]).toFixed(1)}`).join(" ");
    drawn.push(shape("polyline", { points, class: l.look, "stroke-linejoin": "round" }));
  }
  svg.replaceChildren(...drawn);
}
