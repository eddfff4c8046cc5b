// One search in detail: choose a method, replay its run, look at its trainings.

import { choice, element, labelled, unpack } from "./dom.js";
import { ReplayView } from "./replay_view.js";
import { SearchRun } from "./search_run.js";
import { TrainingsView } from "./trainings_view.js";

// data: {budget_s, methods: [{name, absent | packed}], first}, with first the place of the method shown at first.
export class SearchSection {
  constructor(box, data) {
    this.methods = data.methods;
    this.budget = data.budget_s;
    this.note = element("p", { class: "note", role: "status" });
    this.views = element("div", {});
    const replayBox = element("section", { class: "replay" }, element("h4", {}, "Replay"));
    const trainingsBox = element("section", { class: "trainings-box" }, element("h4", {}, "Trainings and their learning curves"));
    this.views.append(replayBox, trainingsBox);
    const picker = choice(
      data.methods.map(({ name }, place) => [String(place), name]),
      (place) => this.show(Number(place)),
    );
    box.append(element("div", { class: "controls" }, labelled("Method:", picker)), this.note, this.views);
    this.trainings = new TrainingsView(trainingsBox);
    this.replay = new ReplayView(replayBox, data.budget_s, (training) => this.trainings.choose(training));
    picker.value = String(data.first);
    this.show(data.first);
  }

  async show(place) {
    const { name, absent, packed } = this.methods[place];
    this.wanted = place;
    this.views.hidden = !packed;
    if (!packed) {
      this.note.textContent = `Not there: ${absent}`;
      return;
    }
    const run = new SearchRun(await unpack(packed), this.budget);
    if (this.wanted !== place) return; // another one was chosen meanwhile
    this.note.textContent = describeRun(name, run.data);
    this.replay.show(run);
    this.trainings.show(run);
  }
}

function describeRun(name, { seed, differs, n_evaluations: n, evaluations }) {
  const shown = evaluations.training.length;
  const same = differs
    ? `It is not the stored run: ${differs}`
    : "Its incumbents are those of the stored run, to the last bit.";
  const part = shown < n ? ` Of its ${n} evaluations the first ${shown} are shown.` : "";
  return `${name}, seed ${seed}, simulated again for this report. ${same}${part}`;
}
