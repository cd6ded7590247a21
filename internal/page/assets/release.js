// One release: takes what the server sends, and draws it.

import { chart } from "./chart.js";
import * as deeds from "./deeds.js";
import { Lanes } from "./lanes.js";
import { metrics } from "./metrics.js";
import { find, make, percent, put, seconds, tone, whole } from "./text.js";

const lanes = new Lanes(find("dots"));
let last, course, drawn, told, shown; // the last frame, what happened, the metrics and the ending as they are drawn, the verdict that was said
let called = ""; // the release's name
let bad = ""; // what a request is that counts against its version

/** Forgets the release that was shown. */
export function begin() {
  last = null;
  course = { points: [], lines: [] };
  drawn = told = "";
  lanes.begin();
  deeds.begin();
  put(find("headline"), "Connecting …");
  tone(find("top"), "");
  find("one").classList.add("empty");
}

/** Says that there is no such release. */
export function none() {
  put(find("headline"), "There is no such release");
  document.title = "There is no such release · canarize";
}

/** Reports whether the release is over. */
export const over = () => Boolean(last?.end);

/** Takes what seldom changes. name is the release's in the list; "" for the only one. */
export function about(a, name) {
  find("one").classList.remove("empty");
  called = a.release;
  put(find("which"), `Release of ${called}`);
  put(find("story"), a.story ?? "");
  put(find("rules"), a.rules ?? "");
  put(find("dots-note"), a.dots);
  put(find("bad"), a.bad);
  bad = a.bad;
  find("report-link").href = name ? `report.html?release=${encodeURIComponent(name)}` : "report.html";
  deeds.offer(a.groups, a.rights ?? "", { release: name, seen: a.seen ?? "" });
  facts(a.facts ?? []);
  earlier(a.earlier ?? []);
}

/** A fact's value, with its link. */
function value(f) {
  if (!/^https?:\/\//.test(f.link ?? "")) return f.value;
  const link = make("a", "", f.value);
  link.href = f.link;
  link.rel = "noreferrer";
  return link;
}

function facts(all) {
  find("facts-section").hidden = all.length === 0;
  find("facts").replaceChildren(...all.map((f) => make("div", "", make("dt", "", f.name), make("dd", "", value(f)))));
}

function earlier(all) {
  find("earlier-section").hidden = all.length === 0;
  const heads = [...document.querySelectorAll("#earlier-section th")].map((h) => h.textContent);
  find("earlier").replaceChildren(...all.map((e) => {
    const cells = [`${e.number}`, new Date(e.ended).toLocaleString("en-GB"), make("span", e.tone, e.by ? `${e.ending} by ${e.by}` : e.ending), e.version, percent(e.most), e.cost, value(e.run), e.mark];
    const row = make("tr", "", ...cells.map((c) => make("td", "", c)));
    heads.forEach((h, i) => { row.cells[i].dataset.label = h; });
    row.title = e.reason;
    return row;
  }));
}

/** Takes what the release is now. */
export function frame(f) {
  const first = !last;
  last = f;
  put(find("headline"), f.headline);
  tone(find("top"), f.tone);
  document.title = `${f.headline} · ${called}`;
  lanes.add(f);
  for (const lane of ["stable", "canary"]) {
    const share = lane === "canary" ? f.weight : 100 - f.weight;
    put(find(`${lane}-name`), f[lane].name);
    put(find(`${lane}-count`), `${percent(share)} · ${whole(f[lane].requests)} requests, ${whole(f[lane].failed)} ${bad}`);
  }
  put(find("counted"), f.counted ?? "");
  put(find("harm-now"), f.harm.now);
  put(find("health-now"), f.health.now);
  put(find("hurt"), whole(f.hurt.failed));
  put(find("hurt-what"), f.hurt.what);
  put(find("since"), seconds(f.hurt.since));
  put(find("usual"), f.hurt.usual ?? "");
  const now = JSON.stringify([f.metrics, f.more]);
  if (now !== drawn) metrics(find("metrics"), f.metrics, f.more);
  drawn = now;
  others(f.others);
  announce(f);
  find("report").hidden = !f.report;
  find("details").hidden = Boolean(f.unknown);
  ended(f.end);
  if (first) charts(); // past came before
}

/** Tells a screen reader the verdict when another one is reached, not at every look. */
function announce(f) {
  const verdict = f.end ? f.end.sentence : `${f.headline}. ${f.verdict.split(":")[0]}`;
  if (verdict !== told) put(find("verdict"), f.end ? f.end.sentence : `${f.headline}. ${f.verdict}`);
  told = verdict;
}

const looks = ["bad", "ghost dash", "ghost dots"]; // of the lines of this release and of the others
const swatches = ["bad", "dashed", "dotted"];

function others(all) {
  const at = find("others");
  while (at.rows.length > all.length) at.deleteRow(-1);
  all.forEach((o, i) => {
    const row = at.rows[i] ?? at.appendChild(make("tr", "", make("th", "", make("i", `swatch ${swatches[i] ?? ""}`), make("span")), make("td"), make("td"), make("td")));
    row.className = o.own ? "own" : "";
    row.cells[0].scope = "row";
    put(row.cells[0].lastChild, o.name);
    [percent(o.weight), whole(o.failed), o.state].forEach((text, n) => put(row.cells[n + 1], text));
    tone(row.cells[3], o.tone);
  });
}

function charts() {
  if (!last || find("one").hidden) return;
  const times = course.points.map((p) => p.at);
  const limits = [["harm", "bad", true], ["health", "good", false]].filter(([name]) => last[name].bound > 1)
    .map(([name, look, above]) => ({ look, above, at: last[name].bound, text: last[name].means }));
  chart(find("evidence"), {
    times, limits, logarithmic: true,
    lines: [{ look: "good dash", values: course.points.map((p) => p.health) }, { look: "bad", values: course.points.map((p) => p.harm) }],
  });
  chart(find("hurting"), { times, lines: last.others.map((o, i) => ({ look: looks[i] ?? "ghost", values: course.points.map((p) => p.failed[i] ?? 0) })).reverse() });
}

/** Takes what happened so far. */
export function past(p) {
  course = p;
  charts();
  const log = find("log"), down = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.replaceChildren(...p.lines.map((l) => {
    const time = make("time", "", new Date(l.time).toLocaleTimeString("en-GB"));
    time.dateTime = l.time;
    return make("li", l.tone, time, ` ${l.text}`);
  }));
  if (down) log.scrollTop = log.scrollHeight;
}

/** Shows how the release ended; not while it goes on, or another one of its name has begun. */
function ended(end) {
  deeds.end(Boolean(end));
  const now = JSON.stringify(end) ?? "";
  if (now === shown) return;
  shown = now;
  find("end").hidden = !end;
  if (!end) return;
  put(find("sentence"), end.sentence);
  tone(find("sentence"), end.tone);
  find("next-steps").hidden = end.next.length === 0;
  find("next").replaceChildren(...end.next.map((c) => make("div", "", make("dt", "", make("code", "", c.line)), make("dd", "", c.what))));
}

new ResizeObserver(charts).observe(document.body);
