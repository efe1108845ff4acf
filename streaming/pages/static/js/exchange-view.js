/** One exchange on the page: the question, the answer as it is made, its sources, what can be done. */

import { gap } from "./conversation.js";
import { element, icon } from "./dom.js";
import { known, language, pick, t } from "./i18n.js";

const NOT_TAKEN = new Set(["rejected", "failed"]);

export class ExchangeView {
  #exchange;
  #question = element("p", { class: "question" });
  #asker = element("p", { class: "asker" });
  #answer = element("div", { class: "answer" });
  #text = element("p", { class: "text" });
  #sources;
  #foot = element("div", { class: "foot" });
  #drawn = [];
  #numbers = new Set();
  #said = "";

  /** `onStop(id)` interrupts the host, `onRetry(exchange)` asks again, `onAppeal(exchange, text)` asks to be heard. */
  constructor(exchange, { onStop, onRetry, onAppeal }) {
    this.#exchange = exchange;
    this.onStop = onStop;
    this.onRetry = onRetry;
    this.onAppeal = onAppeal;
    this.#sources = new SourceList(exchange);
    this.#answer.append(this.#text, this.#sources.root);
    this.root = element("article", { class: "exchange" }, this.#asker, this.#question, this.#answer, this.#foot);
    this.update();
  }

  update() {
    const { own, name, question, phase, sentences, citations, speaking, refused } = this.#exchange;
    this.root.classList.toggle("own", own);
    this.root.dataset.phase = phase;
    this.root.dataset.id = this.#exchange.id ?? "";
    this.root.classList.toggle("speaking", speaking);
    this.root.classList.toggle("refused", refused);
    this.#asker.textContent = own ? t("entry.you") : name || t("entry.guest");
    this.#asker.hidden = this.#question.hidden = !question;
    this.#question.textContent = question;
    this.#write(sentences, citations);
    this.#sources.update();
    this.#answer.hidden = sentences.length === 0;
    this.#drawFoot();
  }

  /** Append what is new, so that a screen reader reads out the new sentence only. */
  #write(sentences, citations) {
    const numbers = new Set(citations.map((citation) => citation.n));
    const grown = this.#drawn.every((sentence, n) => sentences[n] === sentence);
    if (!grown || numbers.size !== this.#numbers.size) {
      this.#text.replaceChildren();
      this.#drawn = [];
      this.#numbers = numbers;
    }
    for (const sentence of sentences.slice(this.#drawn.length)) {
      const before = this.#drawn.at(-1) ?? "";
      this.#text.append(gap(before, sentence), ...this.#marked(sentence));
      this.#drawn.push(sentence);
    }
  }

  /** A sentence with its `[1]` marks made into small references to the sources below. */
  #marked(sentence) {
    return sentence.split(/(\s*\[\d+\])/).map((part) => {
      const n = Number(part.match(/^\s*\[(\d+)\]$/)?.[1]);
      // The word joiner keeps a mark from starting a line alone.
      return this.#numbers.has(n) ? element("sup", { text: `\u2060${n}` }) : element("span", { text: part });
    });
  }

  /** Drawn anew only when it says something else: a button that has the focus must not vanish under it. */
  #drawFoot() {
    const { phase, speaking, refused, stoppable, stopping } = this.#exchange;
    const words = this.#condition();
    const said = JSON.stringify([language.current, phase, words, speaking, refused, stoppable, stopping]);
    if (said === this.#said) return;
    this.#said = said;
    this.#foot.replaceChildren(...this.#footing(words));
    this.#foot.hidden = this.#foot.childElementCount === 0;
  }

