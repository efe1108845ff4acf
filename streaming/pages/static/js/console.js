/** The operator's page: for now, how things are. */

import { element, find } from "./dom.js";
import { condition, language, pick, t, translate } from "./i18n.js";

const REFRESH_MS = 3_000;

let seen = { health: null, rooms: [], at: null };

async function refresh() {
  try {
    // A degraded service may answer 503, and its body still says what is missing.
    const [health, rooms] = await Promise.all(["/healthz", "/api/rooms"].map((path) => fetch(path)));
    seen = { health: await health.json(), rooms: await rooms.json(), at: new Date() };
  } catch {
    seen = { ...seen, health: null };
  }
  draw();
}

function draw() {
  const { health, rooms, at } = seen;
  const word = health?.status ?? null;
  const state = health === null ? "gone" : word === "degraded" ? "degraded" : "ok";
  find("#health").dataset.state = state;
  find("#health .words").textContent = t(`console.${state}`);
  find("#raw").textContent = health === null ? "" : JSON.stringify(health, null, 2);
  find("#updated").textContent = at ? t("console.updated", { time: at.toLocaleTimeString(document.documentElement.lang) }) : "";
  const conditions = new Map((health?.rooms ?? []).map((room) => [room.id, room]));
  find("#rooms tbody").replaceChildren(...rooms.map((room) => row(room, conditions.get(room.id))));
  find("#none").hidden = rooms.length > 0;
}

function row({ id, title, host, state }, now) {
  return element(
    "tr",
    {},
    element("td", {}, element("a", { href: `/rooms/${encodeURIComponent(id)}`, text: pick(title) })),
    element("td", { text: pick(host) }),
    element("td", { text: condition(state) }),
    element("td", {}, ...(now?.outlets ?? []).map(outlet)),
  );
}

/** A push or recording: whether it is live, and why not. */
function outlet({ name, state, error }) {
  const words = [name, t(`console.outlet.${state}`), error].filter(Boolean).join(" · ");
  const shown = { live: "ok", connecting: "degraded", waiting: "gone" }[state];
  return element("p", { class: "health", "data-state": shown }, element("i", { class: "dot" }), element("span", { text: words }));
}

translate();
find("#language").addEventListener("click", () => language.toggle());
language.addEventListener("change", draw);
void refresh();
setInterval(() => document.hidden || void refresh(), REFRESH_MS);
