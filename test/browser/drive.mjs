// Drives the live page in Chromium: node drive.mjs STORY URL. It prints what it read as JSON,
// and fails at the first thing that is wrong.

import assert from "node:assert/strict";
import http from "node:http";
import { chromium } from "playwright-core";

const [story, url, other, more] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const complaints = [];

/** Opens the page and notes what the browser complains about. */
async function open({ width = 1280, height = 900, ...look } = {}) {
  const page = await (await browser.newContext({ viewport: { width, height }, ...look })).newPage();
  page.on("console", (m) => { if (m.type() === "error") complaints.push(m.text()); });
  page.on("pageerror", (e) => complaints.push(e.message));
  page.on("dialog", (d) => { complaints.push(`dialog: ${d.message()}`); d.dismiss(); });
  await page.goto(url);
  await page.waitForFunction(() => document.getElementById("list").hidden === false || document.getElementById("headline").textContent !== "Connecting …");
  return page;
}

const able = '[data-deed]:not([aria-disabled="true"])'; // the buttons that do something
const text = (page, id) => page.textContent(`#${id}`);
const over = (page) => page.waitForSelector("#end:not([hidden])", { timeout: 120_000 });

/** Clicks a button and returns what the page says about it. */
async function click(page, deed) {
  await page.click(`[data-deed="${deed}"]`);
  await page.waitForFunction(() => !document.getElementById("done").textContent.endsWith("…"));
  return text(page, "done");
}

