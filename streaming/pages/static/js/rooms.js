/** The list of rooms. */

import { element, find, icon } from "./dom.js";
import { condition, language, pick, t, translate } from "./i18n.js";

const REFRESH_MS = 5_000;

let rooms = null;

function card({ id, title, host, state }) {
  const path = `/rooms/${encodeURIComponent(id)}`;
  return element(
    "li",
    { class: "card" },
    element("p", { class: "state", "data-state": state }, element("i", { class: "dot" }), condition(state)),
    element("h2", { text: pick(title) }),
    element("p", { class: "host", text: t("rooms.host", { host: pick(host) }) }),
    element(
      "p",
      { class: "links" },
      element("a", { class: "primary", href: path }, t("rooms.enter"), icon("arrow")),
      element("a", { class: "quiet", href: `${path}/kiosk`, text: t("rooms.kiosk") }),
    ),
  );
}

function draw() {
  if (rooms === null) return;
  find("#rooms").replaceChildren(...rooms.map(card));
  find("#none").hidden = rooms.length > 0;
}

async function refresh() {
  let listed;
  try {
    const response = await fetch("/api/rooms");
    listed = await response.json();
    find("#failed").hidden = true;
  } catch {
    find("#failed").hidden = false;
    return;
  }
  // Redrawing takes the focus from a link: only when something changed.
  if (JSON.stringify(listed) === JSON.stringify(rooms)) return;
  rooms = listed;
  draw();
}

translate();
find("#language").addEventListener("click", () => language.toggle());
language.addEventListener("change", draw);
void refresh();
setInterval(() => document.hidden || void refresh(), REFRESH_MS);
