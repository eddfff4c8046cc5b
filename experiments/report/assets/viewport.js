// Which part of a chart is in view. Zooming and panning work in the axis' own space, linear or logarithmic.

const LEAST_SHARE = 1e-4;

export class Viewport {
  // limits: from, to of the whole time axis, both above 0 where it is logarithmic.
  constructor(limits, log) {
    this.setLimits(limits, log);
  }

  setLimits(limits, log) {
    this.limits = limits;
    this.log = log;
    this.reset();
  }

  reset() {
    this.x = { ...this.limits };
    this.y = null; // fitted to what is in view
  }

  get isWhole() {
    return this.y === null && this.x.from === this.limits.from && this.x.to === this.limits.to;
  }

  // factor < 1 comes closer. `around`: the value that stays where it is.
  zoom(factor, around) {
    const [a, b] = [this.#forward(this.x.from), this.#forward(this.x.to)];
    const middle = around === undefined ? (a + b) / 2 : this.#forward(around);
    this.#set(middle + (a - middle) * factor, middle + (b - middle) * factor);
    this.y = null;
  }

  // share: of the width in view, positive to the right.
  pan(share) {
    const [a, b] = [this.#forward(this.x.from), this.#forward(this.x.to)];
    const [low, high] = [this.#forward(this.limits.from), this.#forward(this.limits.to)];
    const move = Math.max(low - a, Math.min(high - b, share * (b - a)));
    this.#set(a + move, b + move);
  }

  // To a rectangle of values.
  frame(x, y) {
    this.#set(this.#forward(x.from), this.#forward(x.to));
    this.y = y;
  }

  #set(a, b) {
    const [low, high] = [this.#forward(this.limits.from), this.#forward(this.limits.to)];
    if (b - a < LEAST_SHARE * (high - low)) return;
    const [from, to] = [Math.max(a, low), Math.min(b, high)];
    this.x = {
      from: from === low ? this.limits.from : this.#back(from),
      to: to === high ? this.limits.to : this.#back(to),
    };
  }

  #forward(value) {
    return this.log ? Math.log(value) : value;
  }

  #back(value) {
    return this.log ? Math.exp(value) : value;
  }
}
