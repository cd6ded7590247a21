// The buttons.

import { find, make, put, tone } from "./text.js";

const token = location.pathname.split("/")[1];
let over = false;

/** Makes the buttons, in groups. */
export function offer(groups) {
  find("deeds-section").hidden = groups.length === 0;
  find("deeds").replaceChildren(...groups.map((g) => {
    const title = make("h3", "", g.title);
    const buttons = make("div", "buttons", ...g.deeds.map(button));
    return make("div", "", title, buttons);
  }));
}

function button(deed) {
  const made = make("button", "", make("b", "", deed.label), make("code", "", deed.off || deed.stands));
  made.type = "button";
  made.dataset.deed = deed.id;
  made.dataset.off = deed.off ?? "";
  made.disabled = over || Boolean(deed.off);
  made.addEventListener("click", () => perform(deed));
  return made;
}

/** Ends the offer: the release is over. */
export function end() {
  if (over) return;
  over = true;
  for (const b of document.querySelectorAll("[data-deed]")) b.disabled = true;
  say("The release is over: there is nothing left to do to it.", "");
}

/** Disables the buttons while nobody answers, and enables them again. */
export function rest(on) {
  for (const b of document.querySelectorAll("[data-deed]")) b.disabled = on || over || Boolean(b.dataset.off);
}

async function perform(deed) {
  say(`${deed.label} …`, "");
  try {
    const answer = await fetch("do", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token, deed: deed.id }) });
    if (over) return;
    if (answer.ok) say(`Done: ${deed.label}.`, "");
    else say(`${deed.label}: ${(await answer.text()).trim()}`, "bad");
  } catch {
    say(`${deed.label}: the demo does not answer.`, "bad");
  }
}

function say(text, look) {
  put(find("done"), text);
  tone(find("done"), look);
}
