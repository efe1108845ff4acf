/** The few things every page does with the document. */

const SVG = "http://www.w3.org/2000/svg";
const ICONS = "/static/img/icons.svg";

/** The one element that `selector` names; a page that lacks it is broken, so say which. */
export function find(selector, root = document) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/** Make an element: `class` and `text` are shorthands, `on*` are listeners, the rest are attributes. */
export function element(tag, { class: className, text, ...rest } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(rest)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** A decorative icon from the sprite; the control around it carries the name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/** Point an icon that is already on the page at another drawing. */
export function setIcon(holder, name) {
  find("use", holder).setAttribute("href", `${ICONS}#${name}`);
}

/** What this browser remembers between visits; browsers may forbid it, and then nothing is remembered. */
export const memory = {
  get(key) {
    try {
      return localStorage.getItem(`everhost.${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`everhost.${key}`, value);
    } catch {
      // Private windows may refuse storage; the choice then lasts as long as the page.
    }
  },
};
