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
  if (focused) document.querySelector(`[data-deed="${CSS.escape(focused)}"]`)?.focus();
}

function button(deed) {
  const made = make("button", "", make("b", "", deed.label), make("code", "", deed.off || deed.stands));
  made.type = "button";
  made.dataset.deed = deed.id;
  made.dataset.off = deed.off ?? "";
  made.disabled = over || resting || Boolean(deed.off);
  made.addEventListener("click", () => perform(deed));
  return made;
}

/** Ends the offer: the release is over. */
export function end() {
  if (over) return;
  over = true;
  able();
  if (offered !== "[]") say("The release is over: there is nothing left to do to it.", "");
}

/** Disables the buttons while nobody answers, and enables them again. */
export function rest(on) {
  resting = on;
  able();
}

function able() {
  for (const b of document.querySelectorAll("[data-deed]")) b.disabled = resting || over || Boolean(b.dataset.off);
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
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes" ? find("why").value : null), { once: true }));
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
