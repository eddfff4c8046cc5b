// A search on the simulated clock: evaluations appear as they finish, bars show which worker trains what.

import { button, choice, element, labelled, percent, seconds, svgElement } from "./dom.js";
import { INK, drawFrame, emptyChart, marker, text } from "./frame.js";
import { PaperWidth } from "./paper_width.js";
import { makeScale } from "./scale.js";

const MARGIN = { left: 56, right: 14, top: 12 };
const WHOLE_SEARCH_S = 30; // real seconds at speed 1
const STEP_S = 0.5; // between evaluations where motion is to be reduced
const LANE = 16;
const MOST_LANES = 16;
const MOST_TOLD = 4; // workers whose trainings are named
const SPEEDS = [["0.5", "½ ×"], ["1", "1 ×"], ["2", "2 ×"], ["5", "5 ×"], ["20", "20 ×"]];
const COMPLETE = "#0072B2";
const PART = "#E69F00";
const BEST = "#009E73";

export class ReplayView {
  // onChoose: with the training of a point that was clicked.
  constructor(box, budget, onChoose) {
    this.budget = budget;
    this.onChoose = onChoose;
    this.time = 0;
    this.speed = 1;
    this.timer = null;
    this.playButton = button("Play", () => (this.timer ? this.pause() : this.play()), { class: "play" });
    this.slider = element("input", {
      type: "range",
      min: 0,
      max: 1000,
      step: 1,
      class: "clock",
      "aria-label": "Moment of the search",
      on: {
        input: () => {
          this.pause();
          this.#seek((this.slider.value / 1000) * this.budget);
        },
      },
    });
    const speeds = choice(SPEEDS, (value) => (this.speed = Number(value)));
    speeds.value = "1";
    this.status = element("dl", { class: "status" });
    this.paper = element("div", { class: "paper" });
    box.append(
      element(
        "div",
        { class: "controls", role: "group", "aria-label": "Replay" },
        this.playButton,
        button("Back to the start", () => this.#jump(0)),
        button("Previous evaluation", () => this.#jump(this.#neighbour(-1))),
        button("Next evaluation", () => this.#jump(this.#neighbour(1))),
        button("To the end", () => this.#jump(this.budget)),
        labelled("Speed:", speeds),
      ),
      this.slider,
      this.paper,
      this.status,
    );
    this.paperWidth = new PaperWidth(this.paper, () => this.#draw());
  }

  show(run) {
    this.pause();
    this.run = run;
    this.time = this.budget;
    this.#draw();
  }

  play() {
    if (this.time >= this.budget) this.#seek(0);
    this.playButton.textContent = "Pause";
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.timer = { stop: clearInterval, id: setInterval(() => this.#jumpOrEnd(), (1000 * STEP_S) / this.speed) };
      return;
    }
    let before = performance.now();
    const tick = (now) => {
      this.#seek(this.time + ((now - before) / 1000) * (this.budget / WHOLE_SEARCH_S) * this.speed);
      before = now;
      if (this.time >= this.budget) this.pause();
      else if (this.timer) this.timer.id = requestAnimationFrame(tick);
    };
    this.timer = { stop: cancelAnimationFrame, id: requestAnimationFrame(tick) };
  }

  pause() {
    if (this.timer) this.timer.stop.call(window, this.timer.id);
    this.timer = null;
    this.playButton.textContent = "Play";
  }

  #jump(time) {
    this.pause();
    this.#seek(time);
  }

  #jumpOrEnd() {
    this.#seek(this.#neighbour(1));
    if (this.time >= this.budget) this.pause();
  }

  #neighbour(direction) {
    const ends = this.run.evaluations.map((one) => one.end);
    if (direction > 0) return ends.find((end) => end > this.time + 1e-9) ?? this.budget;
    return ends.findLast((end) => end < this.time - 1e-9) ?? 0;
  }

  #draw() {
    const { run, budget } = this;
    if (!run) return;
    const width = this.paperWidth.take();
    const lanes = Math.min(MOST_LANES, run.data.n_workers);
    const height = 300 + LANE * lanes + 30;
    const x = makeScale({ log: false, from: 0, to: budget, start: MARGIN.left, end: width - MARGIN.right });
    const y = makeScale({ log: false, ...accuracyRange(run), start: 300 - 20, end: MARGIN.top });
    const chart = emptyChart(width, height, {
      role: "img",
      "aria-label": "Validation accuracy of every evaluation against simulated time, with the incumbent, and what each worker trains below.",
    });
    // The time axis stands below the workers' bars, whose lanes are part of the frame.
    const inside = drawFrame(chart, x, { ...y, at: y.at, start: 300 - 20 }, { xLabel: "", yLabel: "validation accuracy (%)" });
    this.x = x;
    this.marks = run.evaluations.map((one) => this.#mark(one, x, y));
    this.bars = this.#bars(x, lanes);
    const first = 300 + 6;
    for (let lane = 0; lane < lanes; lane += 1) {
      chart.append(text(`worker ${lane}`, { x: MARGIN.left - 7, y: first + LANE * lane + 11, "text-anchor": "end", "font-size": 10 }));
    }
    const laneGroup = svgElement("g", { transform: `translate(0 ${first})` });
    laneGroup.append(...this.bars.map((bar) => bar.node));
    this.best = svgElement("path", { fill: "none", stroke: BEST, "stroke-width": 2 });
    this.hand = svgElement("line", { y1: MARGIN.top, y2: first + LANE * lanes, stroke: INK });
    inside.append(this.best, ...this.marks.map((mark) => mark.node));
    chart.append(laneGroup, this.hand, text("simulated time (s)", { x: (x.start + x.end) / 2, y: height - 6, "text-anchor": "middle" }));
    this.y = y;
    this.paper.replaceChildren(chart, this.#key(run));
    this.#seek(this.time);
  }

  #mark(one, x, y) {
    const complete = one.epochs === this.run.data.max_epochs;
    const place = one.val === null ? y.start : Math.min(y.start, y.at(one.val / 100));
    const node = complete
      ? marker(one.isIncumbent ? "diamond" : "circle", one.isIncumbent ? BEST : COMPLETE, !one.isIncumbent, x.at(one.end), place, one.isIncumbent ? 5 : 3)
      : marker("triangle", PART, true, x.at(one.end), place, 3);
    node.setAttribute("class", "point");
    node.append(svgElement("title", {}, `${one.training.arch}: ${percent(one.val)} after ${one.epochs} epochs`));
    node.addEventListener("click", () => this.onChoose(one.training));
    return { node, end: one.end, below: one.val !== null && y.at(one.val / 100) > y.start };
  }

  #bars(x, lanes) {
    const { run, budget } = this;
    const bar = (worker, start, end, epochs, arch, cut) => {
      const complete = epochs === run.data.max_epochs;
      const node = svgElement("rect", {
        x: x.at(start),
        y: LANE * worker + 1,
        height: LANE - 4,
        fill: cut ? "#ffffff" : complete ? COMPLETE : PART,
        "fill-opacity": complete ? 0.55 : 0.65,
        stroke: complete ? COMPLETE : PART,
        "stroke-width": 0.6,
        "stroke-dasharray": cut ? "2 2" : "",
      });
      node.append(svgElement("title", {}, `worker ${worker}: ${arch} to epoch ${epochs}`));
      return { node, worker, start, end, epochs, arch };
    };
    const done = run.evaluations.map((one) => bar(one.worker, one.start, one.end, one.epochs, one.training.arch, false));
    const open = run.data.cut_off.map(([, arch, epochs, worker, start]) => bar(worker, start, budget, epochs, arch, true));
    return [...done, ...open].filter(({ worker }) => worker < lanes);
  }

  #key(run) {
    const entry = (mark, label) => element("span", { class: "key" }, svgElement("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, mark), ` ${label}`);
    return element(
      "p",
      { class: "keys" },
      entry(marker("circle", COMPLETE, true, 0, 0), "trained to the end"),
      entry(marker("diamond", BEST, false, 0, 0), "became the incumbent"),
      run.evaluations.some((one) => one.epochs < run.data.max_epochs) ? entry(marker("triangle", PART, true, 0, 0), "after fewer epochs") : null,
      this.marks.some((mark) => mark.below) ? "At the lower edge: lower than that." : null,
      run.data.n_workers > MOST_LANES ? `The first ${MOST_LANES} of ${run.data.n_workers} workers are shown.` : null,
    );
  }

  #seek(time) {
    this.time = Math.max(0, Math.min(this.budget, time));
    const { run, x, y } = this;
    if (!run) return;
    const now = this.time;
    for (const { node, end } of this.marks) node.setAttribute("visibility", end <= now ? "visible" : "hidden");
    for (const { node, start, end } of this.bars) {
      node.setAttribute("width", Math.max(0, x.at(Math.min(end, now)) - x.at(start) - 0.5));
      node.setAttribute("visibility", start <= now ? "visible" : "hidden");
    }
    const { time_s: times, val } = run.data.incumbents;
    let path = "";
    for (let i = 0; i < times.length && times[i] <= now; i += 1) {
      const place = y.at(val[i] / 100);
      path += path ? `H${x.at(times[i])}V${place}` : `M${x.at(times[i])} ${place}`;
    }
    this.best.setAttribute("d", path && `${path}H${x.at(now)}`);
    this.hand.setAttribute("x1", x.at(now));
    this.hand.setAttribute("x2", x.at(now));
    this.slider.value = Math.round((now / this.budget) * 1000);
    this.slider.setAttribute("aria-valuetext", `${seconds(now, this.budget)} of ${seconds(this.budget, this.budget)} simulated seconds`);
    this.#tell(now);
  }

  #tell(now) {
    const { run } = this;
    const finished = run.evaluations.filter((one) => one.end <= now).length;
    const incumbent = run.incumbentAt(now);
    const best = incumbent
      ? `${percent(incumbent.val)} validation, ${percent(incumbent.test)} true test accuracy` +
        (incumbent.regret === null ? "" : `, regret ${(incumbent.regret / 100).toFixed(2)} points`)
      : "none yet";
    const busy = this.bars.filter(({ start, end }) => start <= now && (now < end || (now >= this.budget && end >= this.budget)));
    // As many lines whatever happens, so that nothing moves while it plays.
    const told = Array.from({ length: Math.min(MOST_TOLD, run.data.n_workers) }, (_, worker) => {
      const bar = busy.find((one) => one.worker === worker);
      return element("div", { class: "line" }, bar ? `worker ${worker}, to epoch ${bar.epochs}: ${bar.arch}` : `worker ${worker}: nothing`);
    });
    const entries = [
      ["Clock", `${seconds(now, this.budget)} of ${seconds(this.budget, this.budget)} simulated seconds`],
      ["Evaluations", `${finished} of ${run.data.n_evaluations}`],
      ["Incumbent", best],
      ["In training", element("div", {}, ...told)],
    ];
    this.status.replaceChildren(...entries.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  }
}

function accuracyRange(run) {
  const values = run.evaluations.map((one) => one.val).filter((value) => value !== null).sort((a, b) => a - b);
  if (!values.length) return { from: 0, to: 100 };
  // Networks that learn nothing would press all others into a line; they stand at the lower edge.
  const low = values[Math.floor(values.length * 0.25)];
  const high = values[values.length - 1];
  const slack = Math.max(20, 0.06 * (high - low));
  return { from: Math.max(0, low - slack) / 100, to: Math.min(10000, high + slack) / 100 };
}
