// The live page: takes what the server sends, and draws it.

import { chart } from "./chart.js";
import * as deeds from "./deeds.js";
import { Lanes } from "./lanes.js";
import { metrics } from "./metrics.js";
import { find, make, percent, put, seconds, tone, whole } from "./text.js";

const lanes = new Lanes(find("dots"));
let last = null; // the last frame
let past = { points: [], lines: [] };
let drawn = ""; // the metrics as they are drawn
let told = ""; // the verdict that a screen reader was told

function about(a) {
  put(find("which"), `Release of ${a.release}`);
  put(find("story"), a.story ?? "");
  put(find("rules"), a.rules ?? "");
  document.title = a.release;
  deeds.offer(a.groups);
}

function frame(f) {
  last = f;
  put(find("headline"), f.headline);
  tone(find("top"), f.tone);
  document.title = f.headline;
  lanes.add(f);
  for (const lane of ["stable", "canary"]) {
    const share = lane === "canary" ? f.weight : 100 - f.weight;
    put(find(`${lane}-name`), f[lane].name);
    put(find(`${lane}-count`), `${percent(share)} · ${whole(f[lane].requests)} requests, ${whole(f[lane].failed)} failed`);
  }
  put(find("harm-now"), f.harm.now);
  put(find("health-now"), f.health.now);
  put(find("hurt"), whole(f.hurt.failed));
  put(find("since"), seconds(f.hurt.since));
  put(find("usual"), f.hurt.usual ?? "");
  const now = JSON.stringify([f.metrics, f.more]);
  if (now !== drawn) metrics(find("metrics"), f.metrics, f.more);
  drawn = now;
  others(f.others);
  announce(f);
  if (f.end) ended(f.end);
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
  if (!last) return;
  const times = past.points.map((p) => p.at);
  const limits = [["harm", "bad", true], ["health", "good", false]].filter(([name]) => last[name].bound > 1)
    .map(([name, look, above]) => ({ look, above, at: last[name].bound, text: last[name].means }));
  chart(find("evidence"), {
    times, limits, logarithmic: true,
    lines: [{ look: "good dash", values: past.points.map((p) => p.health) }, { look: "bad", values: past.points.map((p) => p.harm) }],
  });
  chart(find("hurting"), { times, lines: last.others.map((o, i) => ({ look: looks[i] ?? "ghost", values: past.points.map((p) => p.failed[i] ?? 0) })).reverse() });
}

function history(p) {
  past = p;
  charts();
  const log = find("log"), down = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.replaceChildren(...p.lines.map((l) => {
    const time = make("time", "", new Date(l.time).toLocaleTimeString("en-GB"));
    time.dateTime = l.time;
    return make("li", l.tone, time, ` ${l.text}`);
  }));
  if (down) log.scrollTop = log.scrollHeight;
}

function ended(end) {
  deeds.end();
  if (!find("end").hidden) return;
  put(find("sentence"), end.sentence);
  tone(find("sentence"), end.tone);
  find("report").hidden = !end.report;
  find("next").replaceChildren(...end.next.map((c) => make("div", "", make("dt", "", make("code", "", c.line)), make("dd", "", c.what))));
  find("end").hidden = false;
}

/** Says how the connection is; "" says nothing. */
function connection(text) {
  put(find("line"), text);
  find("line").hidden = !text;
}

const gone = "The demo has ended. This page shows its last moment.";
const silence = 12_000; // milliseconds after which a stream is dead: the server sends something every 5 s
let lost = 0; // when the connection was lost; 0 while it works

function connect() {
  const events = new EventSource("events");
  let heard = Date.now(), watch = 0;
  const close = () => { events.close(); clearInterval(watch); };
  const take = (name, use) => events.addEventListener(name, (e) => { heard = Date.now(); use(JSON.parse(e.data)); });
  const fail = () => {
    lost ||= Date.now();
    if (last?.end) { // it ended without a goodbye
      close();
      connection(gone);
    } else if (Date.now() - lost > silence) {
      deeds.rest(true);
      connection("The demo does not answer; it has probably ended. The page keeps trying.");
    } else {
      deeds.rest(true);
      connection("The connection to the demo is lost. The page tries again …");
    }
    return !last?.end;
  };
  events.addEventListener("open", () => { lost = 0; heard = Date.now(); deeds.rest(false); connection(""); });
  take("about", about);
  take("past", history);
  take("frame", frame);
  take("beat", () => {});
  take("end", () => {
    close();
    deeds.end();
    connection(gone);
  });
  events.addEventListener("error", () => {
    if (fail() && events.readyState === EventSource.CLOSED) again();
  });
  const again = () => { close(); setTimeout(connect, 2000); };
  watch = setInterval(() => {
    if (Date.now() - heard > silence && events.readyState === EventSource.OPEN && fail()) again();
  }, 1000);
}

new ResizeObserver(charts).observe(document.body);
connect();
