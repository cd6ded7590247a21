// Requests as dots in two streams: the old version above, the new one below.

const travel = 2200; // milliseconds that a dot takes
const meets = 0.62; // where on its way it meets its version
const most = 250; // dots that begin with one frame; if there are more requests, a dot stands for several
const longest = 15_000; // milliseconds over which the requests of one frame are drawn
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Lanes {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.begin();
    this.share = 0; // as drawn, from 0 to 1
    this.goal = 0;
    this.drawing = 0;
    this.fit = this.fit.bind(this);
    this.draw = this.draw.bind(this);
    new ResizeObserver(this.fit).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.fit);
    calm.addEventListener("change", () => { this.dots = []; this.fit(); });
    this.fit();
  }

  /** Forgets what was counted. */
  begin() {
    this.dots = [];
    this.before = null;
    this.since = 0; // when the counts last changed
  }

  /** Fits the canvas to its place and reads the colours. */
  fit() {
    const size = this.canvas.getBoundingClientRect(), fine = window.devicePixelRatio || 1;
    this.width = size.width;
    this.height = size.height;
    this.canvas.width = Math.round(size.width * fine);
    this.canvas.height = Math.round(size.height * fine);
    this.pen.setTransform(fine, 0, 0, fine, 0, 0);
    this.unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const style = getComputedStyle(this.canvas);
    this.colour = (name) => style.getPropertyValue(name).trim();
    this.start();
  }

  /** Takes the counts of a frame. The difference to the one before becomes dots. */
  add(frame) {
    this.goal = frame.weight / 100;
    const now = { stable: frame.stable, canary: frame.canary }, before = this.before;
    this.before = now;
    const grown = before && (now.stable.requests !== before.stable.requests || now.canary.requests !== before.canary.requests);
    const over = Math.min(performance.now() - this.since, longest); // the requests were sent in this time
    if (!before || grown) this.since = performance.now();
    if (!grown || calm.matches || document.hidden) return;
    const asked = now.stable.requests - before.stable.requests + now.canary.requests - before.canary.requests;
    const part = Math.min(1, most / Math.max(asked, 1));
    for (const lane of ["canary", "stable"]) {
      const failed = now[lane].failed - before[lane].failed;
      const fine = now[lane].requests - before[lane].requests - failed;
      for (let i = 0; i < Math.ceil(failed * part); i++) this.send(lane, true, over);
      for (let i = 0; i < Math.round(fine * part); i++) this.send(lane, false, over);
    }
    this.start();
  }

  send(lane, failed, over) {
    this.dots.push({ lane, failed, at: performance.now() + Math.random() * over, place: Math.random() });
  }

  start() {
    if (!this.drawing && !calm.matches) this.drawing = requestAnimationFrame(this.draw);
  }

  /** Draws all dots, batched by how they look. It sleeps when nothing moves. */
  draw(now) {
    const { pen, width, height, unit } = this;
    this.drawing = 0;
    this.share += (this.goal - this.share) * 0.08;
    if (Math.abs(this.goal - this.share) < 0.001) this.share = this.goal;
    this.dots = this.dots.filter((d) => now - d.at < travel);
    pen.clearRect(0, 0, width, height);
    const gap = 10 * unit, least = 7 * unit, room = height - gap - 2 * least;
    const thick = { stable: least + room * (1 - this.share), canary: least + room * this.share };
    const top = { stable: 0, canary: height - thick.canary };
    pen.fillStyle = this.colour("--soft");
    for (const lane of ["stable", "canary"]) pen.fillRect(0, top[lane], width, thick[lane]);
    pen.fillStyle = this.colour("--dim");
    for (const lane of ["stable", "canary"]) pen.fillRect(width * meets, top[lane], 2 * unit, thick[lane]);

    const fine = { stable: new Path2D(), canary: new Path2D() }, failed = new Path2D();
    for (const d of this.dots) {
      const way = (now - d.at) / travel;
      if (way < 0) continue;
      const size = (d.lane === "canary" ? 2.6 : 2) * unit, edge = Math.min(size + unit, thick[d.lane] / 2);
      const x = way * width, y = top[d.lane] + edge + d.place * (thick[d.lane] - 2 * edge);
      if (d.failed && way > meets) {
        const arm = 4 * unit;
        failed.moveTo(x - arm, y - arm); failed.lineTo(x + arm, y + arm);
        failed.moveTo(x - arm, y + arm); failed.lineTo(x + arm, y - arm);
      } else {
        fine[d.lane].moveTo(x + size, y);
        fine[d.lane].arc(x, y, size, 0, 7);
      }
    }
    pen.fillStyle = this.colour("--dim");
    pen.fill(fine.stable);
    pen.fillStyle = this.colour("--good");
    pen.fill(fine.canary);
    pen.strokeStyle = this.colour("--bad");
    pen.lineWidth = 2.2 * unit;
    pen.stroke(failed);
    if (this.dots.length > 0 || this.share !== this.goal) this.start();
  }
}
