/** The viewer page. */

import { Composer } from "./composer.js";
import { find } from "./dom.js";
import { language, t } from "./i18n.js";
import { LogView } from "./log-view.js";
import { suggestions, visit } from "./visit.js";

const { session } = visit();
const composer = new Composer(find("#composer"));

const actions = {
  onStop: (id) => session.interrupt(id),
  onRetry: (exchange) => session.ask(exchange.question, { name: exchange.name }),
  onAppeal: (exchange, text) => session.appeal(exchange.clientId, text),
};
new LogView(
  { scroller: find("#log"), list: find("#exchanges"), empty: find("#empty"), newer: find("#newer") },
  session.conversation,
  actions,
);

session.addEventListener("welcome", ({ detail }) => (composer.longest = detail.room.max_characters ?? composer.longest));
composer.addEventListener("ask", ({ detail }) => session.ask(detail.text, { name: detail.name }));
suggestions(find("#suggestions"), session, (text, spoken) => {
  session.ask(text, { name: composer.name, language: spoken });
});

/** The card beside the host is in the picture; what can be followed is its link. */
session.addEventListener("card", ({ detail: { title, link } }) => {
  const shown = find("#card");
  shown.hidden = !(title && link);
  shown.textContent = title;
  if (link) shown.href = link;
});

/** In the header: on air or not. Above the conversation: why nothing can be asked just now. */
function drawLink() {
  const { signal, picture } = session.link;
  const state = picture.state === "live" && signal.state === "open" ? "on" : "connecting";
  const broken = signal.state === "waiting" || picture.state === "failed" || picture.state === "waiting";
  const air = find("#air");
  air.dataset.state = broken ? "off" : state;
  find(".words", air).textContent = t(`air.${air.dataset.state}`);
  const banner = find("#banner");
  // While the picture is missing too, the cover over it says the same.
  banner.hidden = !(signal.state === "waiting" && picture.state !== "idle");
  banner.textContent = banner.hidden ? "" : t("link.messages", { why: t(`why.${signal.reason}`) });
}
session.addEventListener("link", drawLink);
language.addEventListener("change", drawLink);
drawLink();

session.start();
