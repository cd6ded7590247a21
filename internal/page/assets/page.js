// The live page: listens to the server, and shows the list of releases or one of them. The
// part of the address after # names a release of the list.

import * as deeds from "./deeds.js";
import * as list from "./list.js";
import * as release from "./release.js";
import { find, put } from "./text.js";

let link = "", old = ""; // how the connection is, and why what is shown may be old; "" says nothing

/** Says what is wrong with what is shown. */
function warn() {
  const text = link || old;
  find("line").hidden = !text; // a screen reader reads what changes in a visible element
  put(find("line"), text);
}

function connection(text) {
  link = text;
  warn();
}

const silence = 12_000; // milliseconds after which a stream is dead: the server sends something every 5 s
const nap = 30_000; // milliseconds between two looks of a tab that nobody sees
let host = "the server"; // what serves the page
let ends = false; // it ends with the release
let lost = 0; // when the connection was lost; 0 while it works
let leave = () => {}; // ends the present stream
let sleeping = false; // nobody sees this tab, and it has no stream
let rest = () => {}; // ends the present stream while nobody sees this tab

const upper = (text) => text[0].toUpperCase() + text.slice(1);

/** Listens to a release, or to "": the list, or the only release. */
function connect(name) {
  leave();
  sleeping = false;
  rest = () => {};
  const events = new EventSource(name ? `events?release=${encodeURIComponent(name)}` : "events");
  let heard = Date.now(), watch = 0, next = 0;
  const close = () => { events.close(); clearInterval(watch); clearTimeout(next); };
  leave = close;
  const again = (after) => { close(); next = setTimeout(() => connect(name), after); };
  const take = (kind, use) => events.addEventListener(kind, (e) => { heard = Date.now(); use(JSON.parse(e.data)); });
  const gone = () => connection(`${upper(host)} has ended. This page shows its last moment.`);
  const fail = () => {
    lost ||= Date.now();
    deeds.rest(true);
    if (release.over() && ends) { // without a goodbye
      close();
      gone();
      return false;
    }
    if (Date.now() - lost > silence) connection(`${upper(host)} does not answer; it has probably ended. The page keeps trying.`);
    else connection(`The connection to ${host} is lost. The page tries again …`);
    return true;
  };
  // A browser has six connections to a server. Tabs that nobody sees leave them to others,
  // unless the server ends when nobody watches.
  const shown = () => {
    rest = () => {
      if (!document.hidden || ends) return;
      again(nap);
      sleeping = true;
    };
    rest();
  };
  events.addEventListener("open", () => { lost = 0; heard = Date.now(); deeds.rest(false); connection(""); });
  take("list", (changes) => { ({ host } = changes); ends = false; show("list"); list.update(changes); shown(); });
  take("about", (about) => { ({ host, ends = false } = about); show("one"); release.about(about, name); });
  take("past", release.past);
  take("frame", (frame) => { release.frame(frame); shown(); });
  take("old", (text) => { old = text; warn(); });
  take("beat", () => {});
  take("none", () => { close(); show("one"); release.none(); });
  take("end", () => {
    close();
    deeds.rest(true);
    gone();
  });
  events.addEventListener("error", () => {
    if (fail() && events.readyState === EventSource.CLOSED) again(2000);
  });
  watch = setInterval(() => {
    if (Date.now() - heard > silence && fail()) again(2000);
  }, 1000);
}

/** Shows the list or one release. Keyboards and screen readers begin at what has just come. */
function show(what) {
  const came = find(what).hidden;
  for (const each of ["list", "one"]) find(each).hidden = each !== what;
  if (!came) return;
  if (what === "list") list.focus();
  else find("headline").focus({ preventScroll: true });
}

/** Returns the release that the address names; "" if it names none. */
function named() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return location.hash.slice(1);
  }
}

/** Follows the address. */
function go() {
  find("back").hidden = !named();
  release.begin();
  connect(named());
}

addEventListener("hashchange", go);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) rest();
  else if (sleeping) connect(named());
});
go();
