// The buttons.

import { find, make, put, tone } from "./text.js";

const token = location.pathname.split("/")[1];
let over = false, resting = false; // the release is over; nobody answers
let offered = ""; // the buttons as they are
let about = {}; // the release that they are for

/** Forgets the buttons of another release. */
export function begin() {
  over = false;
  offered = "";
  find("confirm").close();
  say("", "");
}

/** Makes the buttons, in groups, for a release. rights says whose they are, or why there are none. */
export function offer(groups, rights, release) {
  about = release;
  put(find("rights"), rights);
  find("deeds-section").hidden = groups.length === 0 && !rights;
  if (JSON.stringify(groups) === offered) return; // what is the same keeps the focus
  offered = JSON.stringify(groups);
  const focused = document.activeElement?.dataset?.deed;
  find("deeds").replaceChildren(...groups.map((g) => make("div", "", make("h3", "", g.title), make("div", "buttons", ...g.deeds.map(button)))));
  if (focused) refocus(focused);
}

function refocus(deed) {
  document.querySelector(`[data-deed="${CSS.escape(deed)}"]`)?.focus();
}

function button(deed) {
  const made = make("button", "", make("b", "", deed.label), make("code", "", deed.off || deed.stands));
  made.type = "button";
  made.dataset.deed = deed.id;
  made.dataset.off = deed.off ?? "";
  made.addEventListener("click", () => { if (possible(made)) perform(deed); });
  able(made);
  return made;
}

/** Ends the offer, or begins it again: the release is over, or another one has begun. */
export function end(is) {
  if (over === is) return;
  over = is;
  buttons().forEach(able);
  if (offered !== "[]") say(over ? "The release is over: there is nothing left to do to it." : "", "");
}

/** Disables the buttons while nobody answers, and enables them again. */
export function rest(on) {
  resting = on;
  buttons().forEach(able);
}

const buttons = () => document.querySelectorAll("[data-deed]");
const possible = (b) => !(resting || over || b.dataset.off);

/** Shows whether a button does something. One that does nothing keeps the focus. */
function able(b) {
  b.setAttribute("aria-disabled", String(!possible(b)));
}

/** Asks before a deed that has to be confirmed. Returns the reason; null does nothing. */
function confirmed(deed) {
  if (!deed.confirm) return Promise.resolve("");
  const dialog = find("confirm");
  put(find("question"), deed.confirm);
  put(find("yes"), deed.label);
  find("why-line").hidden = !deed.reason;
  find("why").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => {
    refocus(deed.id); // it may be another button by now
    done(dialog.returnValue === "yes" ? find("why").value : null);
  }, { once: true }));
}

async function perform(deed) {
  const to = about; // as the visitor saw it
  const why = await confirmed(deed);
  if (why === null) return;
  say(`${deed.label} …`, "");
  try {
    const body = JSON.stringify({ token, release: to.release, deed: deed.id, seen: to.seen, why });
    const answer = await fetch("do", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (over) return;
    if (answer.ok) say(`Done: ${deed.label}.`, "");
    else say(`${deed.label}: ${(await answer.text()).trim()}`, "bad");
  } catch {
    say(`${deed.label}: nobody answers.`, "bad");
  }
}

function say(text, look) {
  put(find("done"), text);
  tone(find("done"), look);
}
