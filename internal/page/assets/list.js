// The list of releases. Those that need a person come first.

import { find, make, percent, put, tone } from "./text.js";

const rows = new Map(); // the row and its element, by the release's name
const over = 2; // the rank of a release that is over
let last = ""; // the release that was opened last

/** Takes what changed. */
export function update(changes) {
  document.title = `${changes.summary} · canarize`;
  put(find("summary"), changes.summary);
  if (changes.first) {
    const still = new Set(changes.rows.map((r) => r.id));
    for (const id of rows.keys()) if (!still.has(id)) remove(id);
  }
  for (const id of changes.gone) remove(id);
  for (const row of changes.rows) write(row);
  sort();
  sift();
  announce();
}

/** Tells a screen reader how many releases need a person, when that changes. */
function announce() {
  const needy = [...rows.values()].filter(({ row }) => row.rank === 0).length;
  put(find("verdict"), needy === 1 ? "1 release needs a person" : `${needy} releases need a person`);
}

function remove(id) {
  rows.get(id)?.at.remove();
  rows.delete(id);
}

/** Shows what is new in a row. */
function write(row) {
  const old = rows.get(row.id);
  const at = old?.at ?? make("li", "", make("a", "", make("b"), make("span", "state"), make("span", "share"), make("span", "version"), make("span", "what")));
  const link = at.firstChild;
  link.href = `#${encodeURIComponent(row.id)}`;
  [row.name, row.state, row.rank === over ? "" : percent(row.weight), row.version, row.sentence].forEach((text, i) => put(link.children[i], text));
  tone(link.children[1], row.tone);
  rows.set(row.id, { row, at, text: [row.name, row.state, row.version, row.sentence].join(" ").toLowerCase() });
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Puts the rows in their order. What is in its place stays, with the focus. */
function sort() {
  let next = find("rows").firstChild;
  for (const { at } of [...rows.values()].sort((a, b) => a.row.rank - b.row.rank || compare(a.row.id, b.row.id))) {
    if (at === next) next = next.nextSibling;
    else find("rows").insertBefore(at, next);
  }
}

/** Shows only the rows that have what the visitor looks for. */
function sift() {
  const words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { at, text } of rows.values()) {
    at.hidden = !words.every((w) => text.includes(w));
    if (!at.hidden) shown++;
  }
  put(find("found"), words.length ? `${shown} of ${rows.size}` : "");
}

/** Puts the focus where it was before a release was opened. */
export function focus() {
  if (!last) return;
  const at = rows.get(last)?.at;
  (at && !at.hidden ? at.firstChild : find("filter")).focus();
}

find("filter").addEventListener("input", sift);
find("rows").addEventListener("click", (e) => {
  const link = e.target.closest("a");
  if (link) last = decodeURIComponent(link.hash.slice(1));
});