/** Opens the page through a proxy, which can cut all connections, or let them be silent. */
async function wired() {
  const wire = { down: false, silent: false, open: new Set() };
  const proxy = http.createServer((asked, answer) => {
    if (wire.down) return asked.socket.destroy();
    if (wire.silent) return;
    wire.open.add(answer);
    asked.pipe(http.request(asked.url, { method: asked.method, headers: asked.headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.on("data", (part) => { if (!wire.silent) answer.write(part); });
      got.on("end", () => answer.end());
      answer.on("close", () => { wire.open.delete(answer); got.destroy(); });
    }));
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  wire.cut = () => { wire.down = true; for (const answer of wire.open) answer.destroy(); };
  wire.close = () => { proxy.closeAllConnections(); proxy.close(); };
  const page = await open({ proxy: { server: `http://127.0.0.1:${proxy.address().port}`, bypass: "<-loopback>" } });
  return { page, wire };
}

const canary = (page) => page.evaluate(() => Number(document.getElementById("canary-count").textContent.match(/([\d,]+) requests/)[1].replaceAll(",", "")));

/** Waits until the page shows more requests, and no warning. */
async function goesOn(page, from) {
  await page.waitForSelector("#line", { state: "hidden" });
  await page.waitForFunction((from) => Number(document.getElementById("canary-count").textContent.match(/([\d,]+) requests/)[1].replaceAll(",", "")) > from, from);
  assert.equal(await page.locator(able).count(), 1);
}

/** Waits for a warning in the line above the page. */
async function warned(page, words) {
  await page.waitForFunction((words) => !document.getElementById("line").hidden && document.getElementById("line").textContent.includes(words), words);
  assert.equal(await page.locator(able).count(), 0);
}

/** Hides a tab from its visitor, or shows it: all tabs of a headless browser are seen. */
const hide = (page, is) => page.evaluate((is) => {
  Object.defineProperty(document, "hidden", { value: is, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}, is);

/** Takes a picture for a person to look at, where PICTURES names a folder. */
async function picture(page, name) {
  if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/${name}.png`, fullPage: !name.startsWith("thousand") });
}

const stories = {
  /** Clicks every button, and reads every number at the end. */
  async buttons() {
    const page = await open();
    await page.waitForFunction(() => / [1-9][\d,]* requests/.test(document.getElementById("canary-count").textContent), null, { timeout: 60_000 });
    // Held at a small share, and mended at once, the new version does too little harm to be rejected.
    const order = ["hold", "crash", "mend", "approve", "silence", "speak", "kill", "errors", "mend", "slow", "mend", "one-pod", "mend", "leak", "mend", "outage", "outage-over", "resume", "reject"];
    for (const deed of order) assert.match(await click(page, deed), deed === "reject" ? /^Done: |over/ : /^Done: /, deed);
    const all = await page.$$eval("[data-deed]", (buttons) => buttons.map((b) => b.dataset.deed));
    assert.deepEqual(all.filter((d) => !order.includes(d)).sort(), ["freeze", "interrupt"]);
    await over(page);
    assert.equal(await page.locator(able).count(), 0);
    await page.waitForTimeout(500);
    const report = await page.context().newPage();
    await report.goto(url + "report.html");
    return {
      sentence: await text(page, "sentence"), stable: await text(page, "stable-count"), canary: await text(page, "canary-count"), hurt: await text(page, "hurt"),
      others: await page.$$eval("#others tr", (rows) => rows.map((r) => [...r.cells].map((c) => c.textContent))),
      log: await page.$$eval("#log li", (lines) => lines.map((l) => l.textContent)), report: await report.textContent("h1"), told: await text(page, "verdict"),
    };
  },

  /** The pictures of the documents, once the evidence of harm is clear, and at the end. */
  async pictures() {
    const folder = more, names = [];
    const take = async (page, name) => {
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, name);
      await page.screenshot({ path: `${folder}/${name}` });
      names.push(name);
    };
    const sizes = { "demo.png": { width: 1280, height: 900 }, "demo-phone.png": { width: 360, height: 780 }, "demo-wall.png": { width: 3840, height: 2160 } };
    const pages = await Promise.all(Object.values(sizes).map(open));
    const board = await pages[0].context().newPage();
    await board.setViewportSize({ width: 1280, height: 900 });
    await board.goto(other);
    await board.click("#rows a");
    await pages[0].waitForFunction(() => Number.parseInt(/(\d+) % of the way/.exec(document.getElementById("harm-now").textContent)?.[1], 10) >= 60, null, { timeout: 60_000 });
    await Promise.all(Object.keys(sizes).map((name, i) => take(pages[i], name)));
    await over(board);
    await take(board, "dashboard.png");
    await board.goto(new URL(await board.getAttribute("#report-link", "href"), other).href);
    await take(board, "rejected.png");
    return names;
  },

  /** The two buttons by which a release ends at once. */
  async interrupt() {
    const page = await open();
    assert.match(await click(page, "freeze"), /^Done: /);
    assert.match(await click(page, "interrupt"), /^Done: |over/);
    await over(page);
    return { headline: await text(page, "headline") };
  },

  /** Every size and both schemes: nothing sticks out, and every text is there. */
  async looks() {
    for (const width of [360, 1280, 3840]) {
      for (const colorScheme of ["light", "dark"]) {
        const page = await open({ width, height: width > 3000 ? 2160 : 800, colorScheme });
        await page.waitForTimeout(300);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${width} px`);
        const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(paper, colorScheme === "dark" ? "rgb(13, 17, 23)" : "rgb(255, 255, 255)");
        assert.ok(await page.isVisible("#dots"));
        if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/${width}-${colorScheme}.png`, fullPage: true });
        await page.context().close();
      }
    }
    const calm = await open({ reducedMotion: "reduce" });
    assert.equal(await calm.isVisible("#dots"), false, "dots although motion is to be reduced");
    await calm.waitForFunction(() => / [1-9][\d,]* requests/.test(document.getElementById("stable-count").textContent));
    return {};
  },

  /** By keyboard alone: every button, also one that says why it does nothing, is reached in its order, is seen to be, and works. */
  async keyboard() {
    const page = await open();
    const buttons = await page.$$eval("[data-deed]", (all) => all.map((b) => b.dataset.deed));
    const reached = [];
    for (let i = 0; i < 60 && reached.length < buttons.length; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => ({ deed: document.activeElement.dataset.deed, outline: getComputedStyle(document.activeElement).outlineStyle }));
      if (!at.deed) continue;
      assert.equal(at.outline, "solid", `${at.deed}: the focus is not visible`);
      reached.push(at.deed);
    }
    assert.deepEqual(reached, buttons);
    await page.focus('[data-deed="hold"]');
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("done").textContent === "Done: Hold.");
    return {};
  },

  /** The list of a cluster, one release of it, its verbs, and the way back. */
  async dashboard() {
    const page = await open();
    await page.click("#rows a");
    await page.waitForSelector('[data-deed="hold"]');
    await picture(page, "dashboard-one");
    const confirm = async (deed, answer, why = "") => {
      await page.click(`[data-deed="${deed}"]`);
      await page.waitForSelector("#confirm[open]");
      if (why) await page.fill("#why", why);
      await picture(page, "dashboard-confirm");
      await page.click(answer);
    };
    await confirm("hold", "text=Do nothing");
    assert.equal(await text(page, "done"), "");
    await confirm("hold", "#yes", "not on a Friday");
    await page.waitForFunction(() => document.getElementById("story").textContent.includes("on hold"));
    const story = await text(page, "story");
    await page.waitForSelector(able + '[data-deed="resume"]');
    assert.equal(await page.isEnabled('[data-deed="hold"]'), false);
    await page.click("#back a");
    await page.waitForSelector("#rows a");
    assert.match(await page.textContent("#summary"), /1 needs a person/);
    await page.goBack();
    await page.waitForSelector(able + '[data-deed="reject"]');
    await page.click('[data-deed="reject"]');
    await page.keyboard.press("Escape"); // asks for nothing
    await confirm("reject", "#yes", "not on a Friday");
    await over(page);
    const link = await page.getAttribute("#report-link", "href");
    const report = await page.context().newPage();
    await report.goto(new URL(link, url).href);
    const read = {
      sentence: await text(page, "sentence"), canary: await text(page, "canary-count"), hurt: await text(page, "hurt"), report: await report.textContent("h1"),
      earlier: await text(page, "earlier"), story,
    };
    await picture(page, "dashboard-over");
    await page.click("#back a");
    await page.waitForFunction(() => document.getElementById("rows").textContent.includes("rejected"));
    await picture(page, "dashboard-list");
    return { ...read, row: await page.textContent("#rows li") };
  },

  /** A long list that changes: its order, its focus, its filter, its speed. */
  async thousand() {
    const page = await open();
    await page.waitForFunction(() => document.querySelectorAll("#rows li").length === 1000);
    await picture(page, "thousand");
    const ordered = () => page.evaluate(() => [...document.querySelectorAll("#rows .state")].map((at) => at.textContent).join(" ").replaceAll(/(\w+)( \1\b)+/g, "$1")); // $$eval reads the texts after the order
    assert.equal(await ordered(), "held standing promoted");
    await page.focus("#rows li:nth-child(900) a");
    const focused = await page.evaluate(() => document.activeElement.hash);
    const speed = await page.evaluate(() => new Promise((done) => {
      const began = performance.now(), gaps = [];
      let before = began;
      const frame = (now) => {
        gaps.push(now - before);
        before = now;
        if (now - began < 5000) requestAnimationFrame(frame);
        else done({ frames: gaps.length / (now - began) * 1000, long: gaps.filter((g) => g > 50).length });
      };
      requestAnimationFrame(frame);
    }));
    assert.equal(await page.evaluate(() => document.activeElement.hash), focused);
    assert.equal(await ordered(), "held standing promoted");
    await page.fill("#filter", "team-07 held");
    await page.waitForFunction(() => document.getElementById("found").textContent === "5 of 1000");
    assert.equal(await page.locator("#rows li:visible").count(), 5);
    await page.fill("#filter", "");
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
    await picture(page, "thousand-360");
    return speed;
  },

  /** The bars of the page are those of the report: the same elements, which look the same. */
  async bars() {
    const page = await open();
    await page.waitForSelector(".bar");
    const report = await page.context().newPage();
    await report.goto(url + "report.html");
    const [live, written] = await Promise.all([page, report].map((p) => p.$$eval(".bar", (bars) => bars.map((bar) => {
      const looks = [...bar.querySelectorAll("*")].map((e) => getComputedStyle(e)).map((s) => [s.color, s.stroke, s.strokeWidth, s.fill, s.fillOpacity, s.vectorEffect, s.fontSize, s.display].join(" "));
      return { drawn: bar.outerHTML, looks, high: bar.getBoundingClientRect().height };
    }))));
    assert.deepEqual(live, written);
    return live.map((b) => b.drawn);
  },

  /** Foreign texts are texts, and another page can neither read nor do anything. */
  async hostile() {
    const page = await open();
    const before = complaints.length;
    assert.equal(before, 0, complaints.join("\n"));
    const scripts = await page.evaluate(() => [document.scripts.length, document.images.length]);
    assert.deepEqual(scripts, [1, 0]);
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(other);
    const got = await stranger.evaluate(async (url) => {
      const body = JSON.stringify({ token: url.split("/")[3], deed: "break" });
      const tries = [() => fetch(url), () => fetch(url + "do", { method: "POST", mode: "no-cors", body }), () => fetch(url + "do", { method: "POST", headers: { "Content-Type": "application/json" }, body })];
      const read = [];
      for (const each of tries) read.push(await each().then((r) => r.type === "opaque" ? "" : r.text(), () => ""));
      read.push(await new Promise((done) => { const e = new EventSource(url + "events"); e.addEventListener("about", () => done("events")); e.onerror = () => done(""); }));
      return read.join("");
    }, url);
    assert.equal(got, "");
    return { headline: await text(page, "headline"), release: await text(page, "which"), log: await text(page, "log") };
  },

  /** A lost connection is said, and comes back. The end is said. */
  async connection() {
    const page = await open();
    await page.route("**/events", (route) => route.abort());
    await page.reload();
    await page.waitForSelector("#line:not([hidden])");
    assert.match(await text(page, "line"), /lost/);
    assert.equal(await page.locator(able).count(), 0);
    complaints.length = 0; // the browser logs the failed requests
    await page.unroute("**/events");
    await page.waitForSelector("#line", { state: "hidden" });
    await page.waitForFunction(() => document.getElementById("headline").textContent !== "Connecting …");
    console.error("ready"); // the server ends now
    await page.waitForSelector("#line:not([hidden])");
    complaints.length = 0;
    return { line: await text(page, "line") };
  },

  /** A stream is cut in its middle: the page says so, and goes on where it was. */
  async cut() {
    const { page, wire } = await wired();
    await goesOn(page, 0);
    const before = await canary(page);
    wire.cut();
    await warned(page, "is lost");
    assert.ok(await canary(page) >= before);
    wire.down = false;
    await goesOn(page, await canary(page));
    complaints.length = 0; // the browser logs the lost connection
    wire.close();
    return {};
  },

  /** A stream is silent, as after a laptop slept: the page notices, and tries until it works. */
  async silent() {
    const { page, wire } = await wired();
    await page.clock.install();
    await page.reload();
    await page.waitForFunction(() => / requests/.test(document.getElementById("canary-count").textContent));
    await goesOn(page, 0);
    wire.silent = true;
    await page.clock.fastForward(11_000); // a heartbeat of the server may be late
    assert.equal(await page.isVisible("#line"), false);
    await page.clock.fastForward(3000);
    await warned(page, "is lost");
    await page.clock.fastForward(3000); // now it connects, and nobody answers
    await page.clock.fastForward(14_000);
    await warned(page, "does not answer");
    wire.silent = false;
    await page.clock.fastForward(3000);
    await goesOn(page, await canary(page));
    complaints.length = 0;
    wire.close();
    return {};
  },

  /** More tabs than the browser has connections to a server. */
  async tabs() {
    const tabs = [await open()];
    for (let n = 2; n <= 8; n++) {
      await hide(tabs.at(-1), true);
      const tab = await tabs[0].context().newPage();
      await tab.goto(url);
      await tab.waitForSelector("#rows a");
      tabs.push(tab);
    }
    console.error("ready"); // the list changes
    await tabs.at(-1).waitForSelector("#rows li:nth-child(2)");
    await hide(tabs[0], false);
    await tabs[0].waitForSelector("#rows li:nth-child(2)");
    return {};
  },

  /** A release ends, and another one of its name begins; and a release that there is not. */
  async successor() {
    const page = await open();
    await page.goto(`${url}#shop%2Fweb`);
    await over(page);
    assert.equal(await page.locator(able).count(), 0);
    console.error("ready"); // another one begins
    await page.waitForSelector(able);
    assert.equal(await page.isVisible("#end"), false);
    assert.equal(await page.title(), "counting · shop/web");
    assert.equal(await text(page, "done"), "");
    await page.click(able);
    await page.waitForSelector("#confirm[open]");
    await page.evaluate(() => { location.hash = "#shop/other%"; });
    await page.waitForFunction(() => document.getElementById("headline").textContent === "There is no such release");
    assert.equal(await page.isVisible("#confirm"), false);
    assert.equal(await page.isVisible("#line"), false);
    assert.equal(await page.isVisible("#log"), false);
    await page.click("#back a");
    await page.waitForSelector("#rows a");
    return {};
  },

  /** By keyboard alone from the list to a release, through its dialog, and back. */
  async keys() {
    const page = await open({ width: 700 });
    const focus = () => page.evaluate(() => document.activeElement.id || document.activeElement.dataset.deed || document.activeElement.textContent);
    const press = async (key, until) => {
      for (let n = 0; n < 40; n++) {
        await page.keyboard.press(key);
        if (until(await focus())) return;
      }
      assert.fail(`${key} reaches only ${await focus()}`);
    };
    await page.waitForSelector("#rows a");
    await press("Tab", (at) => at === "filter");
    await press("Tab", (at) => at.startsWith("shop/") || at.includes("/shop"));
    const row = await page.evaluate(() => document.activeElement.hash);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement.id === "headline");
    await page.waitForSelector(`${able}[data-deed="hold"]`);
    await picture(page, "dashboard-700");
    for (const width of [360, 480, 599, 700, 705, 991, 993, 1000]) {
      await page.setViewportSize({ width, height: 800 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${width} px`);
    }
    await press("Tab", (at) => at === "hold");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#confirm[open]");
    assert.equal(await focus(), "why");
    assert.match(await page.evaluate(() => document.getElementById(document.getElementById("confirm").getAttribute("aria-labelledby")).textContent), /^Hold /);
    await page.keyboard.press("Escape");
    await page.waitForSelector("#confirm", { state: "hidden" });
    assert.equal(await focus(), "hold");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#confirm[open]");
    await page.keyboard.type("by keyboard");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("story").textContent.includes("by keyboard"));
    await page.waitForSelector(`${able}[data-deed="resume"]`);
    assert.equal(await focus(), "hold"); // it does nothing now, and says why
    await page.keyboard.press("Enter");
    assert.equal(await page.isVisible("#confirm"), false);
    await press("Shift+Tab", (at) => at === "All releases");
    await page.keyboard.press("Enter");
    await page.waitForFunction((row) => document.activeElement.hash === row, row);
    assert.match(await text(page, "verdict"), /^1 release needs a person$/);
    return {};
  },
};

try {
  const read = await stories[story]();
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify(read));
} finally {
  await browser.close();
}
