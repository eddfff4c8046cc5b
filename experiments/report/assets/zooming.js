// Pointer, wheel and keys of a chart: all of them move the same viewport and the same cursor.

import { svgElement } from "./dom.js";

const IN = 0.7;
const LEAST_DRAG = 6;

// host: {svg, viewport, scales: {x, y}, cursor, draw(), setCursor(value, {announce})}.
export function followInput(host) {
  const { svg } = host;
  let start = null;
  let box = null;

  const pointAt = (event) => {
    const area = svg.getBoundingClientRect();
    const size = svg.viewBox.baseVal;
    return {
      x: ((event.clientX - area.left) / area.width) * size.width,
      y: ((event.clientY - area.top) / area.height) * size.height,
    };
  };
  const inside = ({ x, y }) => ({
    x: Math.max(host.scales.x.start, Math.min(host.scales.x.end, x)),
    y: Math.max(host.scales.y.end, Math.min(host.scales.y.start, y)),
  });

  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const here = inside(pointAt(event));
    if (event.pointerType === "touch") {
      host.setCursor(host.scales.x.invert(here.x), {}); // a finger that is dragged scrolls the page
      return;
    }
    start = here;
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const here = inside(pointAt(event));
    host.setCursor(host.scales.x.invert(here.x), {});
    if (!start) return;
    box?.remove();
    box = svgElement("rect", {
      x: Math.min(start.x, here.x),
      y: Math.min(start.y, here.y),
      width: Math.abs(start.x - here.x),
      height: Math.abs(start.y - here.y),
      fill: "#0072b2",
      "fill-opacity": 0.12,
      stroke: "#0072b2",
    });
    svg.append(box);
  });
  svg.addEventListener("pointerup", (event) => {
    if (!start) return;
    const here = inside(pointAt(event));
    const { x, y } = host.scales;
    const [left, right] = [Math.min(start.x, here.x), Math.max(start.x, here.x)];
    const [top, bottom] = [Math.min(start.y, here.y), Math.max(start.y, here.y)];
    start = null;
    box?.remove();
    box = null;
    if (right - left < LEAST_DRAG) return;
    const flat = bottom - top < LEAST_DRAG;
    const ends = flat ? null : [y.invert(bottom), y.invert(top)].sort((a, b) => a - b);
    host.viewport.frame(
      { from: x.invert(left), to: x.invert(right) },
      ends && { from: ends[0], to: ends[1] },
    );
    host.draw();
  });
  svg.addEventListener("pointercancel", () => {
    start = null;
    box?.remove();
  });
  svg.addEventListener("pointerleave", () => {
    if (!start) host.setCursor(null, {});
  });
  svg.addEventListener("dblclick", () => {
    host.viewport.reset();
    host.draw();
  });
  svg.addEventListener(
    "wheel",
    (event) => {
      // Without focus or Ctrl the wheel scrolls the page, as everywhere else.
      if (!event.ctrlKey && document.activeElement !== svg) return;
      event.preventDefault();
      const around = host.scales.x.invert(inside(pointAt(event)).x);
      host.viewport.zoom(event.deltaY < 0 ? IN : 1 / IN, around);
      host.draw();
    },
    { passive: false },
  );
  svg.addEventListener("keydown", (event) => {
    const act = keyAction(host, event);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function keyAction(host, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const { viewport } = host;
  const { x } = host.scales;
  const then = (change) => () => {
    change();
    host.draw();
  };
  const move = (pixels) => () => {
    const now = host.cursor === null ? (x.start + x.end) / 2 : x.at(host.cursor);
    const place = Math.max(x.start, Math.min(x.end, now + pixels));
    host.setCursor(x.invert(place), { announce: true });
  };
  const steps = (x.end - x.start) / 50;
  const around = host.cursor ?? undefined;
  switch (event.key) {
    case "+":
    case "=":
      return then(() => viewport.zoom(IN, around));
    case "-":
      return then(() => viewport.zoom(1 / IN, around));
    case "0":
      return then(() => viewport.reset());
    case "Escape":
      return () => host.setCursor(null, {});
    case "ArrowLeft":
      return event.shiftKey ? then(() => viewport.pan(-0.2)) : move(-steps);
    case "ArrowRight":
      return event.shiftKey ? then(() => viewport.pan(0.2)) : move(steps);
    default:
      return null;
  }
}
