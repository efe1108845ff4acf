/** The conversation as a list that follows its newest line, unless the viewer is reading further up. */

import { element } from "./dom.js";
import { ExchangeView } from "./exchange-view.js";
import { language } from "./i18n.js";

const NEAR_PX = 80;

export class LogView {
  #scroller;
  #list;
  #empty;
  #newer;
  #views = new Map();

  /** `scroller` scrolls `list`; `empty` stands in while there is nothing; `newer` is the button that leads down. */
  constructor({ scroller, list, empty, newer }, conversation, actions) {
    this.#scroller = scroller;
    this.#list = list;
    this.#empty = empty;
    this.#newer = newer;
    conversation.addEventListener("change", (event) => this.#change(event.detail, actions));
    conversation.addEventListener("remove", (event) => this.#remove(event.detail));
    conversation.addEventListener("notice", (event) => this.note(event.detail));
    language.addEventListener("change", () => this.#views.forEach((view) => view.update()));
    newer.addEventListener("click", () => this.#toEnd());
    scroller.addEventListener("scroll", () => this.#atEnd() && (newer.hidden = true), { passive: true });
    new ResizeObserver(() => this.#newer.hidden && this.#toEnd()).observe(scroller);
  }

  /** A line from the room itself. */
  note(text) {
    this.#following(() => this.#list.append(element("p", { class: "notice", text })), false);
    this.#empty.hidden = true;
  }

  #change(exchange, actions) {
    this.#empty.hidden = true;
    const view = this.#views.get(exchange);
    this.#following(() => {
      if (view) return view.update();
      const made = new ExchangeView(exchange, actions);
      this.#views.set(exchange, made);
      this.#list.append(made.root);
    }, exchange.own && !view);
  }

  #remove(exchange) {
    this.#views.get(exchange)?.root.remove();
    this.#views.delete(exchange);
  }

  /** Do `change`, and stay at the end if the viewer was there (or `always`: it is the viewer's own question). */
  #following(change, always) {
    const follow = always || this.#atEnd();
    change();
    if (follow) this.#toEnd();
    else this.#newer.hidden = false;
  }

  #atEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#newer.hidden = true;
  }
}
