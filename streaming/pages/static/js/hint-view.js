/** One line that tells the viewer what just happened: the microphone, a refusal, a lost connection. */

import { language } from "./i18n.js";

const SHOWN_MS = 8_000;

export class HintView {
  #line;
  #words = null;
  #timer = 0;

  constructor(line) {
    this.#line = line;
    language.addEventListener("change", () => this.#draw());
  }

  /** `words` is called again when the language changes. `tone`: "plain", "active" or "bad"; `stay`: until replaced. */
  say(words, { tone = "plain", stay = false } = {}) {
    clearTimeout(this.#timer);
    this.#words = words;
    this.#line.dataset.tone = tone;
    this.#draw();
    if (words && !stay) this.#timer = setTimeout(() => this.say(null), SHOWN_MS);
  }

  #draw() {
    this.#line.hidden = !this.#words;
    this.#line.textContent = this.#words?.() ?? "";
  }
}

/** What a state of push-to-talk is called; for HintView.say. */
export function talkHint({ state, reason, text }, t) {
  if (state === "idle") return null;
  if (state === "failed") return () => t(`talk.failed.${reason}`);
  return () => (text && state !== "understood" ? text : t(`talk.${state}`, { text }));
}
