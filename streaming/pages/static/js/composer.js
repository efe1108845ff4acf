/** Where the viewer writes: the text, an optional name, the send button. */

import { find, memory } from "./dom.js";
import { language, t } from "./i18n.js";

const LONGEST = 500;
const NEAR = 0.8;

/** Event `ask` (detail: {text, name}). */
export class Composer extends EventTarget {
  #text;
  #name;
  #send;
  #count;

  constructor(form) {
    super();
    this.#text = find("textarea", form);
    this.#name = find("input[name=name]", form);
    this.#send = find(".send", form);
    this.#count = find(".count", form);
    this.longest = LONGEST;
    this.#name.value = memory.get("name") ?? "";
    this.#name.addEventListener("change", () => memory.set("name", this.#name.value.trim()));
    this.#text.addEventListener("input", () => this.#draw());
    this.#text.addEventListener("keydown", (event) => this.#key(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    language.addEventListener("change", () => this.#draw());
  }

  /** How many characters a question may have; the room says. */
  set longest(characters) {
    this.#text.maxLength = characters;
    this.#draw();
  }

  get longest() {
    return this.#text.maxLength;
  }

  get name() {
    return this.#name.value.trim();
  }

  /** Enter sends, unless it confirms a candidate of an input method (Safari tells this by key code 229 only). */
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text) return;
    this.#text.value = "";
    this.#draw();
    this.dispatchEvent(new CustomEvent("ask", { detail: { text, name: this.name } }));
  }

  #draw() {
    const count = this.#text.value.length;
    this.#send.disabled = this.#text.value.trim() === "";
    this.#count.textContent = t("ask.count", { count, limit: this.#text.maxLength });
    this.#count.classList.toggle("near", count >= NEAR * this.#text.maxLength);
    // Grow with the text, up to what the style sheet allows.
    this.#text.style.height = "";
    if (count > 0) this.#text.style.height = `${this.#text.scrollHeight + 2}px`;
  }
}