  #footing(words) {
    const { phase, code, speaking, refused, stoppable, stopping, own } = this.#exchange;
    const parts = [];
    if (words) parts.push(element("span", { class: NOT_TAKEN.has(phase) && code !== "declined" ? "bad" : "condition" }, words));
    else if (speaking) parts.push(element("span", { class: "condition talking" }, wave(), t("entry.speaking")));
    if (refused) parts.push(element("span", { class: "condition" }, t("entry.refused")));
    if (stoppable) {
      const end = phase === "waiting" ? "withdraw" : "stop";
      const stop = { class: "stop", type: "button", "aria-label": t(`entry.${end}.label`), disabled: stopping };
      stop.onclick = () => this.onStop(this.#exchange.id);
      parts.push(element("button", stop, icon("stop"), t(`entry.${end}`)));
    }
    if (own && phase === "failed") {
      const retry = { class: "quiet", type: "button", text: t("entry.retry"), onclick: () => this.onRetry(this.#exchange) };
      parts.push(element("button", retry));
    }
    if (own && phase === "rejected" && code === "muted" && this.onAppeal) parts.push(this.#appeal());
    return parts;
  }

  /** Whoever is muted may write to the operator, once. */
  #appeal() {
    const text = element("input", { type: "text", maxlength: 500, required: true, "aria-label": t("appeal.label"), placeholder: t("appeal.label") });
    const onsubmit = (event) => {
      event.preventDefault();
      this.onAppeal(this.#exchange, text.value);
    };
    return element("form", { class: "appeal", onsubmit }, text, element("button", { class: "quiet", text: t("appeal.ask") }));
  }

  /** What is to be said about where the question stands; "" when the answer speaks for itself. */
  #condition() {
    const { phase, position, code, reason, sentences, own, right } = this.#exchange;
    if (phase === "sending") return t("entry.sending");
    if (phase === "waiting") {
      if (!own || position === null) return t("entry.queued");
      return position > 1 ? t("entry.waiting", { count: position - 1 }) : t("entry.next");
    }
    if (phase === "answering" && sentences.length === 0) return t("entry.answering");
    if (phase === "guessed") return t(right ? "entry.guess.right" : "entry.guess.wrong");
    if (phase === "rejected") return known("rejected", code, pick(reason));
    if (phase === "appealed") return t("appeal.sent");
    if (phase === "failed") return t("entry.failed");
    if (phase === "skipped") return known("skipped", reason);
    if (phase === "expired" || phase === "held") return t(`entry.${phase}`);
    return "";
  }
}

/** Numbered chips under an answer; each opens to where it stands and what it says there. */
class SourceList {
  #exchange;
  #drawn = null;
  #chips = element("div", { class: "chips" });
  #detail = element("div", { class: "source", hidden: true });
  root = element("div", { class: "sources", hidden: true }, this.#chips, this.#detail);

  constructor(exchange) {
    this.#exchange = exchange;
  }

  update() {
    const { citations } = this.#exchange;
    this.root.hidden = citations.length === 0;
    if (citations === this.#drawn) return;
    this.#drawn = citations;
    this.#detail.id = `source-${this.#exchange.key}`;
    this.#detail.hidden = true;
    this.#chips.replaceChildren(...citations.map((citation) => this.#chip(citation)));
  }

  #chip(citation) {
    const chip = element(
      "button",
      {
        class: "chip",
        type: "button",
        title: citation.title,
        "aria-label": t("entry.source", citation),
        "aria-expanded": "false",
        "aria-controls": this.#detail.id,
        onclick: () => this.#toggle(chip, citation),
      },
      element("b", { text: citation.n }),
      element("span", { text: citation.title }),
      element("small", { text: place(citation.locator) }),
    );
    return chip;
  }

  #toggle(chip, { title, locator, quote }) {
    const opening = chip.getAttribute("aria-expanded") !== "true";
    for (const other of this.#chips.children) other.setAttribute("aria-expanded", "false");
    chip.setAttribute("aria-expanded", String(opening));
    this.#detail.hidden = !opening;
    if (!opening) return;
    this.#detail.replaceChildren(
      element("p", { class: "title", text: title }),
      element("p", { class: "locator", text: locator }),
      element("blockquote", { text: quote }),
    );
    this.#detail.scrollIntoView({ block: "nearest" });
  }
}

/** The innermost part of a locator such as "Chapter 2 · Article 10": the one a reader looks up. */
function place(locator) {
  return locator.split(/\s*[·›»>|/]\s*/).at(-1);
}

/** Three bars that move while the host speaks. */
function wave() {
  return element("span", { class: "wave", "aria-hidden": "true" }, ...[1, 2, 3].map(() => element("i")));
}
