// The live page: listens to the server, and shows the list of releases or one of them. The
// part of the address after # names a release of the list.

import * as deeds from "./deeds.js";
import * as list from "./list.js";
import * as release from "./release.js";
import { find, put } from "./text.js";

/** Says how the connection is; "" says nothing. */
function connection(text) {
  put(find("line"), text);
  find("line").hidden = !text;
}

const silence = 12_000; // milliseconds after which a stream is dead: the server sends something every 5 s
let host = "the server"; // what serves the page
let ends = false; // it ends with the release
let lost = 0; // when the connection was lost; 0 while it works
let leave = () => {}; // ends the present stream

const upper = (text) => text[0].toUpperCase() + text.slice(1);

/** Listens to a release, or to "": the list, or the only release. */
function connect(name) {
  leave();
  const events = new EventSource(name ? `events?release=${encodeURIComponent(name)}` : "events");
  let heard = Date.now(), watch = 0, next = 0;
  const close = () => { events.close(); clearInterval(watch); clearTimeout(next); };
  leave = close;
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
  events.addEventListener("open", () => { lost = 0; heard = Date.now(); deeds.rest(false); connection(""); });
  take("list", (changes) => { host = changes.host; show("list"); list.update(changes); });
  take("about", (about) => { ({ host, ends = false } = about); show("one"); release.about(about, name); });
  take("past", release.past);
  take("frame", release.frame);
  take("beat", () => {});
  take("end", () => {
    close();
    deeds.rest(true);
    gone();
  });
  events.addEventListener("error", () => {
    if (fail() && events.readyState === EventSource.CLOSED) again();
  });
  const again = () => { close(); next = setTimeout(() => connect(name), 2000); };
  watch = setInterval(() => {
    if (Date.now() - heard > silence && events.readyState === EventSource.OPEN && fail()) again();
  }, 1000);
}

/** Shows the list or one release. */
function show(what) {
  for (const each of ["list", "one"]) find(each).hidden = each !== what;
}

/** Follows the address. */
function go() {
  const name = decodeURIComponent(location.hash.slice(1));
  find("back").hidden = !name;
  release.begin();
  connect(name);
  if (!name) list.focus();
}

addEventListener("hashchange", go);
go();
