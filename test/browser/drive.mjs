// Drives the live page in Chromium: node drive.mjs STORY URL. It prints what it read as JSON,
// and fails at the first thing that is wrong.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [story, url, other] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const complaints = [];

/** Opens the page and notes what the browser complains about. */
async function open({ width = 1280, height = 900, ...look } = {}) {
  const page = await (await browser.newContext({ viewport: { width, height }, ...look })).newPage();
  page.on("console", (m) => { if (m.type() === "error") complaints.push(m.text()); });
  page.on("pageerror", (e) => complaints.push(e.message));
  page.on("dialog", (d) => { complaints.push(`dialog: ${d.message()}`); d.dismiss(); });
  await page.goto(url);
  await page.waitForFunction(() => document.getElementById("headline").textContent !== "Connecting …");
  return page;
}

const text = (page, id) => page.textContent(`#${id}`);
const over = (page) => page.waitForSelector("#end:not([hidden])", { timeout: 120_000 });

/** Clicks a button and returns what the page says about it. */
async function click(page, deed) {
  await page.click(`[data-deed="${deed}"]`);
  await page.waitForFunction(() => !document.getElementById("done").textContent.endsWith("…"));
  return text(page, "done");
}

const stories = {
  /** Clicks every button, and reads every number at the end. */
  async buttons() {
    const page = await open();
    await page.waitForFunction(() => / [1-9][\d,]* requests/.test(document.getElementById("canary-count").textContent), null, { timeout: 60_000 });
    // Held at a small share, and mended at once, the new version does too little harm to be rejected.
    const order = ["hold", "crash", "mend", "approve", "silence", "speak", "kill", "errors", "mend", "slow", "mend", "one-pod", "mend", "leak", "mend", "outage", "outage-over", "resume", "reject"];
    for (const deed of order) assert.match(await click(page, deed), /^Done: /, deed);
    const all = await page.$$eval("[data-deed]", (buttons) => buttons.map((b) => b.dataset.deed));
    assert.deepEqual(all.filter((d) => !order.includes(d)).sort(), ["freeze", "interrupt"]);
    await over(page);
    assert.equal(await page.locator("[data-deed]:enabled").count(), 0);
    await page.waitForTimeout(500);
    const report = await page.context().newPage();
    await report.goto(url + "report.html");
    return {
      sentence: await text(page, "sentence"), stable: await text(page, "stable-count"), canary: await text(page, "canary-count"), hurt: await text(page, "hurt"),
      others: await page.$$eval("#others tr", (rows) => rows.map((r) => [...r.cells].map((c) => c.textContent))),
      log: await page.$$eval("#log li", (lines) => lines.map((l) => l.textContent)), report: await report.textContent("h1"), told: await text(page, "verdict"),
    };
  },

  /** The picture of the page in the documents, once some users are hurt. */
  async picture() {
    const page = await open({ width: 1280, height: 1000 });
    await page.waitForFunction(() => Number.parseInt(document.getElementById("hurt").textContent, 10) >= 12, null, { timeout: 60_000 });
    await page.screenshot({ path: other });
    return {};
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

  /** By keyboard alone: every button is reached in its order, is seen to be, and works. */
  async keyboard() {
    const page = await open();
    const buttons = await page.$$eval("[data-deed]:enabled", (all) => all.map((b) => b.dataset.deed));
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
    assert.equal(await page.locator("[data-deed]:enabled").count(), 0);
    complaints.length = 0; // the browser logs the failed requests
    await page.unroute("**/events");
    await page.waitForSelector("#line", { state: "hidden" });
    await page.waitForFunction(() => document.getElementById("headline").textContent !== "Connecting …");
    console.error("ready"); // the server ends now
    await page.waitForSelector("#line:not([hidden])");
    complaints.length = 0;
    return { line: await text(page, "line") };
  },
};

try {
  const read = await stories[story]();
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify(read));
} finally {
  await browser.close();
}
