// The difference of each metric as a bar around zero, with its interval.

import { make, shape } from "./text.js";

/** Shows the metrics; more is the number of those that are left out. */
export function metrics(at, all, more) {
  const rows = all.map((m) => {
    const row = make("div", "metric", make("p", "", make("b", "", m.name), make("span", m.tone, m.reads)));
    if (m.bar) row.append(bar(m.bar, m.tone), make("p", "counts", m.difference + (m.ratio ? ` · ${m.ratio}` : "")));
    row.append(make("p", "counts", `canary ${m.canary} · stable ${m.stable}`));
    return row;
  });
  if (rows.length === 0) rows.push(make("p", "note", "Nothing is measured yet."));
  if (more > 0) rows.push(make("p", "note", `and ${more} more with less evidence of harm`));
  at.replaceChildren(...rows);
}

/** Draws the shapes that the report has too. The numbers are in the text beside it. */
function bar(b, look) {
  const svg = shape("svg", { viewBox: b.box, preserveAspectRatio: "none" });
  svg.append(...b.shapes.map((s) => shape("path", { class: s.class, d: s.path })));
  const row = make("div", `bar ${look}`, make("span", "", b.left), svg, make("span", "", b.right));
  row.setAttribute("aria-hidden", "true");
  return row;
}
