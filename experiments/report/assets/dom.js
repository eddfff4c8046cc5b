// Elements, numbers and files: what every other module needs of the page.

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, value);
    }
  }
  // Text becomes text nodes, never HTML: labels and errors may hold anything.
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svgElement(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG_NAMESPACE, name), attributes, children);
}

// Up to `digits` significant digits, without trailing zeros.
export function plainNumber(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

// Accuracies come as whole numbers of a hundredth of a percentage point.
export function percent(value) {
  return value === null || value === undefined ? "–" : `${(value / 100).toFixed(2)} %`;
}

// Seconds with as many decimals as make five digits of the whole budget.
export function seconds(value, budget) {
  return value.toFixed(Math.max(0, Math.min(6, 5 - Math.ceil(Math.log10(budget)))));
}

export function button(label, onClick, attributes = {}) {
  return element("button", { type: "button", on: { click: onClick }, ...attributes }, label);
}

// A button that is on or off.
export function toggle(label, pressed, onChange) {
  const node = button(label, () => {
    const now = node.getAttribute("aria-pressed") !== "true";
    node.setAttribute("aria-pressed", String(now));
    onChange(now);
  });
  node.setAttribute("aria-pressed", String(pressed));
  return node;
}

export function labelled(label, control) {
  return element("label", { class: "labelled" }, `${label} `, control);
}

export function choice(options, onChange) {
  const node = element("select", { on: { change: () => onChange(node.value) } });
  for (const [value, label] of options) node.append(element("option", { value }, label));
  return node;
}

export function saveFile(name, mediaType, text) {
  const address = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

export function readJson(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

// What `packed` in replay_payload.py made: JSON, compressed with gzip, as base64.
export async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}
