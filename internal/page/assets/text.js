// Small helpers. Foreign text reaches the page only through textContent.

export const find = (id) => document.getElementById(id);

/** Sets a text, if it is another one: a screen reader reads what changes. */
export function put(at, text) {
  if (at.textContent !== text) at.textContent = text;
}

/** Sets a class among those that say how something looks. */
export function tone(at, name) {
  for (const each of ["good", "bad", "wait"]) at.classList.toggle(each, each === name);
}

/** Makes an element with a class and content: texts and elements. */
export function make(name, look, ...content) {
  const made = document.createElement(name);
  if (look) made.className = look;
  made.append(...content);
  return made;
}

/** Makes an element of an SVG. */
export function shape(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export const whole = (n) => Math.round(n).toLocaleString("en");

/** Shows a share in percent. */
export const percent = (n) => `${+n.toFixed(n < 1 ? 2 : 1)} %`;

/** Shows seconds. */
export function seconds(n) {
  if (n < 0) return "–";
  if (n < 100) return `${n.toFixed(1)} s`;
  if (n < 3600) return `${Math.floor(n / 60)} min ${Math.floor(n % 60)} s`;
  return `${Math.floor(n / 3600)} h ${Math.floor(n / 60 % 60)} min`;
}
