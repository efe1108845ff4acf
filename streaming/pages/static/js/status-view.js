/** What is still arriving before the host can answer, with how far it is. */

import { element } from "./dom.js";
import { language, pick, t } from "./i18n.js";

const UNITS = ["B", "KB", "MB", "GB"];

export class StatusView {
  #root;
  #status = null;
  #rows = new Map();

  constructor(root, session) {
    this.#root = root;
    session.addEventListener("status", (event) => this.#show(event.detail));
    language.addEventListener("change", () => this.#status && this.#show(this.#status));
  }

  #show(status) {
    this.#status = status;
    this.#root.hidden = status.state === "ready";
    const names = new Set(status.missing.map((part) => part.name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.root.remove();
      this.#rows.delete(name);
    }
    for (const part of status.missing) this.#row(part.name).update(part);
  }

  /** Rows stay from one message to the next, so that the bars move and a screen reader is not told anew. */
  #row(name) {
    if (!this.#rows.has(name)) {
      const row = new PartRow();
      this.#rows.set(name, row);
      this.#root.append(row.root);
    }
    return this.#rows.get(name);
  }
}

class PartRow {
  #what = element("span", { class: "what" });
  #far = element("span", { class: "far" });
  #bar = element("progress");
  #error = element("p", { class: "bad", hidden: true });
  root = element(
    "div",
    { class: "part" },
    element("div", { class: "line" }, this.#what, this.#far),
    this.#bar,
    this.#error,
  );

  update({ what, done, total, error }) {
    const words = pick(what);
    this.#what.textContent = words;
    this.#bar.setAttribute("aria-label", words);
    if (total > 0) {
      this.#bar.max = total;
      this.#bar.value = done;
      this.#far.textContent = t("status.done", { done: size(done, total), total: size(total, total) });
    } else {
      this.#bar.removeAttribute("value");
      this.#far.textContent = t("status.starting");
    }
    this.#error.hidden = !error;
    this.#error.textContent = error ? t("status.error", { error: pick(error) }) : "";
  }
}

/** Bytes in the unit that suits `scale`. */
export function size(bytes, scale = bytes) {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log(scale || 1) / Math.log(1000))));
  const value = bytes / 1000 ** step;
  return `${value.toFixed(step > 2 ? 2 : 0)} ${UNITS[step]}`;
}
