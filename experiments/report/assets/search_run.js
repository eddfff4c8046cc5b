// One replayed search, as objects: its trainings, their evaluations, and what was predicted for them.
// Accuracies stay whole numbers of a hundredth of a percentage point.

import { stepAt } from "./step_path.js";

export const VERDICTS = {
  complete: "trained to the end at once",
  promoted: "promoted: trained on to the end",
  stopped: "stopped early",
  cut_off: "training when the budget ended",
  waiting: "waiting for a decision when the budget ended",
};

export class SearchRun {
  constructor(data, budget) {
    this.data = data;
    this.budget = budget;
    const columns = data.evaluations;
    this.trainings = data.archs.map((arch, place) => ({
      place,
      arch,
      seed: data.seeds[place],
      verdict: data.verdicts[place],
      curve: data.curves[place],
      // Where fewer epochs are a training of their own, what was trained is not the beginning of `curve`.
      trained: data.own_curves[place] ?? data.curves[place],
      evaluations: [],
    }));
    this.evaluations = columns.training.map((owner, place) => {
      const training = this.trainings[owner];
      const epochs = columns.epochs[place];
      const evaluation = {
        place,
        training,
        epochs,
        start: columns.start_s[place],
        end: columns.end_s[place],
        worker: columns.worker[place],
        isIncumbent: columns.incumbent[place] === 1,
        val: columns.val[place],
        predictions: [],
      };
      training.evaluations.push(evaluation);
      return evaluation;
    });
    for (const [place, atEpoch, mean, low, high] of data.predictions) {
      this.evaluations[place].predictions.push({ atEpoch, mean, low, high });
    }
  }

  // The incumbent at a moment: {val, test, regret, training}, or null before the first.
  incumbentAt(time) {
    const { time_s: times, evaluation, val, test, regret } = this.data.incumbents;
    const row = stepAt(times, time);
    if (row < 0) return null;
    return { val: val[row], test: test[row], regret: regret[row], training: this.evaluations[evaluation[row]].training };
  }

  // The incumbent that a training had to beat when it last came back: the one before that evaluation counted.
  incumbentBefore(evaluation) {
    const { evaluation: places } = this.data.incumbents;
    const row = stepAt(places, evaluation.place - 1);
    return row < 0 ? null : this.data.incumbents.val[row];
  }

  get wasIncumbent() {
    return new Set(this.evaluations.filter((one) => one.isIncumbent).map((one) => one.training));
  }
}

export function lastOf(training) {
  return training.evaluations[training.evaluations.length - 1];
}
